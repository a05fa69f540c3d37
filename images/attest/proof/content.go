package proof

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// predicateType is the predicate type of content statements. docs/airgap-format.md describes the predicate.
const predicateType = "https://github.com/slipway-build/slipway/archive-content/v1"

// A Content is the predicate of a content statement. It is the same for an archive in all codecs, since it
// describes the files of the tar.
type Content struct {
	// Release is the release that the archive belongs to, or nil.
	Release *Origin `json:"release,omitempty"`
	// Images are the images in the order of manifest.json.
	Images []ImageContent `json:"images"`
	// Files are all files of the archive, in order, but for the statement and its signatures.
	Files []File `json:"files"`
	// Proof are the items about the archive as a whole, such as keys.
	Proof []Item `json:"proof,omitempty"`
}

// An Origin is what an archive was made from.
type Origin struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Commit  string `json:"commit,omitempty"` // full, in hex
}

// An ImageContent describes an image of an archive.
type ImageContent struct {
	// Names are fully qualified, as in index.json.
	Names    []string `json:"names"`
	Platform string   `json:"platform"`
	// Own is set for an image that the release built.
	Own bool `json:"own,omitempty"`
	// Config and Manifest are digests of files in the archive.
	Config   v1.Hash         `json:"config"`
	Manifest v1.Hash         `json:"manifest"`
	DiffIDs  []v1.Hash       `json:"diffIDs"`
	Registry RegistryDigests `json:"registry"`
	Proof    []Item          `json:"proof,omitempty"`
}

// RegistryDigests are the digests of an image in the registry, which signatures are made for. An archive with
// uncompressed layers has another manifest.
type RegistryDigests struct {
	Manifest v1.Hash `json:"manifest"`
	// Indexes are the index that the image was chosen from, and the indexes nested in it that lead to the
	// image, outermost first.
	Indexes []v1.Hash `json:"indexes,omitempty"`
}

// A File is a file of an archive. Folders are not files.
type File struct {
	Name   string  `json:"name"`
	Digest v1.Hash `json:"digest"`
	Size   int64   `json:"size"` // in bytes
}

// A Kind says what an item is.
type Kind string

// The kinds of items.
const (
	Manifest   Kind = "manifest"   // the registry's manifest of an image
	Index      Kind = "index"      // an index of the registry that leads to an image
	Signature  Kind = "signature"  // of the registry's manifest or index
	Provenance Kind = "provenance" // where an image comes from
	VEX        Kind = "vex"        // which vulnerabilities affect it
	Trust      Kind = "trust"      // a public key or a Sigstore trusted root, to be compared with one's own
	SBOM       Kind = "sbom"       // what is inside
	Referrer   Kind = "referrer"   // the registry's manifest of what is attached to the image; its config and layers are items, too
	Blob       Kind = "blob"       // a config or layer of a referrer that is of no other kind
)

// An Item describes a document of the proof. Its file is ItemFile(Digest).
type Item struct {
	Kind        Kind              `json:"kind"`
	MediaType   string            `json:"mediaType"`
	Digest      v1.Hash           `json:"digest"`
	Size        int64             `json:"size"` // in bytes
	Annotations map[string]string `json:"annotations,omitempty"`
}

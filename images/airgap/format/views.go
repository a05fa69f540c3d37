package format

import (
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The names of the files of the views, and of the folder of blobs, which is that of the OCI
// image layout.
const (
	ManifestJSON = "manifest.json" // Docker's view, which all readers but containerd go by
	OCILayout    = "oci-layout"    // makes containerd go by index.json
	IndexJSON    = "index.json"    // OCI's view
	BlobFolder   = "blobs/sha256/"
)

// JSONLimit is the size of the largest JSON file that readers accept, in bytes (containerd,
// core/images/archive).
const JSONLimit = 20 << 20

// MaxNesting is the maximum depth of nested indexes.
const MaxNesting = 4

// A ManifestEntry is an image in manifest.json. It has no LayerSources, because
// go-containerregistry treats the layers named there as foreign (go-containerregistry#1870).
type ManifestEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// BlobName returns the name of the file of a blob.
func BlobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// IsHexDigest reports whether s is a SHA-256 in lower-case hex. crane names layers so.
func IsHexDigest(s string) bool { return hexSHA256.MatchString(s) }

package report

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
)

// documentFormat is the version of the documents that Decode reads; see docs/json.md.
const documentFormat = 1

// A Document describes a release. It has the members of artifacts.json, and more.
type Document struct {
	Project string          `json:"project"`
	Release version.Release `json:"release"`
	// Made is what the release consists of, as in artifacts.json.
	Made []release.Made `json:"made"`
	// Images are the images of the release, and Archives its archives, as far as they can be read.
	Images   []SizedImage   `json:"images"`
	Archives []SizedArchive `json:"archives"`
	// Shared are the layers that several images have, by the bytes that it saves.
	Shared []SharedLayer `json:"shared"`
	// Packages are what the SBOMs of the release list.
	Packages []Software `json:"packages"`
	// Runs are what is known about the runs that made the release.
	Runs []*record.Record `json:"runs"`
	// Notes say what could not be read.
	Notes []string `json:"notes"`
	// Changes are the differences from an earlier release, if one was named.
	Changes *Changes `json:"changes,omitempty"`
}

// A SizedImage is an image of the release, or of an archive.
type SizedImage struct {
	Image    string          `json:"image"`
	Platform images.Platform `json:"platform,omitzero"`
	Digest   string          `json:"digest"`
	// Size is the sum of the layers that belong to no image before, in bytes.
	Size   int64        `json:"size"`
	Layers []SizedLayer `json:"layers"`
}

// A SizedLayer is a layer of an image.
type SizedLayer struct {
	// DiffID is the digest of the layer without compression, by which layers are compared.
	DiffID string `json:"diffID"`
	// Size is the compressed size in a registry or in the archive, in bytes.
	Size int64 `json:"size"`
	// Elsewhere means that an image before has the layer, and that it counts for that one.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// A SizedArchive is an air-gap archive.
type SizedArchive struct {
	Name     string          `json:"name"`
	Platform images.Platform `json:"platform,omitzero"`
	// Path is that of the smallest file with these images, and Size its size, in bytes.
	Path string `json:"path"`
	Size int64  `json:"size"`
	// Rest is what belongs to no layer: manifests, names and the index of the archive, in bytes.
	Rest   int64        `json:"rest"`
	Images []SizedImage `json:"images"`
}

// A SharedLayer is in several images of the release or of an archive.
type SharedLayer struct {
	DiffID string `json:"diffID"`
	// Size is the largest compressed size, in bytes.
	Size int64 `json:"size"`
	// Images are the images with the layer, and Archives the names of the archives.
	Images   []string `json:"images"`
	Archives []string `json:"archives"`
	// Saved is what an archive or a registry would have more if each image had its own copy, summed, in bytes. Repeated is
	// what several archives of one platform contain each, in bytes.
	Saved    int64 `json:"saved"`
	Repeated int64 `json:"repeated"`
}

// Software is a package that SBOMs list.
type Software struct {
	// Name is the type and the name of its package URL, such as deb/debian/openssl.
	Name     string   `json:"name"`
	Versions []string `json:"versions"`
	// Subjects is the number of artifacts and images whose SBOM lists it.
	Subjects int `json:"subjects"`
}

// Encode writes a report as JSON that can stand in a page: it has no <, > or &.
func (r *Document) Encode() ([]byte, error) {
	document, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append(fmt.Appendf(nil, `{"format":%d,`, documentFormat), bytes.TrimPrefix(document, []byte("{"))...), nil
}

// Decode reads a report, as JSON or within a page, or an artifacts.json.
func Decode(raw []byte) (*Document, error) {
	if data, ok := embedded(raw); ok {
		raw = data
	}
	var document struct {
		// Format is that of documents of commands, and nil in artifacts.json.
		Format *int `json:"format"`
		Document
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, fmt.Errorf("not a report of slipway: %w", err)
	}
	switch {
	case document.Format != nil && *document.Format != documentFormat:
		return nil, fmt.Errorf("a report of format %d, want %d: it is of another version of slipway; make it again with this one", *document.Format, documentFormat)
	case document.Made == nil:
		return nil, fmt.Errorf("not a report of slipway: it has no member made")
	}
	return &document.Document, nil
}

// element is the start tag of the element of a page with its data.
const element = `<script type="application/json" id="slipway-report">`

// embedded returns the data in a page.
func embedded(page []byte) ([]byte, bool) {
	_, rest, ok := bytes.Cut(page, []byte(element))
	if !ok {
		return nil, false
	}
	data, _, ok := bytes.Cut(rest, []byte("</script>"))
	return data, ok
}

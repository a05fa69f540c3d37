package images

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An Artifact is what a registry or a layout stores under a tag: an image, an index of images, or files with a
// manifest of an image. Each v1.Image and v1.ImageIndex is one, and whoever stores it needs to know which.
type Artifact interface {
	// MediaType is that of the manifest.
	MediaType() (types.MediaType, error)
	// Size is that of the manifest, in bytes.
	Size() (int64, error)
	// Digest is that of the manifest.
	Digest() (v1.Hash, error)
	// RawManifest returns the bytes of the manifest.
	RawManifest() ([]byte, error)
}

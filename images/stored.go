package images

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An Artifact is the content of a tag in a registry or a layout: an image, an index of images, or files with
// the manifest of an image. v1.Image and v1.ImageIndex implement it; code that stores an Artifact tells them
// apart.
type Artifact interface {
	// MediaType returns the media type of the manifest.
	MediaType() (types.MediaType, error)
	// Size returns the size of the manifest, in bytes.
	Size() (int64, error)
	// Digest returns the digest of the manifest.
	Digest() (v1.Hash, error)
	// RawManifest returns the bytes of the manifest.
	RawManifest() ([]byte, error)
}

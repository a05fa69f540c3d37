package images

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A Format determines what builders would otherwise choose differently: the media types
// of manifest, config and layers, and the compression of layers.
type Format struct {
	// MediaTypes apply to manifest, config and layers alike.
	MediaTypes MediaTypes
	// Compression is how new layers are compressed.
	Compression Compression
}

// MediaTypes is a family of media types. The empty MediaTypes are OCI's.
type MediaTypes string

// The media types that Docker and OCI define.
const (
	OCIMediaTypes    MediaTypes = "oci"
	DockerMediaTypes MediaTypes = "docker"
)

// A Compression is an algorithm and its level.
type Compression struct {
	// Algorithm is "gzip" (or empty), "zstd" (OCI media types only) or "none".
	Algorithm string
	// Level is 1 to 9 for gzip and 1 to 22 for zstd (mapped to the four of
	// klauspost/compress); 0 is the default of 6 and 3.
	Level int
}

// Validate returns an error if no image can have the format.
func (f Format) Validate() error {
	switch f.MediaTypes {
	case "", OCIMediaTypes, DockerMediaTypes:
	default:
		return fmt.Errorf("media types %q: want %s or %s", string(f.MediaTypes), OCIMediaTypes, DockerMediaTypes)
	}
	c := f.Compression
	most := map[string]int{"": 9, "gzip": 9, "zstd": 22, "none": 0}
	limit, ok := most[c.Algorithm]
	switch {
	case !ok:
		return fmt.Errorf("compression %q: want gzip, zstd or none", c.Algorithm)
	case c.Level < 0 || c.Level > limit:
		return fmt.Errorf("%s level %d: want 1 to %d", c.Algorithm, c.Level, limit)
	case c.Algorithm == "zstd" && f.MediaTypes == DockerMediaTypes:
		return fmt.Errorf("zstd layers need oci media types: not every reader knows one of Docker's for them")
	}
	return nil
}

// Config returns the media type of an image config.
func (f Format) Config() types.MediaType {
	if f.MediaTypes == DockerMediaTypes {
		return types.DockerConfigJSON
	}
	return types.OCIConfigJSON
}

// Manifest returns the media type of a manifest.
func (f Format) Manifest() types.MediaType {
	if f.MediaTypes == DockerMediaTypes {
		return types.DockerManifestSchema2
	}
	return types.OCIManifestSchema1
}

package images

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A layerType is the meaning of a layer's media type.
type layerType struct {
	docker      bool
	compression string // gzip, zstd or none
	// foreign means that the layer may not be redistributed freely, as those of Windows
	// bases could not (image-spec/layer.md, "Non-Distributable Layers").
	foreign bool
}

// layerTypes are the media types of layers: those of the OCI image specification
// (layer.md) and of Docker's image manifest schema 2, and those that containerd and
// BuildKit add for zstd and for uncompressed foreign layers
// (containerd/core/images/mediatypes.go).
var layerTypes = map[types.MediaType]layerType{
	types.OCILayer:                       {compression: "gzip"},
	types.OCILayerZStd:                   {compression: "zstd"},
	types.OCIUncompressedLayer:           {compression: "none"},
	types.OCIRestrictedLayer:             {compression: "gzip", foreign: true},
	ociRestrictedLayerZstd:               {compression: "zstd", foreign: true},
	types.OCIUncompressedRestrictedLayer: {compression: "none", foreign: true},
	types.DockerLayer:                    {docker: true, compression: "gzip"},
	dockerLayerZstd:                      {docker: true, compression: "zstd"},
	types.DockerUncompressedLayer:        {docker: true, compression: "none"},
	types.DockerForeignLayer:             {docker: true, compression: "gzip", foreign: true},
	dockerUncompressedForeignLayer:       {docker: true, compression: "none", foreign: true},
}

// Media types without a name in go-containerregistry.
const (
	ociRestrictedLayerZstd         types.MediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
	dockerLayerZstd                types.MediaType = "application/vnd.docker.image.rootfs.diff.tar.zstd"
	dockerUncompressedForeignLayer types.MediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar"
)

// isLayer reports whether m is the media type of a layer of a file system.
func isLayer(m types.MediaType) bool {
	_, ok := layerTypes[m]
	return ok
}

// IsForeignLayer reports whether m is the media type of a layer that registries need
// not have.
func IsForeignLayer(m types.MediaType) bool { return layerTypes[m].foreign }

// LayerCompression returns the compression of layers with media type m: gzip, zstd or
// none; or "" if m is not the media type of a layer.
func LayerCompression(m types.MediaType) string { return layerTypes[m].compression }

// Layer returns the media type of a layer with a compression: gzip, zstd or none.
func (f Format) Layer(algorithm string) types.MediaType {
	m, ok := f.layerOf(layerType{compression: algorithm})
	if !ok {
		m, _ = f.layerOf(layerType{compression: "gzip"})
	}
	return m
}

// LayerLike returns the media type of f for a layer with the media type have, since
// Docker's and OCI's must not be mixed in one manifest. Other media types are returned
// unchanged.
func (f Format) LayerLike(have types.MediaType) (types.MediaType, error) {
	t, ok := layerTypes[have]
	if !ok {
		return have, nil
	}
	m, ok := f.layerOf(t)
	if !ok {
		return "", fmt.Errorf("a layer is %s, for which Docker's media types have no name; use oci media types", have)
	}
	return m, nil
}

// layerOf returns f's media type for a layer like t.
func (f Format) layerOf(t layerType) (types.MediaType, bool) {
	t.docker = f.MediaTypes == DockerMediaTypes
	for m, other := range layerTypes {
		if other == t {
			return m, true
		}
	}
	return "", false
}

package images

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A layerType is what a media type says of a layer.
type layerType struct {
	docker      bool
	compression string // gzip, zstd or none
	// foreign layers may not be distributed by everyone; Windows bases had them
	// (image-spec/layer.md, "Non-Distributable Layers").
	foreign bool
}

// layerTypes are all media types of layers: those of the OCI image specification
// (layer.md), of Docker's image manifest schema 2, and those of zstd and of plain
// foreign layers that containerd and BuildKit add to the latter
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

// Media types that go-containerregistry has no names for.
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

// IsForeignLayer reports whether m is the type of a layer that registries need not
// hold.
func IsForeignLayer(m types.MediaType) bool { return layerTypes[m].foreign }

// LayerCompression returns the compression that m says a layer has: gzip, zstd or
// none. It is empty if m is not the media type of a layer.
func LayerCompression(m types.MediaType) string { return layerTypes[m].compression }

// Layer is the media type of a layer compressed by algorithm: gzip, zstd or none.
func (f Format) Layer(algorithm string) types.MediaType {
	m, ok := f.layerOf(layerType{compression: algorithm})
	if !ok {
		m, _ = f.layerOf(layerType{compression: "gzip"})
	}
	return m
}

// LayerLike is the media type of f for a layer that has the media type have
// elsewhere: Docker's and OCI's must not be mixed in one manifest. What is not the
// media type of a layer stays as it is.
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

// layerOf is f's media type for a layer like t.
func (f Format) layerOf(t layerType) (types.MediaType, bool) {
	t.docker = f.MediaTypes == DockerMediaTypes
	for m, other := range layerTypes {
		if other == t {
			return m, true
		}
	}
	return "", false
}

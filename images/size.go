package images

import v1 "github.com/google/go-containerregistry/pkg/v1"

// ImageSize returns the size of an image in a registry, in bytes: that of its manifest, its config and its
// layers.
func ImageSize(image v1.Image) (int64, error) {
	m, err := image.Manifest()
	if err != nil {
		return 0, err
	}
	raw, err := image.RawManifest()
	if err != nil {
		return 0, err
	}
	size := int64(len(raw)) + m.Config.Size
	for _, l := range m.Layers {
		size += l.Size
	}
	return size, nil
}

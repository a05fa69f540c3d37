package format

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/sniff"
)

// What Pack refuses to write, Verify calls a problem: both ask the functions of this
// file. They judge what readers would make of an archive, of values that Pack is
// about to write and that Verify has read.

// A NamedLayer is a layer by its name in messages.
type NamedLayer struct {
	Name        string
	Compression sniff.Compression
}

// CheckLayers judges the layers of an image in manifest.json, which says
// nothing of their compression. RKE2's reader tells it by the first layer alone,
// Docker Engine 20.10 knows no zstd, and containerd takes every compressed layer for
// gzip.
func CheckLayers(layers []NamedLayer) []error {
	var errs []error
	for _, l := range layers {
		if l.Compression != sniff.None && l.Compression != sniff.Gzip {
			errs = append(errs, fmt.Errorf("layer %s is compressed by %s, which readers of manifest.json take for gzip", l.Name, l.Compression))
		}
		if l.Compression != layers[0].Compression {
			errs = append(errs, fmt.Errorf("layer %s is %s and layer %s is %s, and readers take all for what the first one is",
				layers[0].Name, layers[0].Compression, l.Name, l.Compression))
		}
	}
	return errs
}

// CheckLayerType compares the media type that a manifest has for a layer with its
// bytes. Readers tell compressions apart by the bytes, whichever the media type
// says; only where it says that there is none, containerd does not look
// (containerd/core/images, DiffCompression). So a wrong compression is a note and a
// layer that is secretly compressed an error.
func CheckLayerType(name string, m types.MediaType, is sniff.Compression) (note string, err error) {
	said := images.LayerCompression(m)
	switch {
	case said == "":
		return "", fmt.Errorf("%s has the media type %q, which is not that of a layer", name, m)
	case said == string(is):
		return "", nil
	case said == string(sniff.None):
		return "", fmt.Errorf("layer %s has the media type %s, but its compression is %s, which containerd does not look for", name, m, is)
	}
	return fmt.Sprintf("layer %s has the media type %s, but its compression is %s; readers go by the bytes", name, m, is), nil
}

// A NamedImage is an image by its name in messages.
type NamedImage struct {
	Name     string
	Platform v1.Platform
}

// CheckPlatforms judges what the images of an archive are for. A Windows image that
// does not state its version is taken for the host's (containerd#5916), and of two
// builds in one archive every node imports the wrong one too.
func CheckPlatforms(all []NamedImage) []error {
	var (
		errs   []error
		builds = map[string]string{}
	)
	for _, img := range all {
		switch p := img.Platform; {
		case p.OS == "" || p.Architecture == "" || p.OS == "unknown":
			errs = append(errs, fmt.Errorf("image %s states no platform: os %q, architecture %q", img.Name, p.OS, p.Architecture))
		case p.OS != "windows":
		case p.OSVersion == "":
			errs = append(errs, fmt.Errorf("image %s states no os.version, and a node takes its own for it; build it for an exact Windows version", img.Name))
		default:
			build := cmp.Or(images.WindowsBuild(p.OSVersion), p.OSVersion)
			if _, ok := builds[build]; !ok {
				builds[build] = img.Name
			}
		}
	}
	if len(builds) > 1 {
		var list []string
		for build, name := range builds {
			list = append(list, fmt.Sprintf("%s (%s)", build, name))
		}
		slices.Sort(list)
		errs = append(errs, fmt.Errorf("several Windows versions in one archive, all of which every node imports: %s; write an archive for each",
			strings.Join(list, ", ")))
	}
	return errs
}

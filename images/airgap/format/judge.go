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

// The functions in this file judge archives by the behavior of their readers. The writer
// returns their errors, and verify reports them as problems.

// A NamedLayer is a layer to check, with its name for messages.
type NamedLayer struct {
	Name        string
	Compression sniff.Compression
}

// CheckLayers checks the layers of an image in manifest.json, which does not state how they are
// compressed. RKE2's reader assumes that all are compressed as the first one is, Docker Engine
// 20.10 does not know zstd, and containerd treats every compressed layer as gzip.
func CheckLayers(layers []NamedLayer) []error {
	var errs []error
	for _, l := range layers {
		if l.Compression != sniff.None && l.Compression != sniff.Gzip {
			errs = append(errs, fmt.Errorf("layer %s is compressed by %s, which readers of manifest.json treat as gzip", l.Name, l.Compression))
		}
		if l.Compression != layers[0].Compression {
			errs = append(errs, fmt.Errorf("layer %s is %s and layer %s is %s, and readers treat all like the first one",
				layers[0].Name, layers[0].Compression, l.Name, l.Compression))
		}
	}
	return errs
}

// CheckLayerType compares the media type of a layer with the compression of its bytes. Readers
// go by the bytes, except that containerd does not look at them if the media type is that of an
// uncompressed layer (containerd/core/images, DiffCompression). So a compressed layer with such
// a media type is an error, and any other difference a note.
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

// A NamedImage is an image to check, with its name for messages.
type NamedImage struct {
	Name     string
	Platform v1.Platform
}

// CheckPlatforms checks the platforms of all images of an archive. containerd takes a Windows
// image without a version for one of the host's version (containerd#5916). Of an archive with
// two Windows builds, every node imports both.
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
			errs = append(errs, fmt.Errorf("image %s states no os.version, and every node considers it suitable; build it for an exact Windows version", img.Name))
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

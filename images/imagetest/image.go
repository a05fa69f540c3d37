package imagetest

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Platform parses a platform in a test: linux/amd64, windows/amd64:10.0.20348.4294, and
// windows/amd64:10.0.20348.4294+win32k for an os.feature. It does not use package images, so that
// the tests of that package can use it.
func Platform(t testing.TB, s string) v1.Platform {
	t.Helper()
	s, features, _ := strings.Cut(s, "+")
	p, err := v1.ParsePlatform(s)
	if err != nil {
		t.Fatal(err)
	}
	if features != "" {
		p.OSFeatures = strings.Split(features, "+")
	}
	return *p
}

// Image returns an image of layers for a platform in the format of Platform. Its media types are
// OCI's, or Docker's if those of its first layer are. For another config, change it with
// mutate.Config.
func Image(t testing.TB, platform string, layers ...v1.Layer) v1.Image {
	t.Helper()
	p := Platform(t, platform)
	manifestType, configType := types.OCIManifestSchema1, types.OCIConfigJSON
	if len(layers) > 0 && isDockers(t, layers[0]) {
		manifestType, configType = types.DockerManifestSchema2, types.DockerConfigJSON
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, manifestType), configType)
	img, err := mutate.ConfigFile(img, &v1.ConfigFile{
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
		Created: v1.Time{Time: Created()},
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
		Config:  v1.Config{Env: []string{"PATH=/bin"}, Cmd: []string{"/bin/hello"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: v1.History{
			Created: v1.Time{Time: Created()}, CreatedBy: fmt.Sprintf("imagetest layer %d", i),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// Silent returns an image whose config has no platform, as made by `crane append`.
func Silent(t testing.TB, layers ...v1.Layer) v1.Image {
	t.Helper()
	img := Image(t, "linux/amd64", layers...)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "", ""
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

func isDockers(t testing.TB, l v1.Layer) bool {
	t.Helper()
	mediaType, err := l.MediaType()
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(string(mediaType), "application/vnd.docker.")
}

// Index returns an index of images in the given order, with the platforms of their configs,
// including os.version and os.features. Its media type is OCI's, or Docker's if that of the first
// image is.
func Index(t testing.TB, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	idx := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for i, img := range images {
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		mediaType, err := img.MediaType()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && mediaType == types.DockerManifestSchema2 {
			idx = mutate.IndexMediaType(empty.Index, types.DockerManifestList)
		}
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: config.Platform()}})
	}
	return idx
}

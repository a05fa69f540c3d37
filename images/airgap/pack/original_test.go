package pack_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/verify"
)

// wrongDiffID returns an image whose config has a diff ID that its layer does not have.
func wrongDiffID(t *testing.T) pack.Image {
	t.Helper()
	img := lying(t, images.Format{}, forms(t)["gzip"], types.OCILayer)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs[0] = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/a:v1")}, Image: img}
}

// Packing original layers copies them. verify finds a layer that is not the one of the config.
func TestOriginalLayersAreCopied(t *testing.T) {
	content, wrong := airgaptest.NewStore(t), wrongDiffID(t)
	write := func(layers images.ArchiveLayers) ([]pack.Output, error) {
		dir := t.TempDir()
		outputs := []pack.Output{{Path: filepath.Join(dir, "a.tar")}, {Path: filepath.Join(dir, "a.tar.gz")}, {Path: filepath.Join(dir, "a.tar.zst")}}
		_, err := pack.Write(t.Context(), content, []pack.Image{wrong}, outputs, pack.Options{Layers: layers})
		return outputs, err
	}
	outputs, err := write(images.OriginalLayers)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range outputs {
		report := mustVerify(t, out.Path, verify.Options{})
		if !strings.Contains(strings.Join(report.Problems, "\n"), "has the diff ID") {
			t.Errorf("%s: verify finds %q", out.Path, report.Problems)
		}
	}
	for kind := range maps.Keys(kindsOf(t, content)) {
		if kind == ".slipway/records/blob" || strings.HasPrefix(kind, ".slipway/derived") {
			t.Errorf("the cache has %s: a layer was decompressed, or copied into it", kind)
		}
	}

	// Uncompressed layers are decompressed. What is known then counts.
	for _, layers := range []images.ArchiveLayers{images.UncompressedLayers, images.OriginalLayers} {
		if _, err := write(layers); err == nil || !strings.Contains(err.Error(), "has the diff ID") {
			t.Errorf("%s layers: %v", layers, err)
		}
	}
}

// Archives with original layers do not depend on what the cache knows about them.
func TestOriginalLayersOfAnyCache(t *testing.T) {
	all := airgaptest.GzipImages(t)
	content := airgaptest.NewStore(t)
	first := airgaptest.Pack(t, content, all, pack.Options{Layers: images.OriginalLayers})
	airgaptest.Pack(t, content, all, pack.Options{}) // decompresses the layers
	second := airgaptest.Pack(t, content, all, pack.Options{Layers: images.OriginalLayers})
	for codec, path := range first {
		_, _, a := airgaptest.Untar(t, path, codec)
		_, _, b := airgaptest.Untar(t, second[codec], codec)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: the archives differ", codec)
		}
	}
	if len(first) == 0 || !slices.Contains(slices.Collect(maps.Keys(kindsOf(t, content))), ".slipway/records/stored") {
		t.Error("nothing was compared")
	}
}

package pack_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/servetest"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/progress"
)

func TestPackKeepsIndexesWithOriginalLayers(t *testing.T) {
	for _, nest := range []bool{false, true} {
		img := airgaptest.Indexed(t, "acme/app:v1", nest)
		want, err := img.Index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := img.Index.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{img, airgaptest.Simple(t, "acme/other:v1", "linux/amd64")}, pack.Options{Layers: "original"}) {
			report := mustVerify(t, path, verify.Options{})
			if len(report.Problems) > 0 || len(report.Notes) > 0 {
				t.Errorf("%s: verify finds the problems %q and notes %q", codec, report.Problems, report.Notes)
			}
			a, err := airgap.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			list, err := a.Images(t.Context())
			if err != nil || len(list) != 2 || len(list[0].Names) != 2 || len(list[0].Indexes) != 1 || len(list[1].Indexes) != 0 {
				t.Fatalf("%s: %d images: %v", codec, len(list), err)
			}
			index := list[0].Indexes[0]
			if index.Descriptor.Digest != want || string(index.RawManifest()) != string(raw) {
				t.Errorf("%s: the index is %s instead of %s", codec, index.Descriptor.Digest, want)
			}
			if index.Complete(func(h v1.Hash) bool { return h == list[0].Manifest.Digest }) {
				t.Errorf("%s: an index without its other platform is complete", codec)
			}
			// The digests of the index and of the image are served; the tag refers to the index.
			host := servetest.Archives(t, path)
			for _, reference := range []string{":v1", "@" + want.String(), ":pinned-" + want.Hex} {
				served, err := remote.Index(airgaptest.Ref(t, host+"/acme/app"+reference))
				if err != nil {
					t.Errorf("%s: %s: %v", codec, reference, err)
					continue
				}
				if got, err := served.Digest(); got != want {
					t.Errorf("%s: %s is %s instead of %s: %v", codec, reference, got, want, err)
				}
			}
			image, err := remote.Image(airgaptest.Ref(t, host+"/acme/app:v1"), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
			if err == nil && !nest {
				err = airgaptest.ReadWhole(image)
			}
			if err != nil && !nest { // go-containerregistry looks into no nested index
				t.Errorf("%s: %v", codec, err)
			}
			if _, err := remote.Head(airgaptest.Ref(t, host+"/acme/app:sha256-"+want.Hex)); err == nil {
				t.Errorf("%s: the tag of referrers is served as an image", codec)
			}
		}
	}
}

func TestPackKeepsNoIndexWithUncompressedLayers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	airgaptest.PackOne(t, airgaptest.NewStore(t), path, airgaptest.Indexed(t, "acme/app:v1", false))
	if img := packed(t, path); len(img.Indexes) != 0 {
		t.Errorf("the archive has an index whose manifests are not in it")
	}
}

// Otherwise two images would have the name of the index.
func TestPackKeepsNoIndexOfTwoPackedImages(t *testing.T) {
	first := airgaptest.Indexed(t, "acme/app:v1", false)
	m, err := first.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	arm, err := first.Index.Image(m.Manifests[1].Digest)
	if err != nil {
		t.Fatal(err)
	}
	second := pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/app:v1-arm64")}, Image: arm}
	for _, path := range airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{first, second}, pack.Options{Layers: "original"}) {
		if report := mustVerify(t, path, verify.Options{}); len(report.Problems) > 0 {
			t.Errorf("%s: %q", path, report.Problems)
		}
	}
}

func TestImagesWithAMissingConfig(t *testing.T) {
	img := airgaptest.Indexed(t, "acme/app:v1", false)
	path := airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{img}, pack.Options{Layers: "original"})[format.Tar]
	w := airgaptest.OpenWorkshop(t, path)
	w.Drop(w.Config())
	w.Drop(format.ManifestJSON)
	if err := os.WriteFile(path, w.Tar(), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Images(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an image without its config: %v", err)
	}
}

func TestPackWarnsOfChangedDigests(t *testing.T) {
	for layers, want := range map[string]int{"uncompressed": 1, "original": 0} {
		sink := &airgaptest.Warnings{}
		path := filepath.Join(t.TempDir(), "a.tar")
		_, err := pack.Write(progress.With(t.Context(), sink), airgaptest.NewStore(t), []pack.Image{airgaptest.Indexed(t, "acme/app:v1", false)}, []pack.Output{{Path: path}}, pack.Options{Layers: images.ArchiveLayers(layers)})
		if err != nil || len(sink.Said) != want || want > 0 && !strings.Contains(sink.Said[0], "acme/app@sha256:") {
			t.Errorf("%s: airgaptest.Warnings %q, %v", layers, sink.Said, err)
		}
	}
}

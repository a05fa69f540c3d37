package airgap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// indexed is an image that was chosen from an index of two platforms with an
// attestation, which may lie in another index.
func indexed(t testing.TB, called string, nest bool) Image {
	t.Helper()
	amd, arm := simple(t, called, "linux/amd64").Image, simple(t, called, "linux/arm64").Image
	index := imagetest.Attest(t, imagetest.Index(t, amd, arm), imagetest.AttestationImage)
	if nest {
		index = mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: index})
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return Image{Names: []name.Reference{ref(t, called), ref(t, "acme/app@"+digest.String())}, Image: amd, Index: index}
}

func TestPackKeepsIndexesWithOriginalLayers(t *testing.T) {
	for _, nest := range []bool{false, true} {
		img := indexed(t, "acme/app:v1", nest)
		want, err := img.Index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := img.Index.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		for codec, path := range pack(t, newStore(t), []Image{img, simple(t, "acme/other:v1", "linux/amd64")}, Options{Layers: "original"}) {
			report := mustVerify(t, path, verify.Options{})
			if len(report.Problems) > 0 || !strings.Contains(strings.Join(report.Notes, "\n"), "some images are not in the archive") {
				t.Errorf("%s: verify finds the problems %q and notes %q", codec, report.Problems, report.Notes)
			}
			a, err := Open(t.Context(), path)
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
			// The digest of the index, and that of the image, are served; the tag is the index.
			host := serve(t, path)
			for _, reference := range []string{":v1", "@" + want.String(), ":pinned-" + want.Hex} {
				served, err := remote.Index(ref(t, host+"/acme/app"+reference))
				if err != nil {
					t.Errorf("%s: %s: %v", codec, reference, err)
					continue
				}
				if got, err := served.Digest(); got != want {
					t.Errorf("%s: %s is %s instead of %s: %v", codec, reference, got, want, err)
				}
			}
			image, err := remote.Image(ref(t, host+"/acme/app:v1"), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
			if err == nil && !nest {
				err = readWhole(image)
			}
			if err != nil && !nest { // go-containerregistry looks into no nested index
				t.Errorf("%s: %v", codec, err)
			}
			if _, err := remote.Head(ref(t, host+"/acme/app:sha256-"+want.Hex)); err == nil {
				t.Errorf("%s: the tag of referrers is served as an image", codec)
			}
		}
	}
}

func TestPackKeepsNoIndexWithUncompressedLayers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	packOne(t, newStore(t), path, indexed(t, "acme/app:v1", false))
	if img := packed(t, path); len(img.Indexes) != 0 {
		t.Errorf("the archive has an index whose manifests are not in it")
	}
}

// Under the name of the index there would be two images.
func TestPackKeepsNoIndexOfTwoPackedImages(t *testing.T) {
	first := indexed(t, "acme/app:v1", false)
	m, err := first.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	arm, err := first.Index.Image(m.Manifests[1].Digest)
	if err != nil {
		t.Fatal(err)
	}
	second := Image{Names: []name.Reference{ref(t, "acme/app:v1-arm64")}, Image: arm}
	for _, path := range pack(t, newStore(t), []Image{first, second}, Options{Layers: "original"}) {
		if report := mustVerify(t, path, verify.Options{}); len(report.Problems) > 0 {
			t.Errorf("%s: %q", path, report.Problems)
		}
	}
}

func TestImagesOfAnIndexThatLacksAConfig(t *testing.T) {
	img := indexed(t, "acme/app:v1", false)
	path := pack(t, newStore(t), []Image{img}, Options{Layers: "original"})[format.Tar]
	names, content, _ := untar(t, path, format.Tar)
	w := &workshop{t, names, content}
	w.drop(w.config())
	w.drop(format.ManifestJSON)
	if err := os.WriteFile(path, w.tar(), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Images(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an image without its config: %v", err)
	}
}

func TestPackWarnsOfDigestsThatItDoesNotKeep(t *testing.T) {
	for layers, want := range map[string]int{"uncompressed": 1, "original": 0} {
		sink := &warnings{}
		path := filepath.Join(t.TempDir(), "a.tar")
		_, err := Pack(progress.With(t.Context(), sink), newStore(t), []Image{indexed(t, "acme/app:v1", false)}, []Output{{Path: path}}, Options{Layers: layers})
		if err != nil || len(sink.said) != want || want > 0 && !strings.Contains(sink.said[0], "acme/app@sha256:") {
			t.Errorf("%s: warnings %q, %v", layers, sink.said, err)
		}
	}
}

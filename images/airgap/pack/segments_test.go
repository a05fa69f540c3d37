package pack_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// relatives returns images of two groups, and an own image whose layer is related to one of them.
// One layer of the first group depends on version.
func relatives(t *testing.T, version uint64) []pack.Image {
	t.Helper()
	image := func(called string, own bool, contents ...[]byte) pack.Image {
		return pack.Image{Names: []name.Reference{airgaptest.Ref(t, called)}, Own: own,
			Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/" + filepath.Base(called[:len(called)-3]): string(slices.Concat(contents...))}))}
	}
	a, b := imagetest.Noise(1, 2<<20), imagetest.Noise(2, 2<<20)
	return []pack.Image{
		image("rancher/a1:v1", false, a, imagetest.Noise(3, 1<<20)),
		image("rancher/b1:v1", false, b, imagetest.Noise(4, 1<<20)),
		image("rancher/a2:v1", false, a, imagetest.Noise(5+version<<8, 1<<20)),
		image("rancher/b2:v1", false, b, imagetest.Noise(6, 1<<20)),
		image("rancher/own:v1", true, a, imagetest.Noise(7, 1<<20)),
	}
}

// If one image changes, only the frame of its group is made again. The own image is separate and
// first.
func TestPackGroupsRelatives(t *testing.T) {
	content, dir := airgaptest.NewStore(t), t.TempDir()
	outputs := []pack.Output{{Path: filepath.Join(dir, "a.tar.zst")}, {Path: filepath.Join(dir, "a.tar.gz")}, {Path: filepath.Join(dir, "a.tar")}}
	for i, want := range [][2]int{{3, 0}, {3, 2}, {3, 3}} {
		results, err := pack.Write(t.Context(), content, relatives(t, uint64(min(i, 1))), outputs, pack.Options{Level: "default"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, [2]int{results[0].Frames, results[0].Cached}); diff != "" {
			t.Errorf("pack %d: frames and cached ones (-want +got):\n%s", i, diff)
		}
		if results[1].Frames != 5 || results[2].Frames != 5 {
			t.Errorf("pack %d: %d frames in .tar.gz and %d in .tar instead of one for each layer", i, results[1].Frames, results[2].Frames)
		}
	}
	info, err := os.Stat(outputs[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	// 15 MiB of layers, of which 4 MiB are in other layers of their frame.
	if got, want := info.Size(), int64(11<<20); got < want || got > want+want/50 {
		t.Errorf("the archive has %d bytes; want about %d", got, want)
	}
	a, err := airgap.Open(t.Context(), outputs[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	list, err := a.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]string{}
	for _, img := range list {
		at[format.BlobFolder+img.Layers[0].Digest.Hex] = filepath.Base(img.Names[0])
	}
	var order []string
	for _, e := range indexOf(t, outputs[0].Path).Entries {
		if name, ok := at[e.Name]; ok {
			order = append(order, name)
		}
	}
	if diff := cmp.Diff([]string{"own:v1", "a1:v1", "a2:v1", "b1:v1", "b2:v1"}, order); diff != "" {
		t.Errorf("order of layers (-want +got):\n%s", diff)
	}
	for _, out := range outputs[1:] {
		codec, err := format.OutputCodec(out.Path)
		if err != nil {
			t.Fatal(err)
		}
		_, _, raw := airgaptest.Untar(t, out.Path, codec)
		if _, _, zst := airgaptest.Untar(t, outputs[0].Path, format.Zstd); string(raw) != string(zst) {
			t.Errorf("%s holds another tar than .tar.zst", codec)
		}
	}
}

// An archive has the same bytes whether or not segments of an earlier one are cached. Segments that
// cannot have changed are not made again.
func TestPackCompressesOnlyChangedSegments(t *testing.T) {
	if testing.Short() {
		t.Skip("compresses 180 MB")
	}
	t.Parallel()
	const n = 12 // 60 MiB: nearly twice the window
	content := airgaptest.NewStore(t)
	segmentFiles := func() int {
		files, err := filepath.Glob(filepath.Join(content.Dir(), ".slipway/derived/zstd-segment/*/*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	write := func(content *store.Store, all []pack.Image) []byte {
		path := filepath.Join(t.TempDir(), "a.tar.zst")
		results, err := pack.Write(t.Context(), content, all, []pack.Output{{Path: path}}, pack.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if results[0].Frames != 1 {
			t.Fatalf("%d frames instead of one", results[0].Frames)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	write(content, airgaptest.Siblings(t, n, -1))
	if got := segmentFiles(); got != n {
		t.Errorf("%d segments for %d layers", got, n)
	}
	before := segmentFiles()
	warm := write(content, airgaptest.Siblings(t, n, 2))
	// Its own segment, and up to 7 whose window of 32 MiB contains a part of it.
	if made := segmentFiles() - before; made < 1 || made > 8 {
		t.Errorf("%d segments were made for one layer that changed", made)
	}
	if cold := write(airgaptest.NewStore(t), airgaptest.Siblings(t, n, 2)); !bytes.Equal(warm, cold) {
		t.Error("the archive differs from one that was made with an empty cache")
	}
}

// A part of a layer has no digest of its own, so a damaged blob must not become a segment.
func TestPackMakesNoSegmentOfADamagedBlob(t *testing.T) {
	content, all := airgaptest.NewStore(t), airgaptest.Siblings(t, 3, -1)
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	write := func(content *store.Store, level images.ZstdLevel) error {
		_, err := pack.Write(t.Context(), content, all, []pack.Output{{Path: path}}, pack.Options{Level: level})
		return err
	}
	// So that all information about the layers is cached.
	if err := write(content, "fastest"); err != nil {
		t.Fatal(err)
	}
	layers, err := all[1].Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	blob := content.Path(digest)
	raw, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := errors.Join(os.Chmod(blob, 0o644), os.WriteFile(blob, raw, 0o644)); err != nil {
		t.Fatal(err)
	}
	// The damage is found before any byte of the blob is used, and the blob is fetched again.
	if err := write(content, ""); err != nil {
		t.Fatal(err)
	}
	if err := content.Check(t.Context(), digest); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(airgaptest.NewStore(t), ""); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the archive contains bytes of the damaged blob")
	}
}

// indexOf reads the index of an archive.
func indexOf(t *testing.T, path string) *format.Index {
	t.Helper()
	f, err := format.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	idx, err := format.ReadIndex(f, f.Size(), format.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	return idx
}

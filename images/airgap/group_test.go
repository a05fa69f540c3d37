package airgap

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// parts are layers of MiBs, each of which looks like chance; the same number is the
// same MiB.
func parts(layers map[string][]int, order []string) ([]layer, []sketch) {
	var all []layer
	var sketches []sketch
	for _, name := range order {
		s := newSketcher()
		for _, n := range layers[name] {
			s.Write(noise(uint64(1000+n), 1<<20))
		}
		sketches = append(sketches, s.done())
		all = append(all, layer{digest: v1.Hash{Algorithm: "sha256", Hex: name}, size: s.size})
	}
	return all, sketches
}

func runNames(runs [][]layer) [][]string {
	var out [][]string
	for _, run := range runs {
		var names []string
		for _, l := range run {
			names = append(names, l.digest.Hex)
		}
		out = append(out, names)
	}
	return out
}

func TestGroupedJoinsRelatives(t *testing.T) {
	layers := map[string][]int{
		"base":   {1, 2, 3, 4, 5, 6},
		"go-a":   {10, 11, 20},
		"python": {30, 31, 32},
		"go-b":   {10, 11, 21},
		"base2":  {1, 2, 3, 4, 5, 7},
		"go-c":   {10, 11, 22, 23},
	}
	all, sketches := parts(layers, []string{"base", "go-a", "python", "go-b", "base2", "go-c"})
	if diff := cmp.Diff([][]string{{"base", "base2"}, {"go-a", "go-b", "go-c"}, {"python"}}, runNames(grouped(all, sketches))); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	// In another order they are the same groups.
	all, sketches = parts(layers, []string{"go-c", "base2", "go-b", "python", "go-a", "base"})
	got := runNames(grouped(all, sketches))
	for _, run := range got {
		slices.Sort(run)
	}
	if diff := cmp.Diff([][]string{{"go-a", "go-b", "go-c"}, {"base", "base2"}, {"python"}}, got); diff != "" {
		t.Errorf("groups in another order (-want +got):\n%s", diff)
	}
}

// The large layer saves nothing for the small one if its bytes in common are out of
// the window by then, but the other way round.
func TestGroupedMindsTheWindow(t *testing.T) {
	large := []int{1, 2, 3}
	for n := range 40 {
		large = append(large, 100+n)
	}
	all, sketches := parts(map[string][]int{"large": large, "small": {1, 2, 3, 4}}, []string{"large", "small"})
	if diff := cmp.Diff([][]string{{"small", "large"}}, runNames(grouped(all, sketches))); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// However much layers have in common, a frame does not grow over its limit.
func TestGroupedBoundsFrames(t *testing.T) {
	marks := make([]mark, 5000)
	for i := range marks {
		marks[i] = mark{hash: uint32(i), first: uint32(i), last: 70 << 10}
	}
	var (
		all      []layer
		sketches []sketch
	)
	for i := range 9 {
		all = append(all, layer{digest: v1.Hash{Hex: fmt.Sprint(i)}, size: 70 << 20})
		sketches = append(sketches, sketch{marks: marks, limit: allHashes, size: 70 << 20})
	}
	all = append(all, layer{digest: v1.Hash{Hex: "huge"}, size: 2 * groupLimit})
	sketches = append(sketches, sketch{marks: marks, limit: allHashes, size: 2 * groupLimit})
	var sizes []int
	for _, run := range grouped(all, sketches) {
		sizes = append(sizes, len(run))
		if len(run) > 1 && runSize(run) > groupLimit {
			t.Errorf("a run of %d layers has %d bytes", len(run), runSize(run))
		}
	}
	slices.Sort(sizes)
	if diff := cmp.Diff([]int{1, 1, 2, 2, 2, 2}, sizes); diff != "" {
		t.Errorf("layers in each run (-want +got):\n%s", diff)
	}
}

// A crowd is a single segment, however small its layers are: a segment for each would cost a
// file of the cache and a key that names all layers of the window before it.
func TestCrowdsAreSingleSegments(t *testing.T) {
	all := make([]layer, 20_000)
	for i := range all {
		all[i] = layer{digest: v1.Hash{Hex: fmt.Sprint(i)}, size: int64(i % 3000)}
	}
	packed := 0
	for _, run := range grouped(all, make([]sketch, len(all))) {
		_, headers, err := describe(run)
		if err != nil {
			t.Fatal(err)
		}
		var files []tarFile
		for i, l := range run {
			files = append(files, tarFile{l, headers[i]})
		}
		if n := len(segments(files)); n != 1 {
			t.Errorf("a frame of %d layers has %d segments, want 1", len(run), n)
		}
		packed += len(run)
	}
	if packed != len(all) {
		t.Errorf("%d of %d layers are in frames", packed, len(all))
	}
}

func TestGroupedCrowdsSmallLayers(t *testing.T) {
	var all []layer
	for i := range 25 {
		all = append(all, layer{digest: v1.Hash{Hex: fmt.Sprint(i)}, size: 900 << 10})
	}
	var got []string
	runs := grouped(all, make([]sketch, len(all)))
	for _, run := range runNames(runs) {
		got = append(got, run...)
	}
	for i, name := range got {
		if name != fmt.Sprint(i) {
			t.Fatalf("small layers are not in their order: %q", got)
		}
	}
	if len(runs) != 3 {
		t.Errorf("%d runs instead of 3", len(runs))
	}
}

// relatives are images of two families, and one of our own, whose layer is related
// to one of them; version is what one layer of the first family differs by.
func relatives(t *testing.T, version uint64) []Image {
	t.Helper()
	image := func(called string, own bool, contents ...[]byte) Image {
		return Image{Names: []name.Reference{ref(t, called)}, Own: own,
			Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/" + filepath.Base(called[:len(called)-3]): string(slices.Concat(contents...))}))}
	}
	a, b := noise(1, 2<<20), noise(2, 2<<20)
	return []Image{
		image("rancher/a1:v1", false, a, noise(3, 1<<20)),
		image("rancher/b1:v1", false, b, noise(4, 1<<20)),
		image("rancher/a2:v1", false, a, noise(5+version<<8, 1<<20)),
		image("rancher/b2:v1", false, b, noise(6, 1<<20)),
		image("rancher/own:v1", true, a, noise(7, 1<<20)),
	}
}

// One image that changes costs the frame of its family; our own is alone and first.
func TestPackGroupsRelatives(t *testing.T) {
	content, dir := newStore(t), t.TempDir()
	outputs := []Output{{Path: filepath.Join(dir, "a.tar.zst")}, {Path: filepath.Join(dir, "a.tar.gz")}, {Path: filepath.Join(dir, "a.tar")}}
	for i, want := range [][2]int{{3, 0}, {3, 2}, {3, 3}} {
		results, err := Pack(t.Context(), content, relatives(t, uint64(min(i, 1))), outputs, Options{Level: "default"})
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
	// 15 MiB of layers, of which 4 MiB are in others of their frame.
	if got, want := info.Size(), int64(11<<20); got < want || got > want+want/50 {
		t.Errorf("the archive has %d bytes; want about %d", got, want)
	}
	a, err := Open(t.Context(), outputs[0].Path)
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
	for _, e := range a.index.Entries {
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
		_, _, raw := untar(t, out.Path, codec)
		if _, _, zst := untar(t, outputs[0].Path, format.Zstd); string(raw) != string(zst) {
			t.Errorf("%s holds another tar than .tar.zst", codec)
		}
	}
}

// siblings are images with a layer of 5 MiB each, of which 1 MiB is the same in all.
// The rest of one may have changed.
func siblings(t *testing.T, n, changed int) []Image {
	t.Helper()
	var all []Image
	for i := range n {
		seed := uint64(100 + i)
		if i == changed {
			seed += 1000
		}
		content := slices.Concat(noise(99, 1<<20), noise(seed, 2<<20), []byte(words(i, 1<<20)), noise(seed+500, 1<<20))
		all = append(all, Image{Names: []name.Reference{ref(t, fmt.Sprintf("acme/sibling%d:v1", i))},
			Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/program": string(content)}))})
	}
	return all
}

// An archive is the same bytes whether an earlier one has left it segments or not;
// those that cannot have changed are not made again.
func TestPackMakesOnlySegmentsAnewThatMayHaveChanged(t *testing.T) {
	t.Parallel()
	const n = 12 // 60 MiB: nearly twice the window
	content := newStore(t)
	segmentFiles := func() int {
		files, err := filepath.Glob(filepath.Join(content.Dir(), ".slipway/derived/zstd-segment/*/*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	pack := func(content *store.Store, all []Image) []byte {
		path := filepath.Join(t.TempDir(), "a.tar.zst")
		results, err := Pack(t.Context(), content, all, []Output{{Path: path}}, Options{})
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
	pack(content, siblings(t, n, -1))
	if got := segmentFiles(); got != n {
		t.Errorf("%d segments for %d layers", got, n)
	}
	before := segmentFiles()
	warm := pack(content, siblings(t, n, 2))
	// Itself, and up to 7 whose window of 32 MiB has some of it.
	if made := segmentFiles() - before; made < 1 || made > 8 {
		t.Errorf("%d segments were made for one layer that changed", made)
	}
	if cold := pack(newStore(t), siblings(t, n, 2)); !bytes.Equal(warm, cold) {
		t.Error("the archive has other bytes than one that was made from nothing")
	}
}

// A part of a layer has no digest of its own: nothing of a damaged blob becomes a
// segment.
func TestPackMakesNoSegmentOfADamagedBlob(t *testing.T) {
	content, all := newStore(t), siblings(t, 3, -1)
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	pack := func(content *store.Store, level string) error {
		_, err := Pack(t.Context(), content, all, []Output{{Path: path}}, Options{Level: level})
		return err
	}
	// So that everything is known of the layers.
	if err := pack(content, "fastest"); err != nil {
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
	// The blob is found damaged before a byte of it is used, and comes anew.
	if err := pack(content, ""); err != nil {
		t.Fatal(err)
	}
	if err := content.Check(t.Context(), digest); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := pack(newStore(t), ""); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("something of the damaged blob is in the archive")
	}
}

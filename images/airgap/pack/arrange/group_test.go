package arrange

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/imagetest"
)

// parts returns layers of random MiBs. The same number means the same MiB.
func parts(layers map[string][]int, order []string) ([]frame.Layer, []sketch) {
	var all []frame.Layer
	var sketches []sketch
	for _, name := range order {
		s := newSketcher()
		for _, n := range layers[name] {
			s.Write(imagetest.Noise(uint64(1000+n), 1<<20))
		}
		sketches = append(sketches, s.done())
		all = append(all, frame.Layer{Digest: v1.Hash{Algorithm: "sha256", Hex: name}, Size: s.size})
	}
	return all, sketches
}

func runNames(runs [][]frame.Layer) [][]string {
	var out [][]string
	for _, run := range runs {
		var names []string
		for _, l := range run {
			names = append(names, l.Digest.Hex)
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
	// In another order, the groups are the same.
	all, sketches = parts(layers, []string{"go-c", "base2", "go-b", "python", "go-a", "base"})
	got := runNames(grouped(all, sketches))
	for _, run := range got {
		slices.Sort(run)
	}
	if diff := cmp.Diff([][]string{{"go-a", "go-b", "go-c"}, {"base", "base2"}, {"python"}}, got); diff != "" {
		t.Errorf("groups in another order (-want +got):\n%s", diff)
	}
}

// The large layer saves nothing for the small one if the common bytes are then out of the window,
// but in the other order it does.
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

// However much layers have in common, a frame does not exceed its limit.
func TestGroupedBoundsFrames(t *testing.T) {
	marks := make([]mark, 5000)
	for i := range marks {
		marks[i] = mark{hash: uint32(i), first: uint32(i), last: 70 << 10}
	}
	var (
		all      []frame.Layer
		sketches []sketch
	)
	for i := range 9 {
		all = append(all, frame.Layer{Digest: v1.Hash{Hex: fmt.Sprint(i)}, Size: 70 << 20})
		sketches = append(sketches, sketch{marks: marks, limit: allHashes, size: 70 << 20})
	}
	all = append(all, frame.Layer{Digest: v1.Hash{Hex: "huge"}, Size: 2 * groupLimit})
	sketches = append(sketches, sketch{marks: marks, limit: allHashes, size: 2 * groupLimit})
	var sizes []int
	for _, run := range grouped(all, sketches) {
		sizes = append(sizes, len(run))
		if len(run) > 1 && frame.RunSize(run) > groupLimit {
			t.Errorf("a run of %d layers has %d bytes", len(run), frame.RunSize(run))
		}
	}
	slices.Sort(sizes)
	if diff := cmp.Diff([]int{1, 1, 2, 2, 2, 2}, sizes); diff != "" {
		t.Errorf("layers in each run (-want +got):\n%s", diff)
	}
}

// A group of small layers is a single segment. A segment for each layer would need a file of the
// store for each.
func TestSmallLayersAreSingleSegments(t *testing.T) {
	all := make([]frame.Layer, 20_000)
	for i := range all {
		all[i] = frame.Layer{Digest: v1.Hash{Hex: fmt.Sprint(i)}, Size: int64(i % 3000)}
	}
	packed := 0
	for _, run := range grouped(all, make([]sketch, len(all))) {
		size := int64(0)
		for _, l := range run {
			size += format.BlockSize + l.Size + format.Padding(l.Size)
		}
		if size > format.SingleSegment {
			t.Errorf("a frame of %d layers has %d bytes of the tar, more than %d", len(run), size, format.SingleSegment)
		}
		packed += len(run)
	}
	if packed != len(all) {
		t.Errorf("%d of %d layers are in frames", packed, len(all))
	}
}

func TestGroupedJoinsSmallLayers(t *testing.T) {
	var all []frame.Layer
	for i := range 25 {
		all = append(all, frame.Layer{Digest: v1.Hash{Hex: fmt.Sprint(i)}, Size: 900 << 10})
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

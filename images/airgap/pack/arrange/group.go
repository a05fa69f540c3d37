package arrange

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

const (
	// groupLimit is how many bytes a frame of several layers may have before
	// compression. One layer that changes costs its whole frame, and who reads the
	// last layer decodes the others.
	groupLimit = 160 << 20
	// loneSize is from what size on a layer is worth a sketch. Smaller ones
	// share frames as they come, which costs little when one changes and saves a
	// frame for each.
	loneSize = 1 << 20
	// relatedPart is what part of the smaller of two the larger must save to
	// share a frame with it.
	relatedPart = 32
)

// Runs puts the layers, given in the order of images, into runs that become a
// frame each: the project's own ones first, each alone, since they change with
// every build and are looked for first; then the others in groups of relatives.
// The order depends on nothing but the layers and their order. Without grouping, each layer
// is alone.
func Runs(ctx context.Context, content *store.Store, layers []frame.Layer, grouping bool, jobs int) ([][]frame.Layer, error) {
	var runs [][]frame.Layer
	var others []frame.Layer
	for _, l := range layers {
		switch {
		case l.Own, !grouping:
			runs = append(runs, []frame.Layer{l})
		default:
			others = append(others, l)
		}
	}
	all, err := sketchAll(ctx, content, others, jobs)
	if err != nil {
		return nil, err
	}
	return append(runs, grouped(others, all)...), nil
}

// sketchAll sketches all layers for which that is worth it.
func sketchAll(ctx context.Context, content *store.Store, layers []frame.Layer, jobs int) (_ []sketch, err error) {
	out := make([]sketch, len(layers))
	if len(layers) == 0 {
		return out, nil
	}
	task := progress.Start(ctx, fmt.Sprintf("compare %d layers", len(layers)))
	defer func() { task.Done(err) }()
	task.SetTotal(frame.RunSize(layers))
	group, groupCtx := store.NewGroup(ctx, jobs)
	for i, l := range layers {
		group.Go(func() (err error) {
			if l.Size >= loneSize {
				out[i], err = sketchOf(groupCtx, content, l)
			}
			task.Add(int(l.Size))
			return err
		})
	}
	return out, group.Wait()
}

// grouped joins layers to sequences in which a compressor finds the most. It takes
// the two sequences of which one saves most after the other, makes them one, and
// goes on until nothing is saved any more that is worth it, or nothing fits in a
// frame.
func grouped(layers []frame.Layer, sketches []sketch) [][]frame.Layer {
	var (
		families []*family
		small    []int
	)
	for i, l := range layers {
		if l.Size < loneSize {
			small = append(small, i)
			continue
		}
		families = append(families, &family{members: []int{i}, sketch: sketches[i]})
	}
	m := matcher{families: families}
	m.joinAll()
	families = slices.DeleteFunc(m.families, func(f *family) bool { return f == nil })
	families = append(families, crowds(layers, small)...)
	slices.SortFunc(families, func(a, b *family) int {
		return cmp.Compare(slices.Min(a.members), slices.Min(b.members))
	})
	var runs [][]frame.Layer
	for _, f := range families {
		var run []frame.Layer
		for _, i := range f.members {
			run = append(run, layers[i])
		}
		runs = append(runs, run)
	}
	return runs
}

// crowds puts small layers into frames as they come. Their sizes are those of their files
// in the tar: of thousands of tiny layers, the headers are the larger part.
func crowds(layers []frame.Layer, small []int) []*family {
	var (
		out  []*family
		room int64
	)
	for _, i := range small {
		size := format.BlockSize + layers[i].Size + format.Padding(layers[i].Size)
		if len(out) == 0 || size > room {
			out = append(out, &family{})
			room = frame.SingleSegment
		}
		last := out[len(out)-1]
		last.members = append(last.members, i)
		room -= size
	}
	return out
}

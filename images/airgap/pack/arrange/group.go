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
	// groupLimit is the largest size of the layers in a group, in bytes. If one layer changes,
	// all of its frame may change; and a reader of the last layer decodes the others.
	groupLimit = 160 << 20
	// sketchedSize is the size of the smallest layer that is sketched, in bytes. Smaller ones
	// share frames in their order: that saves a frame for each, and costs little when one
	// changes.
	sketchedSize = 1 << 20
	// Two groups are joined if that saves at least one part in relatedPart of the smaller one.
	relatedPart = 32
)

// Runs puts layers, which are given in the order of images, into runs. A run becomes a frame. Layers of the project
// itself come first, each in a run of its own, because they change with every build and nodes look for them first. The
// other layers are grouped by what they have in common, or are in runs of their own if grouping is not set. The result
// depends only on the layers and their order.
//
// Layers are read from content if they have not been sketched before, jobs at a time.
func Runs(ctx context.Context, content Content, layers []frame.Layer, grouping bool, jobs int) ([][]frame.Layer, error) {
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

// sketchAll returns a sketch of each layer that is large enough, and empty ones of the others.
func sketchAll(ctx context.Context, content Content, layers []frame.Layer, jobs int) (_ []sketch, err error) {
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
			if l.Size >= sketchedSize {
				out[i], err = sketchOf(groupCtx, content, l)
			}
			task.Add(int(l.Size))
			return err
		})
	}
	return out, group.Wait()
}

// grouped puts layers into runs in which a compressor finds as much as possible. It joins the two
// groups that save most when one follows the other, and goes on until no two groups save enough or
// are small enough.
func grouped(layers []frame.Layer, sketches []sketch) [][]frame.Layer {
	var (
		groups []*group
		small  []int
	)
	for i, l := range layers {
		if l.Size < sketchedSize {
			small = append(small, i)
			continue
		}
		groups = append(groups, &group{members: []int{i}, sketch: sketches[i]})
	}
	m := matcher{groups: groups}
	m.joinAll()
	groups = slices.DeleteFunc(m.groups, func(g *group) bool { return g == nil })
	groups = append(groups, groupSmall(layers, small)...)
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Compare(slices.Min(a.members), slices.Min(b.members))
	})
	var runs [][]frame.Layer
	for _, g := range groups {
		var run []frame.Layer
		for _, i := range g.members {
			run = append(run, layers[i])
		}
		runs = append(runs, run)
	}
	return runs
}

// groupSmall groups small layers in their order. It counts the size of their files in the tar, because
// the headers of thousands of tiny layers are larger than the layers.
func groupSmall(layers []frame.Layer, small []int) []*group {
	var (
		out  []*group
		room int64
	)
	for _, i := range small {
		size := format.BlockSize + layers[i].Size + format.Padding(layers[i].Size)
		if len(out) == 0 || size > room {
			out = append(out, &group{})
			room = format.SingleSegment
		}
		last := out[len(out)-1]
		last.members = append(last.members, i)
		room -= size
	}
	return out
}

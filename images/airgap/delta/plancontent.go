package delta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/slipway-build/slipway/images/airgap/delta/bindiff"
	"github.com/slipway-build/slipway/images/airgap/delta/content"
	"github.com/slipway-build/slipway/images/airgap/delta/match"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// A contentDiff compares the content of two archives.
type contentDiff struct {
	*delta
	old, new *layout
	remaker  remaker
	contents contents
	patches  *scratch

	// made is the content of NEW that is needed.
	made *pieces
	// sources are the pieces of the tar of OLD that are its content, without a file.
	sources pieces
}

// addContent replaces what the delta would add of changed layers by content, if it is smaller. It writes temporary files
// beside final, and returns a function that removes them.
func (d *delta) addContent(ctx context.Context, old *oldFile, new *format.File, final string, portable bool) (close func(), err error) {
	c := &contentDiff{delta: d, new: layoutOf(ctx, new), remaker: remaker{unknown: map[byte]int{}}}
	c.contents.delta = d
	close = func() {
		c.remaker.close()
		c.contents.close()
		if c.patches != nil {
			c.patches.close()
		}
	}
	if c.new == nil {
		return close, nil
	}
	if c.old = old.layout(ctx, c.new.codec); len(c.old.frames) == 0 {
		return close, nil
	}
	c.remaker.new, c.remaker.copies = c.new, d.Copies
	switch {
	case c.new.codec == format.Tar:
		c.remaker.plain()
	case c.new.codec != format.Bzip2 && !portable:
		if !old.isLayers() {
			d.Codec = c.new.codec
		}
		err = c.remaker.compressed(ctx, final)
		d.Encoders = c.remaker.encoders
	}
	if err == nil && len(c.remaker.runs) > 0 {
		err = c.compare(ctx, old, final)
	}
	if len(d.Made) == 0 {
		d.contentRecipe = contentRecipe{}
	}
	if d.patchSize() > 0 {
		d.Patches = bindiff.Format
	}
	return close, err
}

// compare compares the content of the runs that can be made, and adds them to the delta.
func (c *contentDiff) compare(ctx context.Context, old *oldFile, final string) error {
	runs := c.needed()
	newParts := c.newParts()
	oldParts, err := c.openOld(newParts)
	if err != nil {
		return err
	}
	if err := c.contents.openOld(ctx, old, final); err != nil {
		return err
	}
	for i := range oldParts {
		oldParts[i].Layer = isTar(c.contents.old, oldParts[i].At, oldParts[i].Size)
	}
	steps, err := content.Plan(ctx, c.contents.old, oldParts, c.made, newParts)
	if err != nil {
		return err
	}
	if c.patches, err = newScratch(final); err != nil {
		return err
	}
	patched, err := c.patch(ctx, steps)
	if err != nil {
		return err
	}
	return c.use(runs, patched)
}

// use makes the runs part of the recipe, if that makes the delta smaller and the recipe can be read.
func (c *contentDiff) use(runs []madeRun, steps []contentStep) error {
	var added int64
	for _, r := range runs {
		added += c.remaker.missing(r.New, r.Size)
	}
	plain, with := *c.delta, *c.delta
	plain.contentRecipe = contentRecipe{}
	with.Content, with.Made, with.Copies = steps, runs, without(c.Copies, runs)
	before, err := json.Marshal(&plain)
	recipe, failed := json.Marshal(&with)
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if with.patchSize()+int64(len(recipe)-len(before)) >= added || checkRecipe(recipe) != nil || with.check(with.patchSize()) != nil {
		return nil
	}
	*c.delta = with
	c.delta.patches = c.patches.r
	return nil
}

// without returns the parts of copies that are not in runs.
func without(copies []match.Run, runs []madeRun) []match.Run {
	left := []match.Run{}
	for _, c := range copies {
		i, _ := slices.BinarySearchFunc(runs, c.New, func(m madeRun, at int64) int {
			if m.New+m.Size <= at {
				return -1
			}
			return 1
		})
		for ; c.Size > 0 && i < len(runs) && runs[i].New < c.New+c.Size; i++ {
			if before := runs[i].New - c.New; before >= match.MinRun {
				left = append(left, match.Run{Old: c.Old, New: c.New, Size: before})
			}
			cut := min(runs[i].New+runs[i].Size-c.New, c.Size)
			c = match.Run{Old: c.Old + cut, New: c.New + cut, Size: c.Size - cut}
		}
		if c.Size >= match.MinRun {
			left = append(left, c)
		}
	}
	return left
}

// needed finds the content of NEW that the runs need, and returns the runs with their offsets in it.
func (c *contentDiff) needed() []madeRun {
	c.made = &pieces{}
	runs := slices.Clone(c.remaker.runs)
	end := int64(-1)
	for i := range runs {
		r := &runs[i]
		from := max(r.From-r.Window, end)
		c.made.add(c.remaker.content, from, r.From+r.Content-from)
		end = r.From + r.Content
		r.From = c.made.size - r.Content
	}
	return runs
}

// newParts returns the parts of the content of NEW.
func (c *contentDiff) newParts() []content.Part {
	var parts []content.Part
	known := c.old.offsets()
	entries := c.remaker.entries
	for _, p := range c.made.all {
		done, end := p.offset, p.offset+p.size
		add := func(to int64, part content.Part) {
			if to > done {
				part.Range = content.Range{At: p.at + done - p.offset, Size: to - done}
				parts = append(parts, part)
				done = to
			}
		}
		i, _ := slices.BinarySearchFunc(entries, p.offset, func(e format.Entry, at int64) int {
			if e.Offset+e.Size <= at {
				return -1
			}
			return 1
		})
		for ; i < len(entries) && entries[i].Offset < end; i++ {
			e := entries[i]
			add(e.Offset, content.Part{})
			part := content.Part{}
			if key, ok := keyOf(e); ok {
				if at, ok := known[key]; ok {
					// The offset in the tar of OLD; openOld makes it one in its content.
					part.Copy = &content.Range{At: at + done - e.Offset, Size: min(e.Offset+e.Size, end) - done}
				}
			}
			part.Layer = done == e.Offset && e.Offset+e.Size <= end && isTar(c.remaker.content, e.Offset, e.Size)
			add(min(e.Offset+e.Size, end), part)
		}
		add(end, content.Part{})
	}
	return parts
}

// openOld decides which frames of OLD are sources: those with layers that NEW lacks, or with layers that the content of NEW
// has too. It returns the parts that NEW may resemble, or an error if the sources look like a decompression bomb.
func (c *contentDiff) openOld(newParts []content.Part) ([]content.Part, error) {
	var (
		needed = make([]bool, len(c.old.frames))
		known  = c.new.offsets()
		gone   []format.Entry
	)
	for _, e := range c.old.entries {
		key, ok := keyOf(e)
		if _, there := known[key]; !ok || !there {
			gone = append(gone, e)
			needed[c.old.frameOf(e.Offset)] = true
		}
	}
	for _, p := range newParts {
		if p.Copy != nil {
			needed[c.old.frameOf(p.Copy.At)] = true
		}
	}
	for i, f := range c.old.frames {
		if needed[i] {
			c.Sources = append(c.Sources, source{Old: f.Offset, Size: f.Size, Content: f.TarSize})
			c.sources.add(nil, f.TarOffset, f.TarSize)
		}
	}
	if err := growth(c.sources.size, c.Old.size()); err != nil {
		return nil, fmt.Errorf("decompressing %s: %w", c.Old.names(), err)
	}
	var parts []content.Part
	for _, e := range gone {
		if at, ok := c.sources.of(e.Offset); ok && e.Size > 0 {
			parts = append(parts, content.Part{Range: content.Range{At: at, Size: e.Size}})
		}
	}
	for _, p := range newParts {
		if p.Copy != nil {
			p.Copy.At, _ = c.sources.of(p.Copy.At)
		}
	}
	return parts, nil
}

// patchMemory is the memory for making patches, in bytes.
const patchMemory = 900 << 20

// patch makes the patches of steps, and writes them in order.
func (c *contentDiff) patch(ctx context.Context, steps []content.Step) (_ []contentStep, err error) {
	var total int64
	for _, s := range steps {
		total += s.Size
	}
	task := progress.Start(ctx, "compare the content of changed layers")
	task.SetTotal(total)
	defer func() { task.Done(err) }()
	w, err := c.patches.temp.OpenAt(0)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	var (
		all    = make([]contentStep, len(steps))
		made   = make([][]byte, len(steps))
		mu     sync.Mutex
		next   int // the first step that is not written
		at     int64
		memory = semaphore.NewWeighted(patchMemory)
	)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range steps {
		from := at
		at += s.Size
		group.Go(func() error {
			step, patch, err := c.patchOf(groupCtx, s, from, memory)
			if err != nil {
				return err
			}
			task.Add(int(s.Size))
			mu.Lock()
			defer mu.Unlock()
			all[i], made[i] = step, patch
			for ; next < len(steps) && all[next].Size > 0; next++ {
				if _, err := w.Write(made[next]); err != nil {
					return err
				}
				made[next] = nil
			}
			return nil
		})
	}
	return all, group.Wait()
}

// patchOf makes the patch of a step, whose bytes begin at offset from of the content of NEW.
func (c *contentDiff) patchOf(ctx context.Context, s content.Step, from int64, memory *semaphore.Weighted) (contentStep, []byte, error) {
	step := contentStep{Size: s.Size}
	var size int64
	for _, r := range s.Old {
		step.Old = append(step.Old, contentRange{r.At, r.Size})
		size += r.Size
	}
	if s.Copy {
		return step, nil, context.Cause(ctx)
	}
	// The files, the index of OLD, and encoders.
	need := min(6*size+2*s.Size+96<<20, patchMemory)
	if err := memory.Acquire(ctx, need); err != nil {
		return step, nil, err
	}
	defer memory.Release(need)
	old, err := readRanges(c.contents.old, step.Old)
	if err != nil {
		return step, nil, err
	}
	new, err := readRanges(c.made, []contentRange{{from, s.Size}})
	if err != nil {
		return step, nil, err
	}
	patch, err := bindiff.Diff(ctx, old, new)
	step.Patch = int64(len(patch))
	return step, patch, err
}

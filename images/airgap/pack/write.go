package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/airgap/parts"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// write makes the frames of each codec, and writes the outputs. Codecs run independently of one another: one may
// compress while another only copies.
func (p *packer) write(ctx context.Context, l *layout) ([]Result, error) {
	results := make([]Result, len(p.outputs))
	group, ctx := store.NewGroup(ctx, 0)
	for i, codec := range p.codecs {
		if slices.Index(p.codecs, codec) < i {
			continue
		}
		group.Go(func() error {
			f, err := p.frames(ctx, codec, l)
			if err != nil {
				return err
			}
			return p.writeOutputs(ctx, codec, f, l, results)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return results, nil
}

// writeOutputs writes the outputs of one codec, and fills in their results.
func (p *packer) writeOutputs(ctx context.Context, codec format.Codec, f *frames, l *layout, results []Result) error {
	group, ctx := store.NewGroup(ctx, 0)
	for i, out := range p.outputs {
		if p.codecs[i] != codec {
			continue
		}
		group.Go(func() error {
			written, err := writeArchive(ctx, out, codec, f.all, l, p.jobs)
			if err != nil {
				return fmt.Errorf("writing archive %s: %w", out.Path, err)
			}
			results[i] = Result{Path: out.Path, Codec: codec, Size: written.Size(), Images: len(l.images),
				Frames: f.runs, Cached: f.cached, Parts: written.Parts(), Checksums: written.Checksums()}
			for _, run := range l.runs {
				results[i].Layers += len(run)
			}
			return nil
		})
	}
	return group.Wait()
}

// frames are the frames of an archive in one codec, in order.
type frames struct {
	all []frame.Frame
	// runs is the number of frames with layers. cached is how many of them were in the store.
	runs, cached int
}

// frames makes the frames of an archive in codec. The views are a separate frame, so that a reader that does not find
// an image there reads nothing else.
func (p *packer) frames(ctx context.Context, codec format.Codec, l *layout) (*frames, error) {
	maker := frame.NewMaker(codec, p.content, p.level, p.jobs)
	planned := l.runs
	if codec != format.Zstd {
		// No other codec gains by compressing layers together.
		planned = apart(planned)
	}
	runs, cached, err := p.layerFrames(ctx, codec, maker, planned)
	if err != nil {
		return nil, err
	}
	maker.Release()
	views, err := frame.NewSmallTar(l.views)
	if err != nil {
		return nil, err
	}
	blobs, err := frame.NewSmallTar(l.blobs)
	if err != nil {
		return nil, err
	}
	tars := []*frame.SmallTar{views, blobs}
	for _, files := range l.proof {
		t, err := frame.NewSmallTar(files)
		if err != nil {
			return nil, err
		}
		tars = append(tars, t)
	}
	small := make([]frame.Frame, len(tars)+1)
	for i, t := range append(tars, frame.EndOfTar()) {
		if small[i], err = maker.Small(ctx, t); err != nil {
			return nil, err
		}
	}
	return &frames{all: slices.Concat(small[:2], runs, small[2:]), runs: len(runs), cached: cached}, nil
}

// layerFrames makes a frame of each run, and returns how many of them were in the store.
func (p *packer) layerFrames(ctx context.Context, codec format.Codec, maker frame.Maker, planned [][]frame.Layer) (runs []frame.Frame, cached int, err error) {
	task := progress.Start(ctx, fmt.Sprintf("compress %d layers as %s", len(slices.Concat(planned...)), codec))
	defer func() { task.Done(err) }()
	ctx = task.Context(ctx)
	runs = make([]frame.Frame, len(planned))
	ready := make([]*frame.Frame, len(planned))
	if p.ready != nil {
		if ready, err = p.ready.Ready(ctx, codec, planned); err != nil {
			return nil, 0, err
		}
	}
	order := make([]int, len(planned))
	var total int64
	for i, run := range planned {
		order[i] = i
		total += frame.RunSize(run)
	}
	task.SetTotal(total)
	// The largest run first, so that it does not keep one core busy at the end.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(frame.RunSize(planned[b]), frame.RunSize(planned[a])) })
	var hits atomic.Int64
	group, groupCtx := store.NewGroup(ctx, p.jobs)
	for _, i := range order {
		if ready[i] != nil {
			runs[i] = *ready[i]
			task.Add(int(frame.RunSize(planned[i])))
			hits.Add(1)
			continue
		}
		group.Go(func() error {
			f, hit, err := maker.Run(groupCtx, planned[i], task.Add)
			if err != nil {
				return p.allDamage(groupCtx, planned[i], err)
			}
			runs[i] = f
			if hit {
				hits.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	if cached = int(hits.Load()); cached == len(runs) {
		task.SetCached()
	}
	return runs, cached, nil
}

// allDamage adds the other damaged blobs of a run to err, if err is damage of one blob.
func (p *packer) allDamage(ctx context.Context, run []frame.Layer, err error) error {
	if !store.IsDamaged(err) {
		return err
	}
	errs := []error{err}
	for _, l := range run {
		if checked := p.content.Check(ctx, l.Source); store.IsDamaged(checked) {
			errs = append(errs, checked)
		}
	}
	return errors.Join(errs...)
}

// writeArchive writes the frames and their index, several at a time.
func writeArchive(ctx context.Context, out Output, codec format.Codec, frames []frame.Frame, l *layout, jobs int) (_ *parts.Archive, err error) {
	idx := indexOf(frames)
	tail, err := idx.Encode(codec)
	if err != nil {
		return nil, err
	}
	frames = append(slices.Clip(frames), frame.Bytes(tail))
	var (
		offsets []int64
		size    int64
	)
	for _, f := range frames {
		offsets = append(offsets, size)
		size += f.Size()
	}
	task := progress.Start(ctx, "write "+filepath.Base(out.Path))
	task.SetTotal(size)
	defer func() { task.Done(err) }()

	temp, err := parts.Create(out.Path, size, out.Split)
	if err != nil {
		return nil, err
	}
	defer temp.Discard()
	group, groupCtx := store.NewGroup(ctx, jobs)
	for i, f := range frames {
		group.Go(func() error {
			w, err := temp.OpenAt(offsets[i])
			if err != nil {
				return err
			}
			return errors.Join(f.Copy(groupCtx, w, task), w.Close())
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := checkWritten(ctx, temp.Path(), size, l); err != nil {
		return nil, fmt.Errorf("checking what was written: %w", err)
	}
	return temp, temp.Commit(ctx)
}

// indexOf returns the index of an archive of frames.
func indexOf(frames []frame.Frame) *format.Index {
	idx := format.NewIndex()
	for _, f := range frames {
		idx.Add(f.Size(), f.TarSize, f.Entries)
	}
	return idx
}

// checkWritten reads an archive as any reader does, and compares its images with those of the layout.
func checkWritten(ctx context.Context, path string, size int64, l *layout) error {
	a, err := airgap.Open(ctx, path)
	if err != nil {
		return err
	}
	defer a.Close()
	if a.Size() != size {
		return fmt.Errorf("it has %d bytes instead of %d", a.Size(), size)
	}
	found, err := a.Images(ctx)
	if err != nil {
		return err
	}
	if len(found) != len(l.images) {
		return fmt.Errorf("it has %d images instead of %d", len(found), len(l.images))
	}
	for i, img := range l.images {
		if found[i].Manifest.Digest != img.manifest.Digest || found[i].ID != img.config.Digest || len(found[i].Names) != len(img.tags) {
			return fmt.Errorf("image number %d is %s with %d names instead of %s, which is %s with %d names", i+1,
				found[i].Manifest.Digest, len(found[i].Names), images.Familiar(img.tags[0]), img.manifest.Digest, len(img.tags))
		}
	}
	return nil
}

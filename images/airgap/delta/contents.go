package delta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/slipway-build/slipway/images/airgap/delta/bindiff"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// applyMemory is the memory for applying patches, in bytes.
const applyMemory = 400 << 20

// A contents makes the content of NEW of that of OLD.
type contents struct {
	*delta
	scratches []*scratch
	// old and made are the contents of OLD and NEW.
	old, made io.ReaderAt
}

// makeContents makes the content of NEW. It writes temporary files beside final. The caller must call close.
func (d *delta) makeContents(ctx context.Context, old io.ReaderAt, final string) (_ *contents, err error) {
	c := &contents{delta: d}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if len(d.Made) == 0 {
		return c, nil
	}
	if err := c.openOld(ctx, old, final); err != nil {
		return nil, err
	}
	made, err := c.scratch(final)
	if err != nil {
		return nil, err
	}
	c.made = made.r
	return c, c.applySteps(ctx, made)
}

func (c *contents) close() {
	for _, s := range c.scratches {
		s.close()
	}
}

func (c *contents) scratch(final string) (*scratch, error) {
	s, err := newScratch(final)
	if err != nil {
		return nil, err
	}
	c.scratches = append(c.scratches, s)
	return s, nil
}

// openOld opens the content of OLD.
func (c *contents) openOld(ctx context.Context, old io.ReaderAt, final string) error {
	if c.Codec == "" {
		p := &pieces{}
		for _, s := range c.Sources {
			p.add(old, s.Old, s.Size)
		}
		c.old = p
		return nil
	}
	to, err := c.scratch(final)
	if err != nil {
		return err
	}
	w, err := to.temp.OpenAt(0)
	if err != nil {
		return err
	}
	for _, s := range c.Sources {
		if err := decompress(ctx, w, c.Codec, io.NewSectionReader(old, s.Old, s.Size), s.Content); err != nil {
			w.Close()
			return fmt.Errorf("decompressing byte %d of %s: %w", s.Old, c.Old.names(), err)
		}
	}
	c.old = to.r
	return w.Close()
}

// decompress writes the size bytes of a frame to w.
func decompress(ctx context.Context, w io.Writer, codec format.Codec, r io.Reader, size int64) error {
	frame, err := codec.Decompress(streams.WithContext(ctx, r))
	if err != nil {
		return err
	}
	defer frame.Close()
	if _, err := io.Copy(struct{ io.Writer }{w}, streams.Exactly(frame, size)); err != nil {
		return err
	}
	if n, err := io.CopyN(io.Discard, frame, 1); n > 0 || err != io.EOF {
		return errors.Join(fmt.Errorf("it has more than the expected %d bytes", size), err)
	}
	return nil
}

// applySteps writes the content of NEW.
func (c *contents) applySteps(ctx context.Context, to *scratch) (err error) {
	task := progress.Start(ctx, "make the content of changed layers")
	defer func() { task.Done(err) }()
	var total int64
	for _, s := range c.Content {
		total += s.Size
	}
	task.SetTotal(total)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	memory := semaphore.NewWeighted(applyMemory)
	var at, patch int64
	for _, s := range c.Content {
		offset, from := at, patch
		group.Go(func() error {
			w, err := to.temp.OpenAt(offset)
			if err != nil {
				return err
			}
			err = errors.Join(c.apply(ctx, w, s, from, memory), w.Close())
			task.Add(int(s.Size))
			return err
		})
		at, patch = at+s.Size, patch+s.Patch
	}
	return group.Wait()
}

// apply writes the bytes of one step, whose patch begins at offset from.
func (c *contents) apply(ctx context.Context, w *os.File, s contentStep, from int64, memory *semaphore.Weighted) error {
	if s.Patch == 0 {
		r := streams.WithContext(ctx, io.NewSectionReader(c.old, s.Old[0].At, s.Size))
		_, err := io.Copy(struct{ io.Writer }{w}, streams.Exactly(r, s.Size))
		return err
	}
	var size int64
	for _, r := range s.Old {
		size += r.Size
	}
	// OLD and what is known of it, the patch, and decoders.
	need := min(size*5/4+s.Patch+80<<20, applyMemory)
	if err := memory.Acquire(ctx, need); err != nil {
		return err
	}
	defer memory.Release(need)
	old, err := readRanges(c.old, s.Old)
	if err != nil {
		return err
	}
	patch := make([]byte, s.Patch)
	if !format.ReadFullAt(c.patches, patch, from) {
		return io.ErrUnexpectedEOF
	}
	return bindiff.Apply(streams.WriterWithContext(ctx, w), old, patch, int(s.Size))
}

// readRanges reads ranges of the content of OLD.
func readRanges(old io.ReaderAt, ranges []contentRange) ([]byte, error) {
	var size int64
	for _, r := range ranges {
		size += r.Size
	}
	out := make([]byte, size)
	rest := out
	for _, r := range ranges {
		if _, err := io.ReadFull(io.NewSectionReader(old, r.At, r.Size), rest[:r.Size]); err != nil {
			return nil, fmt.Errorf("reading the content of the old file: %w", err)
		}
		rest = rest[r.Size:]
	}
	return out, nil
}

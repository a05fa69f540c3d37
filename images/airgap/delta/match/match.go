package match

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// MinRun is the minimum size of a run, in bytes. A run takes about as many bytes in the recipe of a delta.
const MinRun = 64

// A Run is a sequence of bytes that OLD and NEW have in common.
type Run struct {
	Old  int64 `json:"old"` // offset in OLD
	New  int64 `json:"new"` // offset in NEW
	Size int64 `json:"size"`
}

// A File is a file to compare.
type File struct {
	io.ReaderAt
	Name string // for messages
	Size int64  // in bytes
	// Ends are the ends of the frames of archives, in order. Chunks end there too, so that a frame is cut into the same
	// chunks in every archive, however short it is.
	Ends []int64
	// Err returns the first error of reading the file other than its end.
	Err func() error
}

// Chunks are the chunks of OLD.
type Chunks struct {
	old  *chunker
	read int64            // the offset up to which OLD was read
	at   map[uint64]int64 // offset of the first chunk with each key
	buf  []byte           // of the method both
}

// Of returns the chunks of OLD, which Read has to read.
func Of(old File) *Chunks {
	return &Chunks{old: &chunker{file: old, sizes: chunkSizesFor(old.Size)}, at: map[uint64]int64{}}
}

// key returns the beginning of the SHA-256 of a chunk. Chunks with the same key are compared byte by byte.
func key(chunk []byte) uint64 {
	sum := sha256.Sum256(chunk)
	return binary.LittleEndian.Uint64(sum[:])
}

// Read reads OLD on to the offset end, which is the end of a chunk, and writes the bytes to w.
func (c *Chunks) Read(ctx context.Context, end int64, w io.Writer) error {
	for c.read < end {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		chunk, err := c.old.next(c.read)
		if err != nil {
			return err
		}
		if key := key(chunk); len(chunk) >= MinRun {
			if _, ok := c.at[key]; !ok {
				c.at[key] = c.read
			}
		}
		c.read += int64(len(chunk))
		if _, err := w.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}

// Runs returns at most most runs that NEW and OLD have in common: chunks with the same bytes, extended by equal bytes before
// and after them. The size of NEW divided by most is the least size of a run.
func (c *Chunks) Runs(ctx context.Context, new File, most int64, task *progress.Task) ([]Run, error) {
	runs := []Run{}
	least := max(MinRun, (new.Size+most-1)/most)
	chunks := &chunker{file: new, sizes: c.old.sizes}
	var done int64 // end of the last run in NEW
	for pos := int64(0); pos < new.Size; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		chunk, err := chunks.next(pos)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", new.Name, err)
		}
		step := int64(len(chunk))
		if at, ok := c.at[key(chunk)]; ok {
			run, err := c.extend(ctx, new, Run{Old: at, New: pos}, done)
			if err != nil {
				return nil, err
			}
			if run.Size >= least && run.New+run.Size > pos {
				runs = append(runs, run)
				done = run.New + run.Size
				step = done - pos
			}
		}
		pos += step
		task.Add(int(step))
	}
	return runs, nil
}

// compareStep is the maximum number of bytes that are compared at a time. The first steps of a run
// are smaller, because many runs are short.
const compareStep = 1 << 20

// extend compares OLD and NEW in both directions from the offsets of run, and returns the run of
// equal bytes, which may be empty. The run does not begin before offset first of NEW.
func (c *Chunks) extend(ctx context.Context, new File, run Run, first int64) (Run, error) {
	var same, step int64
	end := min(c.old.file.Size-run.Old, new.Size-run.New)
	for step = 16 << 10; run.Size < end; step = min(2*step, compareStep) {
		n := min(step, end-run.Size)
		a, b, err := c.both(ctx, new, run.Old+run.Size, run.New+run.Size, n)
		if err != nil {
			return run, err
		}
		same = samePrefix(a, b)
		if run.Size += same; same < n {
			break
		}
	}
	for step = 4 << 10; run.New > first && run.Old > 0; step = min(2*step, compareStep) {
		n := min(step, run.New-first, run.Old)
		a, b, err := c.both(ctx, new, run.Old-n, run.New-n, n)
		if err != nil {
			return run, err
		}
		same = sameSuffix(a, b)
		run = Run{run.Old - same, run.New - same, run.Size + same}
		if same < n {
			break
		}
	}
	return run, nil
}

// errChanged is the error for a file on disk that does not have the bytes that it had.
var errChanged = errors.New("the file changed meanwhile")

// both reads size bytes of each file. The slices are valid until the next call.
func (c *Chunks) both(ctx context.Context, new File, oldAt, newAt, size int64) (a, b []byte, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, nil, err
	}
	if int64(len(c.buf)) < 2*size {
		c.buf = make([]byte, 2*size)
	}
	a, b = c.buf[:size], c.buf[size:2*size]
	if !format.ReadFullAt(c.old.file, a, oldAt) {
		return nil, nil, fmt.Errorf("reading %s at byte %d: %w", c.old.file.Name, oldAt, cmp.Or(c.old.file.Err(), errChanged))
	}
	if !format.ReadFullAt(new, b, newAt) {
		return nil, nil, fmt.Errorf("reading %s at byte %d: %w", new.Name, newAt, cmp.Or(new.Err(), errChanged))
	}
	return a, b, nil
}

// samePrefix returns the length of the common prefix of a and b, which have the same length.
func samePrefix(a, b []byte) int64 {
	if bytes.Equal(a, b) {
		return int64(len(a))
	}
	n := 0
	for a[n] == b[n] {
		n++
	}
	return int64(n)
}

// sameSuffix returns the length of the common suffix of a and b, which have the same length.
func sameSuffix(a, b []byte) int64 {
	if bytes.Equal(a, b) {
		return int64(len(a))
	}
	n := 0
	for a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return int64(n)
}

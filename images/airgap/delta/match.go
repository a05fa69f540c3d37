package delta

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// minRun is the minimum size of a run, in bytes. A run takes about as many bytes in the recipe.
const minRun = 64

// knownChunks are the chunks of OLD, by key.
type knownChunks struct {
	old   *format.File
	id    FileID
	sizes chunkSizes
	at    map[uint64]int64 // offset of the first chunk with each key
	buf   []byte           // reused by both
}

// chunkKey returns the beginning of the SHA-256 of a chunk. Chunks with the same key are compared
// byte by byte.
func chunkKey(chunk []byte) uint64 {
	sum := sha256.Sum256(chunk)
	return binary.LittleEndian.Uint64(sum[:])
}

// readChunks reads OLD, and returns its chunks and its FileID.
func readChunks(ctx context.Context, old *format.File, task *progress.Task) (*knownChunks, error) {
	k := &knownChunks{old: old, sizes: chunkSizesFor(old.Size()), at: map[uint64]int64{}}
	sum := sha256.New()
	chunks := newChunker(old, k.sizes)
	for pos := int64(0); pos < old.Size(); {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		chunk, err := chunks.next(pos)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", old.Name, err)
		}
		sum.Write(chunk)
		if key := chunkKey(chunk); len(chunk) >= minRun {
			if _, ok := k.at[key]; !ok {
				k.at[key] = pos
			}
		}
		pos += int64(len(chunk))
		task.Add(len(chunk))
	}
	k.id = FileID{format.Base(old.Name), old.Size(), hex.EncodeToString(sum.Sum(nil))}
	return k, nil
}

// match returns the runs that NEW and OLD have in common: chunks with the same bytes, extended by
// equal bytes before and after them. The size of NEW divided by maxCopies is the least size of a
// run, so that there are no more than maxCopies runs.
func (k *knownChunks) match(ctx context.Context, new *format.File, task *progress.Task) ([]copiedRun, error) {
	runs := []copiedRun{}
	least := max(minRun, (new.Size()+maxCopies-1)/maxCopies)
	chunks := newChunker(new, k.sizes)
	var done int64 // end of the last run in NEW
	for pos := int64(0); pos < new.Size(); {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		chunk, err := chunks.next(pos)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", new.Name, err)
		}
		step := int64(len(chunk))
		if at, ok := k.at[chunkKey(chunk)]; ok {
			run, err := k.extend(ctx, new, copiedRun{Old: at, New: pos}, done)
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
func (k *knownChunks) extend(ctx context.Context, new *format.File, run copiedRun, first int64) (copiedRun, error) {
	var same, step int64
	end := min(k.old.Size()-run.Old, new.Size()-run.New)
	for step = 16 << 10; run.Size < end; step = min(2*step, compareStep) {
		n := min(step, end-run.Size)
		a, b, err := k.both(ctx, new, run.Old+run.Size, run.New+run.Size, n)
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
		a, b, err := k.both(ctx, new, run.Old-n, run.New-n, n)
		if err != nil {
			return run, err
		}
		same = sameSuffix(a, b)
		run = copiedRun{run.Old - same, run.New - same, run.Size + same}
		if same < n {
			break
		}
	}
	return run, nil
}

// errChanged is the error for a file on disk that does not have the bytes that it had.
var errChanged = errors.New("the file changed meanwhile")

// both reads size bytes of each file. The slices are valid until the next call.
func (k *knownChunks) both(ctx context.Context, new *format.File, oldAt, newAt, size int64) (a, b []byte, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, nil, err
	}
	if int64(len(k.buf)) < 2*size {
		k.buf = make([]byte, 2*size)
	}
	a, b = k.buf[:size], k.buf[size:2*size]
	if !format.ReadFullAt(k.old, a, oldAt) {
		return nil, nil, fmt.Errorf("reading %s at byte %d: %w", k.old.Name, oldAt, cmp.Or(k.old.Err(), errChanged))
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

package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/slipway-build/slipway/progress"
)

// A shelf is a place, with what is known about it in this run.
type shelf struct {
	place Place

	mu       sync.Mutex
	idx      *index
	off      bool // not used any more in this run
	failures int
	wrong    int               // entries
	packs    map[string][]byte // by digest
	packed   int               // bytes of packs
}

// index returns the index of the place, which is read once. It returns nil, after a warning, if the place cannot be
// read.
func (s *shelf) index(ctx context.Context) *index {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off || s.idx != nil {
		if s.off {
			return nil
		}
		return s.idx
	}
	limited, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	idx, err := readIndex(limited, s.place)
	if errors.Is(err, fs.ErrNotExist) {
		idx, err = &index{entries: map[string][]Entry{}}, nil // nothing has been written yet
	}
	if err != nil {
		if ctx.Err() == nil {
			s.off = true
			progress.Warn(ctx, fmt.Sprintf("shared cache %s cannot be read, so it is not used: %v", s.place, err))
		}
		return nil
	}
	for _, name := range sortedKeys(idx.broken) {
		progress.Warn(ctx, fmt.Sprintf("shared cache %s: segment %s is not used: %v; remove it with: slipway cache prune", s.place, name, idx.broken[name]))
	}
	s.idx = idx
	return idx
}

const (
	// indexTimeout limits the time to read the index of a place, which a writer keeps to a few segments.
	indexTimeout = 30 * time.Second
	// stallTimeout limits the time without a single byte of a blob.
	stallTimeout = 30 * time.Second
	// maxFailures is the number of blobs that cannot be read before a place is not used any more.
	maxFailures = 3
)

// failed counts blobs that could not be read.
func (s *shelf) failed(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures++; s.failures == maxFailures && !s.off {
		s.off = true
		progress.Warn(ctx, fmt.Sprintf("shared cache %s is not read any more in this run, since %d requests failed, the last one with: %v", s.place, maxFailures, err))
	}
}

// wrongNamed is the number of wrong entries that are reported one by one.
const wrongNamed = 3

// warnWrong reports an entry whose content is not what it must be.
func (s *shelf) warnWrong(ctx context.Context, name string, err error) {
	s.mu.Lock()
	s.wrong++
	n := s.wrong
	s.mu.Unlock()
	if n <= wrongNamed {
		progress.Warn(ctx, fmt.Sprintf("shared cache %s: the entry %s is wrong, so it is made again: %v", s.place, name, err))
	}
}

// warnMore reports the number of wrong entries that warnWrong did not.
func (s *shelf) warnMore(ctx context.Context) {
	s.mu.Lock()
	more := s.wrong - wrongNamed
	s.wrong = 0
	s.mu.Unlock()
	if more > 0 {
		progress.Warn(ctx, fmt.Sprintf("shared cache %s: %d more entries were wrong", s.place, more))
	}
}

// copy writes the content of an entry to w.
func (s *shelf) copy(ctx context.Context, e Entry, w io.Writer) error {
	sum := sha256.New()
	w = io.MultiWriter(w, sum)
	if e.Pack != nil {
		pack, err := s.pack(ctx, *e.Pack)
		if err != nil {
			return err
		}
		if _, err := w.Write(pack[e.Offset : e.Offset+e.Size]); err != nil {
			return err
		}
		return compare(sum, e)
	}
	if err := s.read(ctx, e.blob(), w); err != nil {
		return err
	}
	return compare(sum, e)
}

// compare compares the hash of content with its entry.
func compare(sum hash.Hash, e Entry) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != e.Sum.Hex {
		return errWrong("its %d bytes have the SHA-256 %s", e.Size, got)
	}
	return nil
}

// read copies a blob of the right size to w.
func (s *shelf) read(ctx context.Context, b Blob, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTimeout, func() {
		cancel(fmt.Errorf("no byte was received for %s", stallTimeout))
	})
	defer stalled.Stop()
	r, err := s.place.Open(ctx, b)
	if err != nil {
		return missingIsWrong(err)
	}
	defer r.Close()
	n, err := io.Copy(w, &pulse{io.LimitReader(r, b.Size+1), stalled})
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case n > b.Size:
		return errWrong("blob %s has more than its %d bytes", b.Digest, b.Size)
	case n < b.Size:
		return errWrong("blob %s has %d of its %d bytes", b.Digest, n, b.Size)
	}
	return nil
}

// missingIsWrong says that a blob which a segment names, but the place does not have, is a fault of the content.
func missingIsWrong(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &wrongError{err}
	}
	return err
}

// A pulse resets a timer with each read.
type pulse struct {
	io.Reader
	timer *time.Timer
}

func (p *pulse) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.timer.Reset(stallTimeout)
	return n, err
}

const (
	// maxPack limits the size of a pack, in bytes, and maxSmall the size of what is packed.
	maxPack  = 4 << 20
	maxSmall = 64 << 10
	// keptPacks is the number of bytes of packs that are kept in memory.
	keptPacks = 64 << 20
)

// pack returns the content of a pack. It is kept, since a run uses many small entries.
func (s *shelf) pack(ctx context.Context, b Blob) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pack, ok := s.packs[b.Digest.Hex]; ok {
		return pack, nil
	}
	var content bytes.Buffer
	if err := s.read(ctx, b, &content); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content.Bytes()); hex.EncodeToString(sum[:]) != b.Digest.Hex {
		return nil, errWrong("the pack %s has other content", b.Digest)
	}
	if s.packed += content.Len(); s.packed > keptPacks {
		s.packs, s.packed = map[string][]byte{}, content.Len()
	}
	s.packs[b.Digest.Hex] = content.Bytes()
	return content.Bytes(), nil
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
)

// partialAge is how long a download that was broken off can be resumed.
const partialAge = 7 * 24 * time.Hour

// A Partial is a blob that is being fetched. What was written of it stays on disk
// until the next run, whatever happens to this one.
type Partial struct {
	store  *Store
	want   v1.Descriptor
	lock   *flock.Flock
	made   bool // the blob is there, and the lock of no more use
	file   *os.File
	hasher *hasher
}

// Resume opens the part of a blob that an earlier run fetched, or an empty one.
// While a process has it open, other processes wait here; if they waited for the
// whole blob, Resume returns nil, since there is nothing left to fetch. The caller
// must call Close.
func (s *Store) Resume(ctx context.Context, want v1.Descriptor) (*Partial, error) {
	if s.readOnly {
		return nil, fmt.Errorf("OCI layout %s is open for reading only", s.dir)
	}
	if s.holds(ctx, want.Digest, want.Size) {
		return nil, nil
	}
	if err := os.MkdirAll(s.private("partial"), 0o755); err != nil {
		return nil, fmt.Errorf("fetching blob %s: %w", want.Digest, err)
	}
	path := s.private("partial", want.Digest.Hex)
	p := &Partial{store: s, want: want, lock: flock.New(path + ".lock")}
	if _, err := p.lock.TryLockContext(ctx, lockPoll*10); err != nil {
		return nil, fmt.Errorf("fetching blob %s: waiting for another process that fetches it: %w", want.Digest, err)
	}
	if s.holds(ctx, want.Digest, want.Size) {
		p.lock.Close()
		fileop.Remove(path + ".lock")
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		p.lock.Close()
		return nil, fmt.Errorf("fetching blob %s: %w", want.Digest, err)
	}
	p.file, p.hasher = f, newHasher()
	// What lies there is hashed now, and the rest as it comes.
	n, err := s.copy(ctx, p.hasher, f)
	if err == nil && n > want.Size {
		err = p.Reset()
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("fetching blob %s: %w", want.Digest, err)
	}
	return p, nil
}

// Size is how many bytes are there: where the rest begins.
func (p *Partial) Size() int64 { return p.hasher.size }

// Write appends.
func (p *Partial) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.hasher.Write(b[:n])
	if err != nil {
		return n, fmt.Errorf("writing blob %s into %s: %w", p.want.Digest, p.store.dir, reason(err))
	}
	return n, nil
}

// Reset throws away what is there.
func (p *Partial) Reset() error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.hasher.finish()
	p.hasher = newHasher()
	return nil
}

// Commit verifies what was written and makes it a blob. Content that is wrong is
// thrown away, and is a *ContentError; content that is short stays.
func (p *Partial) Commit() error {
	digest, size := p.hasher.finish()
	p.hasher = nil
	if err := checkContent(p.want, digest, size); err != nil {
		var wrong *ContentError
		if errors.As(err, &wrong) && !wrong.Short {
			err = errors.Join(err, p.file.Truncate(0))
		}
		return err
	}
	if err := p.store.commit(p.file, p.store.Path(digest), unsynced); err != nil {
		return fmt.Errorf("writing blob %s: %w", digest, err)
	}
	p.made = true
	return nil
}

// Close lets others go on. What was not committed can be resumed.
func (p *Partial) Close() error {
	if p.hasher != nil {
		p.hasher.finish()
	}
	err := p.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		err = nil
	}
	err = errors.Join(err, p.lock.Close())
	if p.made {
		// Windows removes no open file. One that waits for the lock finds the blob.
		fileop.Remove(p.lock.Path())
	}
	return err
}

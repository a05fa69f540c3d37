package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/slipway-build/slipway/images/store/files"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
)

// partialAge is the time during which an interrupted download can be resumed.
const partialAge = 7 * 24 * time.Hour

// A Partial is a blob being fetched. The part that has been written remains on disk, even if this
// process is killed.
type Partial struct {
	store *Store
	want  v1.Descriptor
	lock  *flock.Flock
	made  bool // the blob exists, so the lock is no longer needed
	file  *os.File
	out   *files.HashingFile // writes to file
}

// Resume opens the partial blob that an earlier run fetched, or an empty one. While one process has
// it open, others wait here; if the blob is complete after that, Resume returns nil. The caller
// must call Close.
func (s *Store) Resume(ctx context.Context, want v1.Descriptor) (*Partial, error) {
	if s.files.ReadOnly {
		return nil, fmt.Errorf("OCI layout %s is open read-only", s.files.Dir)
	}
	if s.holds(ctx, want.Digest, want.Size) {
		return nil, nil
	}
	if err := os.MkdirAll(s.files.Private("partial"), 0o755); err != nil {
		return nil, fmt.Errorf("fetching blob %s: %w", want.Digest, err)
	}
	path := s.files.Private("partial", want.Digest.Hex)
	p := &Partial{store: s, want: want, lock: flock.New(path + ".lock")}
	// Windows refuses to open the file for a moment while another process removes it.
	_, err := fileop.Open(func() (bool, error) { return p.lock.TryLockContext(ctx, lockPoll*10) })
	if err != nil {
		return nil, fmt.Errorf("fetching blob %s: waiting for another process to fetch it: %w", want.Digest, err)
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
	p.file, p.out = f, files.NewHashingFile(f)
	// Hash the existing part now, and the rest while it is written.
	n, err := s.files.Copy(ctx, p.out.Existing(), f)
	if err == nil && n > want.Size {
		err = p.Reset()
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("fetching blob %s: %w", want.Digest, err)
	}
	return p, nil
}

// Size returns the number of bytes written so far, which is the offset of the rest.
func (p *Partial) Size() int64 { return p.out.Size() }

// Write appends.
func (p *Partial) Write(b []byte) (int, error) {
	n, err := p.out.Write(b)
	if err != nil {
		return n, fmt.Errorf("writing blob %s into %s: %w", p.want.Digest, p.store.files.Dir, err)
	}
	return n, nil
}

// Reset discards the content.
func (p *Partial) Reset() error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.out = files.NewHashingFile(p.file)
	return nil
}

// Commit verifies the content and makes it a blob. Wrong content is discarded, and the error is a
// *ContentError; incomplete content is kept.
func (p *Partial) Commit() error {
	digest, mark := p.out.Sums()
	if err := checkContent(p.want, digest, mark.Size); err != nil {
		var wrong *ContentError
		if errors.As(err, &wrong) && !wrong.Short {
			err = errors.Join(err, p.file.Truncate(0))
		}
		return err
	}
	p.store.written(digest, mark, p.file)
	if err := p.store.files.Commit(p.file, p.store.Path(digest), files.Unsynced); err != nil {
		return fmt.Errorf("writing blob %s: %w", digest, err)
	}
	p.made = true
	return nil
}

// Close lets other processes continue. Uncommitted content can be resumed.
func (p *Partial) Close() error {
	err := p.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		err = nil
	}
	err = errors.Join(err, p.lock.Close())
	if p.made {
		// Windows does not remove open files. A process that waits for the lock will find the blob.
		fileop.Remove(p.lock.Path())
	}
	return err
}

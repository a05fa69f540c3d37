package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
)

// sweepAge is the age after which a file in ingest is a leftover of a killed process: every write
// makes progress within a day.
const sweepAge = 24 * time.Hour

// Whether a file is synced to disk before it is renamed; see the package comment.
const (
	unsynced = false
	synced   = true
)

// Put writes the blob that want describes from r. Its size and digest are verified; an existing
// blob is not read again.
func (s *Store) Put(ctx context.Context, want v1.Descriptor, r io.Reader) error {
	if s.holds(ctx, want.Digest, want.Size) {
		return nil
	}
	f, err := s.temp()
	if err != nil {
		return fmt.Errorf("writing blob %s: %w", want.Digest, err)
	}
	defer discard(f)
	out := newHashingFile(f)
	// One byte too many is enough to detect that there are more.
	_, err = s.copy(ctx, out, io.LimitReader(r, want.Size+1))
	digest, size, _ := out.finish()
	if err != nil {
		return fmt.Errorf("writing blob %s into %s: %w", want.Digest, s.dir, err)
	}
	if err := checkContent(want, digest, size); err != nil {
		return err
	}
	if err := s.commit(f, s.Path(digest), unsynced); err != nil {
		return fmt.Errorf("writing blob %s: %w", want.Digest, err)
	}
	return nil
}

// putBytes is Put for content in memory. It also compares an existing blob, which costs little.
func (s *Store) putBytes(ctx context.Context, want v1.Descriptor, raw []byte) error {
	if s.holds(ctx, want.Digest, want.Size) {
		err := s.Check(ctx, want.Digest)
		if err == nil {
			return nil
		}
		warnOf(ctx, err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if err := checkContent(want, digest, size); err != nil {
		return err
	}
	f, err := s.temp()
	if err != nil {
		return fmt.Errorf("writing blob %s: %w", digest, err)
	}
	defer discard(f)
	_, err = f.Write(raw)
	if err == nil {
		err = s.commit(f, s.Path(digest), unsynced)
	}
	if err != nil {
		return fmt.Errorf("writing blob %s into %s: %w", digest, s.dir, reason(err))
	}
	return nil
}

// checkContent compares the expected content with the received one.
func checkContent(want v1.Descriptor, digest v1.Hash, size int64) error {
	switch {
	case size > want.Size:
		return &ContentError{Want: want, Reason: fmt.Sprintf("received more than its %d bytes", want.Size)}
	case size < want.Size:
		return &ContentError{Want: want, Reason: fmt.Sprintf("received %d of its %d bytes", size, want.Size), Short: true}
	case digest != want.Digest:
		return &ContentError{Want: want, Reason: fmt.Sprintf("the content has digest %s", digest)}
	}
	return nil
}

// A ContentError means that content does not match a descriptor.
type ContentError struct {
	Want   v1.Descriptor
	Reason string
	// Short is set if the content ended early; another attempt may succeed.
	Short bool
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("blob %s has wrong content: %s", e.Want.Digest, e.Reason)
}

// temp creates a file that commit can rename to anywhere in the store.
func (s *Store) temp() (*os.File, error) {
	if s.readOnly {
		return nil, fmt.Errorf("OCI layout %s is open read-only", s.dir)
	}
	f, err := os.CreateTemp(s.private("ingest"), "*")
	if errors.Is(err, fs.ErrNotExist) {
		// The store was emptied while it was open.
		if err := os.MkdirAll(s.private("ingest"), 0o755); err != nil {
			return nil, err
		}
		f, err = os.CreateTemp(s.private("ingest"), "*")
	}
	return f, err
}

// discard closes and removes a temporary file, unless commit has renamed it.
func discard(f *os.File) {
	if f.Close() == nil {
		fileop.Remove(f.Name())
	}
}

// commit gives f, which is complete and verified, its final name. If another process has done so in
// the meantime, that file has the same content.
func (s *Store) commit(f *os.File, path string, sync bool) error {
	// Read-only, since two stores may share the file through a hard link. Regardless of the umask,
	// since other programs read the layout.
	if err := f.Chmod(0o444); err != nil {
		return err
	}
	return s.rename(f, path, sync)
}

// rename closes f and gives it its final name.
func (s *Store) rename(f *os.File, path string, sync bool) error {
	var err error
	if sync {
		err = s.flush(f)
	}
	// Windows does not rename open files.
	if err := errors.Join(err, f.Close()); err != nil {
		fileop.Remove(f.Name())
		return err
	}
	err = fileop.Rename(f.Name(), path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = fileop.Rename(f.Name(), path)
		}
	}
	if err == nil {
		return nil
	}
	defer fileop.Remove(f.Name())
	info, statErr := os.Lstat(path)
	switch {
	case statErr == nil && info.IsDir():
		// The path is occupied by something that a store never creates.
		if err := fileop.RemoveAll(path); err != nil {
			return err
		}
		return fileop.Rename(f.Name(), path)
	case statErr == nil && sameContent(f.Name(), path):
		// On Windows, a process that reads the file prevents its replacement.
		return nil
	}
	return err
}

// sameContent reports whether two files can be read and have the same bytes.
func sameContent(a, b string) bool {
	var sums [2]v1.Hash
	for i, path := range []string{a, b} {
		f, err := regular.Open(path)
		if err != nil {
			return false
		}
		sums[i], _, err = v1.SHA256(f)
		f.Close()
		if err != nil {
			return false
		}
	}
	return sums[0] == sums[1]
}

// replace writes a small file atomically.
func (s *Store) replace(path string, content []byte, sync bool) error {
	f, err := s.temp()
	if err != nil {
		return err
	}
	defer discard(f)
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return s.rename(f, path, sync)
}

// sweep removes leftovers of killed processes.
func (s *Store) sweep(now time.Time) {
	for _, dir := range []string{"ingest", "partial"} {
		entries, err := os.ReadDir(s.private(dir))
		if err != nil {
			continue
		}
		age := sweepAge
		if dir == "partial" {
			age = partialAge
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > age {
				fileop.Remove(s.private(dir, e.Name()))
			}
		}
	}
}

package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/internal/regular"
)

// A Fetched is a file of a shared cache, which has not been checked.
type Fetched struct {
	folder *Folder
	kind   string
	key    string
	found  *cache.Found
	file   *os.File
	mark   Mark
}

// Fetch copies the content for a kind and a key from a shared cache, if one has it. proven means that the caller checks
// what the content must be before keeping it.
func (s *Folder) Fetch(ctx context.Context, kind, key string, proven bool) (*Fetched, bool) {
	if s.ReadOnly {
		return nil, false
	}
	for {
		found, ok := s.Shared.Find(ctx, kind, key, proven)
		if !ok {
			return nil, false
		}
		f, ours, err := s.fetch(ctx, found)
		if err == nil {
			f.kind, f.key = kind, key
			return f, true
		}
		if ours || ctx.Err() != nil {
			return nil, false // making or fetching it fails for the same reason, and says so
		}
		s.Shared.Reject(ctx, found, err)
	}
}

// FetchTo writes the signed content for a kind and a key to the new file temp outside of the folder, and returns where it
// was. The caller moves it to path.
func (s *Folder) FetchTo(ctx context.Context, kind, key, temp, path string) (place string, ok bool) {
	for {
		found, ok := s.Shared.Find(ctx, kind, key, false)
		if !ok {
			return "", false
		}
		f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return "", false // making the file fails for the same reason, and says so
		}
		out := &localWriter{file: f}
		err = found.CopyTo(ctx, out)
		if errors.Join(err, f.Close()) == nil {
			s.Shared.Use(ctx, found, opener(path))
			return found.Where(), true
		}
		if err == nil || out.failed || ctx.Err() != nil {
			return "", false
		}
		s.Shared.Reject(ctx, found, err)
	}
}

// fetch copies an entry to a temporary file. ours means that an error is about that file, and not about the cache.
func (s *Folder) fetch(ctx context.Context, found *cache.Found) (fetched *Fetched, ours bool, err error) {
	f, err := s.Temp()
	if err != nil {
		return nil, true, err
	}
	sum, out := xxhash.New(), &localWriter{file: f}
	if err := found.CopyTo(ctx, io.MultiWriter(out, sum)); err != nil {
		Discard(f)
		return nil, out.failed, err
	}
	return &Fetched{folder: s, found: found, file: f, mark: Mark{found.Size, sum.Sum64()}}, false, nil
}

// A localWriter writes to a file, and remembers whether that failed.
type localWriter struct {
	file   *os.File
	failed bool
}

func (l *localWriter) Write(p []byte) (int, error) {
	n, err := l.file.Write(p)
	l.failed = l.failed || err != nil
	return n, err
}

// Open opens the file.
func (f *Fetched) Open() (*os.File, error) { return regular.Open(f.file.Name()) }

// ReadAt reads bytes of the file.
func (f *Fetched) ReadAt(b []byte, offset int64) (int, error) { return f.file.ReadAt(b, offset) }

// Sums returns the digest, the size and the checksum of the file, which were computed when it was written.
func (f *Fetched) Sums() (digest v1.Hash, mark Mark) { return f.found.Sum, f.mark }

// Discard removes the file, unless it was kept.
func (f *Fetched) Discard() { Discard(f.file) }

// Reject removes the file, whose content is not what it must be, as reason says.
func (f *Fetched) Reject(ctx context.Context, reason error) {
	f.Discard()
	f.folder.Shared.Reject(ctx, f.found, cache.Wrong(reason))
}

// Keep makes the file the derived file of its kind and key. The caller has checked it, or it is signed.
func (f *Fetched) Keep(ctx context.Context) (*File, error) {
	path, rel := f.folder.derivedPath(f.kind, f.key)
	if err := f.KeepBlob(ctx, path); err != nil {
		return nil, err
	}
	return &File{f.folder, path, f.mark}, Remember(f.folder, derivedKind, rel, f.mark)
}

// KeepBlob gives the file its path in the store. The caller has compared its digest.
func (f *Fetched) KeepBlob(ctx context.Context, path string) error {
	if err := f.folder.Commit(f.file, path, Unsynced); err != nil {
		return err
	}
	f.folder.Shared.Use(ctx, f.found, opener(path))
	return nil
}

// Share offers a file to shared caches. blob is its digest and its size, or zero if they are not known.
func (s *Folder) Share(ctx context.Context, kind, key string, proven bool, path string, blob cache.Blob) {
	s.Shared.OfferBlob(ctx, kind, key, proven, blob, opener(path))
}

func opener(path string) cache.Opener {
	return func() (io.ReadSeekCloser, error) { return regular.Open(path) }
}

// recordShare is the beginning of the kinds of records in shared caches.
const recordShare = "record-"

// sharedRecord returns a record of a shared cache. A trusted key has signed it.
func (s *Folder) sharedRecord(ctx context.Context, kind, key string) ([]byte, bool) {
	if !s.SharedRecords[kind] || s.ReadOnly {
		return nil, false
	}
	for {
		found, ok := s.Shared.Find(ctx, recordShare+kind, key, false)
		if !ok || found.Size > maxRecord {
			return nil, false
		}
		var value bytes.Buffer
		err := found.CopyTo(ctx, &value)
		if err == nil {
			if s.writeRecord(kind, key, value.Bytes()) != nil {
				return nil, false
			}
			s.Shared.Use(ctx, found, s.recordOpener(kind, key))
			return value.Bytes(), true
		}
		if ctx.Err() != nil || errors.Is(err, context.Canceled) {
			return nil, false
		}
		s.Shared.Reject(ctx, found, err)
	}
}

// shareRecord offers a record to shared caches. It is read when it is sent.
func (s *Folder) shareRecord(kind, key string) {
	if !s.SharedRecords[kind] {
		return
	}
	s.Shared.OfferLater(recordShare+kind, key, s.recordOpener(kind, key))
}

func (s *Folder) recordOpener(kind, key string) cache.Opener {
	return func() (io.ReadSeekCloser, error) {
		value, err := s.ReadRecord(kind, key)
		return cache.InMemory(value), err
	}
}

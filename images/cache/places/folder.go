package places

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// A Folder is a cache in a folder, such as one that machines mount or that a CI service keeps.
type Folder struct {
	dir string
}

var _ cache.Place = (*Folder)(nil)

// NewFolder returns the cache in a folder, which need not exist.
func NewFolder(dir string) *Folder { return &Folder{dir} }

func (f *Folder) String() string { return f.dir }

func (f *Folder) path(kind, name string) string { return filepath.Join(f.dir, version, kind, name) }

func (f *Folder) blobPath(digest v1.Hash) string {
	return f.path("blobs", filepath.Join(digest.Algorithm, digest.Hex))
}

// Segments implements cache.Place.
func (f *Folder) Segments(context.Context) ([]string, error) {
	entries, err := os.ReadDir(f.path("segments", ""))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if isName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Segment implements cache.Place.
func (f *Folder) Segment(_ context.Context, name string) ([]byte, error) {
	r, err := regular.Open(f.path("segments", name))
	if err != nil {
		return nil, err
	}
	return readSegment(r)
}

// AddSegment implements cache.Place.
func (f *Folder) AddSegment(ctx context.Context, name string, raw []byte, blobs []cache.Content, _ []cache.Blob) error {
	for _, b := range blobs {
		if err := f.add(ctx, b); err != nil {
			return err
		}
	}
	return f.write(ctx, f.path("segments", name), func() (io.ReadSeekCloser, error) { return cache.InMemory(raw), nil })
}

func (f *Folder) add(ctx context.Context, b cache.Content) error {
	path := f.blobPath(b.Digest)
	if info, err := os.Stat(path); err == nil && info.Size() == b.Size && !b.Again {
		// Prune removes old blobs that no segment names.
		now := time.Now()
		return ignoreReadOnly(os.Chtimes(path, now, now))
	}
	return f.write(ctx, path, b.Open)
}

func ignoreReadOnly(err error) error {
	if os.IsPermission(err) {
		return nil
	}
	return err
}

func (f *Folder) write(ctx context.Context, path string, open func() (io.ReadSeekCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := atomicfile.Create(path, 0)
	if err != nil {
		return err
	}
	defer file.Discard()
	w, err := file.OpenAt(0)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, streams.WithContext(ctx, r))
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return file.Commit()
}

// RemoveSegment implements cache.Place.
func (f *Folder) RemoveSegment(_ context.Context, name string) error {
	return fileop.Remove(f.path("segments", name))
}

// Open implements cache.Place.
func (f *Folder) Open(_ context.Context, b cache.Blob) (io.ReadCloser, error) {
	return regular.Open(f.blobPath(b.Digest))
}

// Blobs implements cache.Place.
func (f *Folder) Blobs(context.Context) (map[v1.Hash]time.Time, error) {
	blobs := map[v1.Hash]time.Time{}
	entries, err := os.ReadDir(f.path("blobs", "sha256"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && isName(e.Name()) {
			blobs[v1.Hash{Algorithm: "sha256", Hex: e.Name()}] = info.ModTime()
		}
	}
	return blobs, nil
}

// RemoveBlob implements cache.Place.
func (f *Folder) RemoveBlob(_ context.Context, digest v1.Hash) error {
	return fileop.Remove(f.blobPath(digest))
}

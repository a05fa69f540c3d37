package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A File is a file to fetch, and its place.
type File struct {
	// At is the position of the file in slipway.yaml, as file:line:column.
	At string
	// URL begins with https://, http:// or file://. SHA256 is in lower-case hexadecimal.
	URL, SHA256 string
	// Place is the path of the file on disk, or, with Unpack, of the folder for the content of the archive.
	Place string
	// Mode is the permissions of the file; 0 means 0644. It does not apply to archives.
	Mode   fs.FileMode
	Unpack bool
	// Include contains patterns of glob.New for the names in the archive; an empty list means all. Strip is the number
	// of leading elements to remove from each name; entries with fewer elements are omitted.
	Include []string
	Strip   int
}

// A Fetcher fetches files into one cache.
type Fetcher struct {
	// Cache is the folder of the cache. It is created if necessary.
	Cache string
	// Offline makes a file that is not in the cache an error, unless its URL is a file:// URL.
	Offline bool
}

// Fetch writes a file to its place, unless the place is up to date. Its errors begin with file.At.
func (f *Fetcher) Fetch(ctx context.Context, file File) error {
	task := progress.Start(ctx, "fetch "+redact.Text(file.URL))
	cached, err := f.fetch(ctx, task, file)
	if cached {
		task.SetCached()
	}
	if err != nil {
		if context.Cause(ctx) != nil {
			err = context.Cause(ctx)
		} else {
			err = redact.Error(fmt.Errorf("%s: fetching %s: %w", file.At, file.URL, err))
		}
	}
	task.Done(err)
	return err
}

func (f *Fetcher) fetch(ctx context.Context, task *progress.Task, file File) (cached bool, err error) {
	name := f.recordFile(file)
	last := readRecord(name)
	if last.holds(file.Place) {
		return true, nil
	}
	if err := os.MkdirAll(f.Cache, 0o755); err != nil {
		return false, fmt.Errorf("creating the cache: %w", err)
	}
	lock := flock.New(filepath.Join(f.Cache, file.SHA256+".lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return false, fmt.Errorf("locking the cache: %w", err)
	}
	defer lock.Unlock()
	blob, err := f.blob(ctx, task, file)
	if err != nil {
		return false, err
	}
	// If this run is interrupted, the record must not match an incomplete place.
	if err := fileop.RemoveIfThere(name); err != nil {
		return false, fmt.Errorf("removing the record of the last run: %w", err)
	}
	var now record
	if file.Unpack {
		now, err = unpack(ctx, blob, file)
	} else {
		now, err = copyTo(ctx, blob, file)
	}
	if err != nil {
		return false, err
	}
	if err := last.removeRest(file.Place, now); err != nil {
		return false, err
	}
	return false, now.write(name)
}

// copyTo copies a file of the cache to its place.
func copyTo(ctx context.Context, blob string, file File) (record, error) {
	from, err := regular.Open(blob)
	if err != nil {
		return record{}, err
	}
	defer from.Close()
	if info, err := os.Lstat(file.Place); err == nil && info.IsDir() {
		return record{}, fmt.Errorf("%s is a folder: with unpack: true, the content of an archive goes there", file.Place)
	}
	if err := os.MkdirAll(filepath.Dir(file.Place), 0o755); err != nil {
		return record{}, err
	}
	t, err := atomicfile.Create(file.Place, 0)
	if err != nil {
		return record{}, err
	}
	defer t.Discard()
	to, err := t.OpenAt(0)
	if err != nil {
		return record{}, err
	}
	err = verifiedCopy(to, streams.WithContext(ctx, from), file.SHA256)
	if err := errors.Join(err, to.Close()); err != nil {
		return record{}, fmt.Errorf("copying it from the cache: %w", err)
	}
	if err := t.Commit(); err != nil {
		return record{}, err
	}
	mode := file.Mode
	if mode == 0 {
		mode = 0o644
	}
	if err := os.Chmod(file.Place, mode); err != nil {
		return record{}, err
	}
	var r record
	return r, r.add(file.Place, ".")
}

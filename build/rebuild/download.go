package rebuild

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/fetch"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// A website has the files of a published release, such as those below the URL of the downloads of a GitHub release.
type website struct {
	// address returns the URL of a file.
	address func(ctx context.Context, name string) (string, error)
	temp    string
	names   []string // in the checksum files that were downloaded
	// left is the number of bytes that may still be downloaded.
	left int64
	// have are the names of the files that were downloaded and not removed.
	have map[string]bool
}

// openWebsite returns the release below an address, of which at most limit bytes are downloaded. It must be closed.
func openWebsite(address string, limit int64) (*website, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("not a URL: %s", redact.Text(address))
	}
	return newWebsite(func(_ context.Context, name string) (string, error) { return base.JoinPath(name).String(), nil }, limit)
}

// newWebsite returns the release with the files at addresses, of which at most limit bytes are downloaded. It must be closed.
func newWebsite(address func(context.Context, string) (string, error), limit int64) (*website, error) {
	temp, err := os.MkdirTemp("", "slipway-published-*")
	if err != nil {
		return nil, err
	}
	return &website{address: address, temp: temp, left: limit, have: map[string]bool{}}, nil
}

// Close removes the downloads.
func (w *website) Close() error { return fileop.RemoveAll(w.temp) }

// Has is true for files of dist/artifacts, which are published.
func (w *website) Has(m release.Made) bool { return isPublished(m) }

// File downloads a file, unless the one of an earlier call was not removed.
func (w *website) File(ctx context.Context, m release.Made) (file string, done func(), err error) {
	name := path.Base(m.Path)
	file = filepath.Join(w.temp, name)
	done = func() {
		delete(w.have, name)
		_ = fileop.Remove(file) // else Close removes it
	}
	if w.have[name] {
		return file, done, nil
	}
	task := progress.Start(ctx, "download "+name)
	defer func() { task.Done(err) }()
	at, err := w.address(ctx, name)
	if err != nil {
		return "", done, err
	}
	limit := max(w.left, 1)
	if m.Kind == "checksums" {
		limit = min(limit, maxAlike) // it is read into memory
	}
	err = fetch.Download(ctx, task, at, file, limit)
	info, statErr := os.Stat(file)
	if err != nil && statErr == nil && info.Size() > limit && m.Kind != "checksums" {
		err = fmt.Errorf("%w; SLIPWAY_UNPACK_LIMIT limits the downloads of one release", err)
	}
	if err = cmp.Or(err, statErr); err != nil {
		done() // what is left would be a part of an archive
		return "", done, fmt.Errorf("downloading %s: %w", redact.Text(at), redact.Error(err))
	}
	w.left -= info.Size()
	w.have[name] = true
	if m.Kind == "checksums" {
		raw, err := regular.ReadFile(file)
		if err != nil {
			return "", done, err
		}
		w.names = append(w.names, namesIn(raw)...)
	}
	return file, done, nil
}

// Image fails, since Has is false for images.
func (w *website) Image(context.Context, release.Made) (v1.Image, v1.ImageIndex, error) {
	return nil, nil, fs.ErrNotExist
}

// Others returns the names in the checksum files that were downloaded, and that no subject has.
func (w *website) Others(subjects []release.Made) []string { return without(w.names, subjects) }

// isURL reports whether text is an address of files.
func isURL(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

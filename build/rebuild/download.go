package rebuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/httpretry"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// attempts is the number of times that a file is requested, and pause the delay after the first failure.
const attempts = 4

var pause = time.Second

// A website has the files of a published release below a URL, such as that of the downloads of a GitHub release.
type website struct {
	base   *url.URL
	client *http.Client
	temp   string
	names  []string // in the checksum files that were downloaded
}

// openWebsite returns the release below an address. It must be closed.
func openWebsite(address string) (*website, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("not a URL: %s", redact.Text(address))
	}
	temp, err := os.MkdirTemp("", "slipway-published-*")
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	transport.DisableCompression = true // .gz files are to stay as they are
	return &website{base: base, client: &http.Client{Transport: transport}, temp: temp}, nil
}

// Close removes the downloads.
func (w *website) Close() error { return fileop.RemoveAll(w.temp) }

// Has is true for files of dist/artifacts, which are published.
func (w *website) Has(m release.Made) bool { return isPublished(m) }

// File downloads a file.
func (w *website) File(ctx context.Context, m release.Made) (file string, done func(), err error) {
	name := path.Base(m.Path)
	at := w.base.JoinPath(name)
	task := progress.Start(ctx, "download "+name)
	defer func() { task.Done(err) }()
	file = filepath.Join(w.temp, name)
	done = func() { _ = fileop.Remove(file) } // else Close removes it
	for n := 1; ; n++ {
		var again bool
		if again, err = w.get(ctx, at, file); err == nil || !again || n == attempts {
			break
		}
		select {
		case <-ctx.Done():
			return "", done, context.Cause(ctx)
		case <-time.After(pause << (n - 1)):
		}
	}
	if err != nil {
		return "", done, fmt.Errorf("downloading %s: %w", at.Redacted(), err)
	}
	if m.Kind == "checksums" {
		raw, err := regular.ReadFile(file)
		if err != nil {
			return "", done, err
		}
		w.names = append(w.names, namesIn(raw)...)
	}
	return file, done, nil
}

// get sends one request. again says that another one may succeed.
func (w *website) get(ctx context.Context, at *url.URL, file string) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return false, err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return httpretry.TemporaryError(err), redact.Error(err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone:
		return false, images.Absentf("the server answers %s", response.Status)
	case response.StatusCode != http.StatusOK:
		return httpretry.TemporaryStatus(response.StatusCode), fmt.Errorf("the server answers %s", response.Status)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	n, err := io.Copy(f, streams.WithContext(ctx, response.Body))
	if err == nil && response.ContentLength >= 0 && n != response.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	return true, errors.Join(err, f.Close())
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

package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/httpretry"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// client sends the requests. It does not request compression, since a compressed transfer could not be resumed. It uses
// the proxies of the environment. A server that sends nothing for a while counts as failed; the transfer is resumed.
var client = &http.Client{Transport: func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.ResponseHeaderTimeout = time.Minute
	return t
}()}

// tries is the number of attempts of a transfer, and pause is the delay after the first failure, which doubles each
// time.
const tries = 5

var pause = time.Second

// longestPause limits the delay that a server may request; a longer one is an error.
const longestPause = 5 * time.Minute

// stall is the maximum time without a byte from the server.
const stall = time.Minute

// An otherContent is the error for content whose SHA-256 is not the wanted one.
type otherContent struct{ want, found string }

func (o *otherContent) Error() string {
	return fmt.Sprintf("its SHA-256 is %s, and slipway.yaml wants %s: check that the URL names the wanted version, and correct sha256 if it does", o.found, o.want)
}

// verifiedCopy copies content. It is an error if its SHA-256 is not want.
func verifiedCopy(w io.Writer, r io.Reader, want string) error {
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, h), r); err != nil {
		return err
	}
	if found := hex.EncodeToString(h.Sum(nil)); found != want {
		return &otherContent{want, found}
	}
	return nil
}

// blob returns the path of a file in the cache. It verifies or fetches the file.
func (f *Fetcher) blob(ctx context.Context, task *progress.Task, file File) (string, error) {
	path := filepath.Join(f.Cache, file.SHA256)
	have, err := regular.Open(path)
	if err == nil {
		err = verifiedCopy(io.Discard, streams.WithContext(ctx, have), file.SHA256)
		have.Close()
	}
	switch {
	case err == nil:
		return path, nil
	case context.Cause(ctx) != nil:
		return "", context.Cause(ctx)
	case !errors.Is(err, fs.ErrNotExist):
		task.Warn(fmt.Sprintf("removed damaged %s: it is fetched again", path))
		if err := fileop.RemoveAll(path); err != nil {
			return "", fmt.Errorf("removing a damaged file of the cache: %w", err)
		}
	}
	parsed, err := url.Parse(file.URL)
	if err != nil {
		return "", err
	}
	part := path + ".part"
	_, missing := os.Stat(part)
	switch {
	case parsed.Scheme == "file":
		err = copyLocal(ctx, parsed, part)
	case f.Offline:
		return "", errOffline
	default:
		err = Download(ctx, task, file.URL, part, 0)
	}
	if err != nil {
		return "", err
	}
	err = verify(ctx, part, file.SHA256)
	var other *otherContent
	if errors.As(err, &other) && missing == nil && parsed.Scheme != "file" {
		// A part from an earlier run may be of another version: start again.
		if err := errors.Join(fileop.RemoveIfThere(part), Download(ctx, task, file.URL, part, 0)); err != nil {
			return "", err
		}
		err = verify(ctx, part, file.SHA256)
	}
	if err != nil {
		return "", errors.Join(err, fileop.RemoveIfThere(part))
	}
	return path, fileop.Rename(part, path)
}

func verify(ctx context.Context, path, want string) error {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return verifiedCopy(io.Discard, streams.WithContext(ctx, f), want)
}

// copyLocal copies the file of a file:// URL.
func copyLocal(ctx context.Context, u *url.URL, part string) error {
	from, err := regular.Open(localPath(u))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(part)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, streams.WithContext(ctx, from))
	return errors.Join(err, to.Close())
}

// localPath returns the path of a file:// URL.
func localPath(u *url.URL) string {
	path := filepath.FromSlash(u.Path)
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, `\`) // file:///C:/folder
	}
	return path
}

// A lasting error is an error that another attempt would not change.
type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }

// absentError is the error for a file that the server does not have.
type absentError struct{ status string }

func (e absentError) Error() string      { return "the server answered " + e.status }
func (absentError) Is(target error) bool { return target == fs.ErrNotExist }

// Download copies the file of an HTTP or HTTPS URL to a file on disk, and continues where an earlier attempt ended. It
// tries again after temporary failures. A file of more than limit bytes is an error, unless limit is 0. The error of a file
// that the server does not have is fs.ErrNotExist. Errors may contain the address with its secrets.
func Download(ctx context.Context, task *progress.Task, address, part string, limit int64) error {
	wait := pause
	for try := 1; ; try++ {
		after, err := transfer(ctx, task, address, part, limit)
		var last lasting
		switch {
		case err == nil:
			return nil
		case context.Cause(ctx) != nil:
			return context.Cause(ctx)
		case errors.As(err, &last):
			return err
		case try == tries:
			return fmt.Errorf("after %d tries: %w", tries, err)
		}
		timer := time.NewTimer(max(wait, after))
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		wait *= 2
	}
}

// get requests the content of address from byte have on.
func get(ctx context.Context, address string, have int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, lasting{err}
	}
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	response, err := client.Do(request)
	if err != nil && !httpretry.TemporaryError(err) {
		err = lasting{err}
	}
	return response, err
}

// transfer sends one request, and appends its content. after is the delay that the server requests.
func transfer(ctx context.Context, task *progress.Task, address, part string, limit int64) (after time.Duration, err error) {
	to, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, lasting{err}
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	have, err := to.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, lasting{err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := get(ctx, address, have)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	switch code := response.StatusCode; {
	case code == http.StatusPartialContent && strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case code == http.StatusRequestedRangeNotSatisfiable && response.Header.Get("Content-Range") == fmt.Sprintf("bytes */%d", have):
		return 0, nil // the file is complete
	case code == http.StatusOK, code == http.StatusPartialContent, code == http.StatusRequestedRangeNotSatisfiable:
		// The server sends the whole file, or a range other than the requested one: start again.
		if err := to.Truncate(0); err != nil {
			return 0, lasting{err}
		}
		if have, err = to.Seek(0, io.SeekStart); err != nil {
			return 0, lasting{err}
		}
		if code != http.StatusOK {
			return 0, fmt.Errorf("the server answered a request for a part with %s", response.Status)
		}
	case code == http.StatusNotFound, code == http.StatusGone:
		return 0, lasting{absentError{response.Status}}
	case httpretry.TemporaryStatus(code):
		after, _ := httpretry.After(response.Header, time.Now())
		err := fmt.Errorf("the server answered %s", response.Status)
		if after > longestPause {
			return 0, lasting{fmt.Errorf("%w, and requests a delay of %s: run it again after that", err, after)}
		}
		return after, err
	default:
		return 0, lasting{fmt.Errorf("the server answered %s", response.Status)}
	}
	if response.ContentLength >= 0 {
		task.SetTotal(have + response.ContentLength)
	}
	// If a read takes too long, the request is canceled.
	silence := time.AfterFunc(stall, func() { cancel(fmt.Errorf("the server sent nothing for %s", stall)) })
	defer silence.Stop()
	var content io.Reader = task.Reader(streams.Func(func(p []byte) (int, error) {
		silence.Reset(stall)
		return response.Body.Read(p)
	}))
	if limit > 0 {
		content = io.LimitReader(content, max(0, limit-have)+1)
	}
	n, err := io.Copy(to, content)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return 0, fmt.Errorf("the transfer broke off after %d bytes: %w", have+n, err)
	}
	if limit > 0 && have+n > limit {
		return 0, lasting{fmt.Errorf("it has more than %d bytes", limit)}
	}
	return 0, nil
}

package ranges

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/httpretry"
)

// client sends the requests. It does not request compression, whose ranges would be of other bytes. It uses the proxies
// of the environment.
var client = &http.Client{
	Transport: func() http.RoundTripper {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableCompression = true
		t.ResponseHeaderTimeout = time.Minute
		return t
	}(),
	CheckRedirect: func(to *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= 10:
			return errors.New("more than 10 redirects")
		case via[0].URL.Scheme == "https" && to.URL.Scheme != "https":
			return fmt.Errorf("the server redirects to %s, which is not encrypted", nameOf(to.URL))
		}
		// The query of the address before may have a token, and net/http keeps credentials for other ports and subdomains.
		to.Header.Del("Referer")
		if to.URL.Scheme != via[0].URL.Scheme || to.URL.Host != via[0].URL.Host {
			to.Header.Del("Authorization")
		}
		return nil
	},
}

const (
	// tries is the number of attempts of a request.
	tries = 5
	// longestPause limits the delay that a server may request; a longer one is an error.
	longestPause = 2 * time.Minute
)

var (
	// pause is the delay after the first failure, which doubles each time.
	pause = 500 * time.Millisecond
	// patience is the maximum time without a byte of a transfer that has begun.
	patience = time.Minute
)

// errStalled ends a transfer without a byte for the time of patience. It is temporary (httpretry.TemporaryError).
var errStalled = stalledError{}

type stalledError struct{}

func (stalledError) Error() string { return fmt.Sprintf("the server sent nothing for %s", patience) }
func (stalledError) Timeout() bool { return true }

// A source is where a file is fetched from.
type source struct {
	address        string // without credentials
	name           string // without any secret
	user, password string
	size           int64 // of the file, -1 until the first response
	// etag and modified are those of the first response, or "".
	etag, modified string
}

func newSource(address string) (*source, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("invalid URL") // the error of url.Parse has all of it
	}
	s := &source{name: nameOf(u), size: -1}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
	} else if s.user, s.password, err = netrcFor(u.Hostname()); err != nil {
		return nil, err
	}
	u.User, u.Fragment = nil, ""
	s.address = u.String()
	return s, nil
}

// An answerError is a response with another status than 206.
type answerError struct {
	status int
	text   string
	after  time.Duration
}

func (a *answerError) Error() string { return a.text }

func (a *answerError) Is(target error) bool {
	return target == fs.ErrNotExist && (a.status == http.StatusNotFound || a.status == http.StatusGone)
}

// first fetches the first block, and returns it and the size of the file.
func (s *source) first(ctx context.Context) ([]byte, int64, error) {
	head, err := s.fetch(ctx, 0, blockSize)
	return head, s.size, err
}

// fetch returns size bytes from begin on. Only the first request of a source may go beyond its end. It tries again after
// temporary failures.
func (s *source) fetch(ctx context.Context, begin, size int64) ([]byte, error) {
	wait := pause
	for try := 1; ; try++ {
		raw, err := s.request(ctx, begin, size)
		if err == nil {
			return raw, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		var answer *answerError
		answered := errors.As(err, &answer)
		switch {
		case answered && !httpretry.TemporaryStatus(answer.status), !answered && !httpretry.TemporaryError(err):
			return nil, err
		case try == tries:
			return nil, fmt.Errorf("after %d tries: %w", tries, err)
		case answered && answer.after > longestPause:
			return nil, fmt.Errorf("%w, and requests a delay of %s: run it again after that", err, answer.after)
		case answered:
			wait = max(wait, answer.after)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
		wait *= 2
	}
}

// request sends one request.
func (s *source) request(ctx context.Context, begin, size int64) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", begin, begin+size-1))
	request.Header.Set("User-Agent", "slipway")
	if s.user != "" || s.password != "" {
		// The client sends it to no other host after a redirect.
		request.SetBasicAuth(s.user, s.password)
	}
	switch {
	case s.etag != "" && !strings.HasPrefix(s.etag, "W/"):
		request.Header.Set("If-Range", s.etag)
	case s.modified != "":
		request.Header.Set("If-Range", s.modified)
	}
	response, err := client.Do(request)
	if err != nil {
		var address *url.Error
		if errors.As(err, &address) {
			err = address.Err // without the URL, which the caller names
		}
		return nil, err
	}
	defer response.Body.Close()
	got, err := s.check(response, begin, size)
	if err != nil {
		return nil, err
	}
	silence := time.AfterFunc(patience, func() { cancel(errStalled) })
	defer silence.Stop()
	raw := make([]byte, got)
	for n := 0; n < len(raw); {
		m, err := response.Body.Read(raw[n:])
		silence.Reset(patience)
		if n += m; err != nil && n < len(raw) {
			switch {
			case err == io.EOF:
				err = io.ErrUnexpectedEOF
			case errors.Is(context.Cause(ctx), errStalled):
				err = errStalled // HTTP/1 and HTTP/2 have different errors for it
			}
			return nil, fmt.Errorf("the transfer broke off after %d of %d bytes: %w", n, len(raw), err)
		}
	}
	if n, _ := io.CopyN(io.Discard, response.Body, 1); n > 0 {
		return nil, errors.New("the server sent more bytes than the range has")
	}
	return raw, nil
}

// check checks the header of a response, and returns the number of bytes that follow. The first response of a source
// says what the later ones must say.
func (s *source) check(response *http.Response, begin, size int64) (int64, error) {
	header := response.Header
	changed := s.size >= 0 && (differs(header.Get("ETag"), s.etag) || differs(header.Get("Last-Modified"), s.modified))
	switch response.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK:
		if changed {
			return 0, errChanged
		}
		return 0, errors.New("the server does not support ranges (it sent the whole file): download it, and name it by its path")
	case http.StatusRequestedRangeNotSatisfiable:
		if s.size >= 0 {
			return 0, errChanged
		}
		return 0, errors.New("it is empty, or the server does not support ranges")
	case http.StatusNotFound, http.StatusGone:
		if s.size >= 0 {
			return 0, errRemoved
		}
		fallthrough
	default:
		after, _ := httpretry.After(header, time.Now())
		return 0, &answerError{response.StatusCode, "the server answered " + response.Status, after}
	}
	first, last, total, err := parseContentRange(header.Get("Content-Range"))
	if err != nil {
		return 0, err
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" && !isGzip(s.address) {
		return 0, fmt.Errorf("the server sent it with the Content-Encoding %q, which was not requested", encoding)
	}
	want := begin + size - 1
	if s.size < 0 {
		want = min(want, total-1)
	} else if changed || total != s.size {
		return 0, errChanged
	}
	if first != begin || last != want {
		return 0, fmt.Errorf("the server sent bytes %d to %d in place of %d to %d", first, last, begin, want)
	}
	if s.size < 0 {
		s.size, s.etag, s.modified = total, header.Get("ETag"), header.Get("Last-Modified")
	}
	return last - first + 1, nil
}

// differs compares the validators of two responses. A response to If-Range may lack one (RFC 9110, section 15.3.7).
func differs(now, before string) bool { return now != "" && now != before }

// errRemoved is not fs.ErrNotExist, which readers of an archive take for a file that the archive does not have.
var errRemoved = errors.New("it was removed from the server while it was read")

// errChanged says that the bytes of two responses are of different files.
var errChanged = errors.New("it was changed on the server while it was read: run the command again")

// isGzip reports whether a file is gzipped itself, by its name. Some servers describe that as its encoding.
func isGzip(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(path.Ext(u.Path)) {
	case ".gz", ".tgz":
		return true
	}
	return false
}

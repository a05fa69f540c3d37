package ranges

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	pause = time.Millisecond
	os.Exit(m.Run())
}

// content returns bytes that differ in all places.
func content(size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(i) ^ byte(i>>8)*31 ^ byte(i>>16)*17
	}
	return out
}

var modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A server serves content, and counts requests and the bytes of their ranges.
type server struct {
	*httptest.Server
	content  []byte
	requests atomic.Int64
	fetched  atomic.Int64
	// answer, unless it is nil or returns false, answers the request with a number from 1 on.
	answer func(n int64, w http.ResponseWriter, r *http.Request) bool
}

func serve(t *testing.T, content []byte) *server {
	s := &server{content: content}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.requests.Add(1)
		if s.answer != nil && s.answer(n, w, r) {
			return
		}
		w.Header().Set("ETag", `"1"`)
		counted := &countingWriter{w, &s.fetched}
		http.ServeContent(counted, r, "", modified, bytes.NewReader(s.content))
	}))
	t.Cleanup(s.Close)
	return s
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p))) // before a client can have them
	return c.ResponseWriter.Write(p)
}

func open(t *testing.T, address string) *File {
	t.Helper()
	f, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		name := f.temp.Name()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s remains: %v", name, err)
		}
	})
	return f
}

func TestReadAt(t *testing.T) {
	for _, size := range []int{1, blockSize - 1, blockSize, blockSize + 1, 700_001} {
		s := serve(t, content(size))
		f := open(t, s.URL)
		if f.Size() != int64(size) {
			t.Errorf("it has %d bytes instead of %d", f.Size(), size)
		}
		for _, read := range [][2]int{{size - 1, 1}, {size - 1, 100}, {0, 100}, {size / 2, size}, {size, 1}, {size / 3, blockSize * 2}} {
			p := make([]byte, read[1])
			n, err := f.ReadAt(p, int64(read[0]))
			want := s.content[read[0]:min(size, read[0]+read[1])]
			if !bytes.Equal(p[:n], want) || (err == nil) != (n == len(p)) || err != nil && err != io.EOF {
				t.Errorf("size %d, %d bytes at %d: %d bytes, %v", size, read[1], read[0], n, err)
			}
		}
		all, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil || !bytes.Equal(all, s.content) {
			t.Errorf("size %d: reading all: %d bytes, %v", size, len(all), err)
		}
		if int(s.fetched.Load()) != size {
			t.Errorf("%d of %d bytes were fetched", s.fetched.Load(), size)
		}
	}
}

// Readers of one file fetch no block twice, and few requests are sent.
func TestReadersShareBlocks(t *testing.T) {
	s := serve(t, content(20<<20))
	f := open(t, s.URL)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			// Small reads of a decompressor.
			all, err := io.ReadAll(io.NewSectionReader(f, int64(i)<<20, 12<<20))
			if err != nil || !bytes.Equal(all, s.content[i<<20:(i+12)<<20]) {
				t.Errorf("reader %d: %d bytes, %v", i, len(all), err)
			}
		})
	}
	group.Wait()
	if n := s.fetched.Load(); n > 20<<20 {
		t.Errorf("%d bytes were fetched of %d", n, 20<<20)
	}
	if n := s.requests.Load(); n > 60 {
		t.Errorf("%d requests", n)
	}
}

// Large reads fetch little more than was asked for, and small ones no more than twice as much.
func TestReadAhead(t *testing.T) {
	for _, c := range []struct{ each, from, size, most int64 }{
		{2 << 20, 5_000_000, 6 << 20, 6<<20 + 3*blockSize},
		{1000, 5_000_000, 3 << 20, 6<<20 + 3*blockSize},
		{12, 20<<20 - 12, 12, 2 * blockSize},
	} {
		s := serve(t, content(20<<20))
		f := open(t, s.URL)
		buf := make([]byte, c.each)
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.NewSectionReader(f, c.from, c.size)}, buf); err != nil {
			t.Fatal(err)
		}
		if n := s.fetched.Load(); n > c.most {
			t.Errorf("%d bytes were fetched for %d in pieces of %d", n, c.size, c.each)
		}
	}
}

// whole reads all of a file.
func whole(ctx context.Context, address string) error {
	f, err := Open(ctx, address)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, io.NewSectionReader(f, 0, f.Size()))
	return err
}

// partial answers with any range.
func partial(w http.ResponseWriter, contentRange string, body []byte) {
	w.Header().Set("Content-Range", contentRange)
	w.Header().Set("ETag", `"1"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(body)
}

func TestHostileServers(t *testing.T) {
	const size = 300_000
	all := content(size)
	later := func(do func(w http.ResponseWriter, r *http.Request)) func(int64, http.ResponseWriter, *http.Request) bool {
		return func(n int64, w http.ResponseWriter, r *http.Request) bool {
			if n > 1 {
				do(w, r)
			}
			return n > 1
		}
	}
	always := func(do func(w http.ResponseWriter, r *http.Request)) func(int64, http.ResponseWriter, *http.Request) bool {
		return func(_ int64, w http.ResponseWriter, r *http.Request) bool { do(w, r); return true }
	}
	for name, c := range map[string]struct {
		want   string
		answer func(int64, http.ResponseWriter, *http.Request) bool
	}{
		"ignores ranges": {"does not support ranges", always(func(w http.ResponseWriter, _ *http.Request) { w.Write(all) })},
		"ignores later ranges": {"does not support ranges", later(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"1"`)
			w.Write(all)
		})},
		"has another file": {"it was changed on the server", later(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-Range") != `"1"` {
				t.Errorf("If-Range is %q", r.Header.Get("If-Range"))
			}
			w.Header().Set("ETag", `"2"`)
			w.Write(all)
		})},
		"has another file and ignores If-Range": {"it was changed on the server", later(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"2"`)
			http.ServeContent(w, r, "", modified, bytes.NewReader(all))
		})},
		"has a longer file": {"it was changed on the server", later(func(w http.ResponseWriter, _ *http.Request) {
			partial(w, fmt.Sprintf("bytes %d-%d/%d", blockSize, 3*blockSize-1, size+1), all[blockSize:3*blockSize])
		})},
		"has a shorter file": {"it was changed on the server", later(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes */10")
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		})},
		"shifts ranges": {"the server sent bytes 65537 to 196608 in place of 65536 to 196607", later(func(w http.ResponseWriter, _ *http.Request) {
			partial(w, fmt.Sprintf("bytes %d-%d/%d", blockSize+1, 3*blockSize, size), all[blockSize+1:3*blockSize+1])
		})},
		"shortens ranges": {"in place of", later(func(w http.ResponseWriter, _ *http.Request) {
			partial(w, fmt.Sprintf("bytes %d-%d/%d", blockSize, 2*blockSize-1, size), all[blockSize:2*blockSize])
		})},
		"sends less than it says": {"the transfer broke off", later(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", blockSize, 3*blockSize-1, size))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(all[:100])
		})},
		"sends more than it says": {"more bytes than the range", later(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", blockSize, 3*blockSize-1, size))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(all[:2*blockSize+1])
		})},
		"says nothing of the range": {`the Content-Range ""`, always(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) })},
		"does not know the size":    {"want bytes FIRST-LAST/SIZE", always(func(w http.ResponseWriter, _ *http.Request) { partial(w, "bytes 0-65535/*", all[:blockSize]) })},
		"compresses": {`the Content-Encoding "gzip"`, always(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			partial(w, "bytes 0-65535/300000", all[:blockSize])
		})},
		"refuses":        {"the server answered 403 Forbidden", always(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })},
		"is always busy": {"after 5 tries: the server answered 503", always(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })},
		"asks for a long wait": {"requests a delay of 1h0m0s", always(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		})},
		"redirects for ever": {"more than 10 redirects", always(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) })},
		"is empty":           {"it is empty", always(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(416) })},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, all)
			s.answer = c.answer
			address := strings.Replace(s.URL, "http://", "http://user:hunter2secret@", 1)
			err := whole(t.Context(), address)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
		})
	}
}

// A file that disappears during a read is not one that an archive does not have.
func TestRemovedFile(t *testing.T) {
	s := serve(t, content(300_000))
	s.answer = func(n int64, w http.ResponseWriter, _ *http.Request) bool {
		if n > 1 {
			w.WriteHeader(http.StatusNotFound)
		}
		return n > 1
	}
	if err := whole(t.Context(), s.URL); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "removed from the server") {
		t.Errorf("error %v", err)
	}
}

// A redirect does not tell its target the address before, which may have a token, and credentials do not go to other ports.
func TestRedirectsKeepSecrets(t *testing.T) {
	all := content(100)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("the target got %q and %q", r.Header.Get("Referer"), r.Header.Get("Authorization"))
		}
		http.ServeContent(w, r, "", modified, bytes.NewReader(all))
	}))
	defer store.Close()
	s := serve(t, all)
	s.answer = func(_ int64, w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, store.URL+"/x", http.StatusFound)
		return true
	}
	for _, address := range []string{s.URL + "/a?token=secret", strings.Replace(s.URL, "//", "//joe:secret@", 1)} {
		if err := whole(t.Context(), address); err != nil {
			t.Error(err)
		}
	}
}

// Temporary failures are tried again.
func TestRetries(t *testing.T) {
	all := content(300_000)
	s := serve(t, all)
	s.answer = func(n int64, w http.ResponseWriter, r *http.Request) bool {
		switch n % 3 {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		default:
			return false
		}
		return true
	}
	if err := whole(t.Context(), s.URL); err != nil {
		t.Error(err)
	}
}

// A transfer without a byte for the time of patience is tried again. If it never goes on, the error says so.
func TestStalledTransfers(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = 50 * time.Millisecond
	all := content(300_000)
	s := serve(t, all)
	end := make(chan struct{})
	t.Cleanup(func() { close(end) }) // before the server is closed
	stalled := func(w http.ResponseWriter) bool {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", modified.Format(http.TimeFormat))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", blockSize-1, len(all)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(all[:100])
		_ = http.NewResponseController(w).Flush()
		<-end
		return true
	}
	s.answer = func(n int64, w http.ResponseWriter, _ *http.Request) bool { return n == 1 && stalled(w) }
	if err := whole(t.Context(), s.URL); err != nil {
		t.Error(err)
	}
	s.answer = func(_ int64, w http.ResponseWriter, _ *http.Request) bool { return stalled(w) }
	want := fmt.Sprintf("after %d tries: the transfer broke off after 100 of %d bytes: the server sent nothing for 50ms", tries, blockSize)
	if err := whole(t.Context(), s.URL); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v; want %s", err, want)
	}
}

func TestMissingFile(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if _, err := Open(t.Context(), s.URL); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for _, address := range []string{"http://127.0.0.1:1/x?X-Amz-Signature=hunter2secret", "http://user:hunter2secret@[::1:x/"} {
		if _, err := Open(t.Context(), address); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

func TestInterrupted(t *testing.T) {
	s := serve(t, content(300_000))
	ctx, cancel := context.WithCancelCause(t.Context())
	f, err := Open(ctx, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	why := errors.New("enough")
	cancel(why)
	if _, err := f.ReadAt(make([]byte, 10), 200_000); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// Credentials go to the host that they are for, and not to the target of a redirect.
func TestCredentials(t *testing.T) {
	all := content(100)
	type sent struct {
		user, password string
		ok             bool
	}
	var got sync.Map
	handler := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			user, password, ok := r.BasicAuth()
			got.Store(name, sent{user, password, ok})
			http.ServeContent(w, r, "", modified, bytes.NewReader(all))
		}
	}
	store := httptest.NewServer(handler("store"))
	defer store.Close()
	elsewhere := strings.Replace(store.URL, "127.0.0.1", "localhost", 1)
	s := serve(t, all)
	s.answer = func(_ int64, w http.ResponseWriter, r *http.Request) bool {
		user, password, ok := r.BasicAuth()
		got.Store("first", sent{user, password, ok})
		http.Redirect(w, r, elsewhere+"/x?Signature=abc", http.StatusFound)
		return true
	}
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("# hosts\nmachine example.com login no password no\nmachine 127.0.0.1\n  login jane\n  password s3cret\ndefault login anonymous password x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, address, netrc string
		want                 sent
	}{
		{"none", s.URL, filepath.Join(t.TempDir(), "none"), sent{}},
		{"in the URL", strings.Replace(s.URL, "//", "//joe:p%40ss@", 1), netrc, sent{"joe", "p@ss", true}},
		{"in .netrc", s.URL, netrc, sent{"jane", "s3cret", true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NETRC", c.netrc)
			f := open(t, c.address)
			if strings.Contains(f.Name(), "joe") || strings.Contains(f.Name(), "ss@") {
				t.Errorf("its name is %s", f.Name())
			}
			if first, _ := got.Load("first"); first != c.want {
				t.Errorf("the server got %v, want %v", first, c.want)
			}
			if second, _ := got.Load("store"); second != (sent{}) {
				t.Errorf("the target of the redirect got %v", second)
			}
		})
	}
}

func TestNoRedirectToPlainHTTP(t *testing.T) {
	s := serve(t, content(10))
	secure := httptest.NewTLSServer(http.RedirectHandler(s.URL, http.StatusFound))
	defer secure.Close()
	before := client.Transport
	client.Transport = secure.Client().Transport
	defer func() { client.Transport = before }()
	if _, err := Open(t.Context(), secure.URL); err == nil || !strings.Contains(err.Error(), "which is not encrypted") {
		t.Errorf("got %v", err)
	}
}

func TestParseNetrc(t *testing.T) {
	for text, want := range map[string]string{
		"":                               ":",
		"machine h login a password b":   "a:b",
		"machine H\nlogin a\npassword b": "a:b",
		"machine x login no password no\nmachine h password b login a machine y login no": "a:b",
		"default login d password e":                                   "d:e",
		"macdef m\nmachine h login no\n\nmachine h login a password b": "a:b",
		"machine":         ":",
		"machine h login": ":",
	} {
		user, password, err := parseNetrc(strings.NewReader(text), "h")
		if got := user + ":" + password; err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}

func FuzzParseContentRange(f *testing.F) {
	for _, text := range []string{"bytes 0-1/2", "bytes 5-9/10", "bytes */10", "bytes 0-1/*", "bytes 9-5/10", "items 0-1/2", "bytes 0-99999999999999999999/3", "bytes -1--1/-1", "bytes +0-1/2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, last, total, err := parseContentRange(text)
		if err != nil {
			return
		}
		if first < 0 || first > last || last >= total {
			t.Errorf("%q: %d to %d of %d", text, first, last, total)
		}
		if got := fmt.Sprintf("bytes %d-%d/%d", first, last, total); len(got) > len(text)+1 {
			t.Errorf("%q is taken for %q", text, got)
		}
	})
}

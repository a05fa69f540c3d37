package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images/imagetest"
)

// A lineLog keeps the lines that a server logs.
type lineLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *lineLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// loadOf serves an archive with an image of large incompressible layers. It returns the host, the
// server and the layers as they are served.
func loadOf(t *testing.T, layers int, size, limit int64, log *lineLog) (host string, server *Server, served []v1.Descriptor) {
	t.Helper()
	var content []v1.Layer
	for i := range layers {
		content = append(content, imagetest.RandomLayer(t, uint64(i), size))
	}
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	airgaptest.PackOne(t, airgaptest.NewStore(t), path, pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/a:v1")}, Image: imagetest.Image(t, "linux/amd64", content...)})
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	server = newServer(t, []*airgap.Archive{a}, Options{Dir: t.TempDir(), Limit: limit, Log: log.add})
	host = listen(t, server)
	img, err := remote.Image(airgaptest.Ref(t, host+"/acme/a:v1"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return host, server, m.Layers
}

// connect sends a request for a blob and returns the connection.
func connect(t *testing.T, host string, d v1.Descriptor, headers ...string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET /v2/acme/a/blobs/%s HTTP/1.1\r\nHost: x\r\n%s\r\n", d.Digest, strings.Join(headers, "")); err != nil {
		t.Fatal(err)
	}
	return conn
}

func getBlob(t *testing.T, host string, d v1.Descriptor, headers ...string) (int, http.Header, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/acme/a/blobs/"+d.Digest.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, body, err
}

// right reports whether body is the content of the blob d.
func right(body []byte, d v1.Descriptor) bool { return airgaptest.HexDigest(body) == d.Digest.Hex }

// Clients that read nothing take no memory, and do not delay other clients.
func TestSlowClientsDoNotDelayOthers(t *testing.T) {
	var log lineLog
	host, _, layers := loadOf(t, 3, 20<<20, 1<<30, &log)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const clients = 96
	for i := range clients {
		conn := connect(t, host, layers[i%len(layers)])
		// The answer has begun, so the server is working for this client.
		if _, err := io.ReadFull(conn, make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range layers {
		if status, _, body, err := getBlob(t, host, d); status != http.StatusOK || err != nil || !right(body, d) {
			t.Errorf("beside %d clients that read nothing: status %d, %d bytes, %v", clients, status, len(body), err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("%d clients hold %d bytes", clients, grown)
	}
}

// A request for many ranges of a blob gets all of it, once.
func TestServeAnswersOneRange(t *testing.T) {
	var log lineLog
	host, _, layers := loadOf(t, 1, 100_000, 1<<30, &log)
	ranges := "bytes=" + strings.TrimSuffix(strings.Repeat("5000-90000,", 400), ",")
	status, header, body, err := getBlob(t, host, layers[0], "Range", ranges)
	if status != http.StatusOK || err != nil || !right(body, layers[0]) || strings.HasPrefix(header.Get("Content-Type"), "multipart/") {
		t.Errorf("400 ranges: status %d, %d bytes of %s, %v", status, len(body), header.Get("Content-Type"), err)
	}
}

func TestServeReadsNoBodyAndNoLongHead(t *testing.T) {
	var log lineLog
	host, _, layers := loadOf(t, 1, 1000, 1<<30, &log)
	for _, c := range []struct {
		what, header string
		want         string
	}{
		{"a body that never comes", "Content-Length: 1000000000\r\n", "HTTP/1.1 200 OK"},
		{"a chunked body that never comes", "Transfer-Encoding: chunked\r\n", "HTTP/1.1 200 OK"},
		{"a long head", "X: " + strings.Repeat("x", 40<<10) + "\r\n", "HTTP/1.1 431"},
	} {
		answer, err := io.ReadAll(connect(t, host, layers[0], c.header)) // to the end of the connection
		if !strings.HasPrefix(string(answer), c.want) && !(strings.HasSuffix(c.want, "431") && err != nil) {
			t.Errorf("%s: %.80q, %v", c.what, answer, err)
		}
	}
}

// With little disk space, the served content is the same.
func TestServeWithLittleRoom(t *testing.T) {
	for _, limit := range []int64{0, 3 << 20} { // of three layers of 2 MB
		var log lineLog
		host, server, layers := loadOf(t, 3, 2<<20, limit, &log)
		var group sync.WaitGroup
		for i := range 12 {
			group.Go(func() {
				d := layers[i%len(layers)]
				if status, _, body, err := getBlob(t, host, d); status != http.StatusOK || err != nil || !right(body, d) {
					t.Errorf("limit %d: status %d, %d bytes, %v", limit, status, len(body), err)
				}
			})
		}
		group.Wait()
		var size int64
		err := filepath.Walk(server.decoded.dir, func(_ string, info os.FileInfo, err error) error {
			if err == nil && info.Mode().IsRegular() {
				size += info.Size()
			}
			return err
		})
		if err != nil || size > limit {
			t.Errorf("%d bytes are kept, with a limit of %d: %v", size, limit, err)
		}
		if server.decoded.used > limit {
			t.Errorf("%d bytes are used, with a limit of %d", server.decoded.used, limit)
		}
	}
}

// A server works even if its folder is not writable.
func TestServeWithoutDisk(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the lock in the folder is open, which keeps the folder")
	}
	var log lineLog
	host, server, layers := loadOf(t, 1, 100_000, 1<<30, &log)
	if err := os.RemoveAll(server.decoded.dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status, _, body, err := getBlob(t, host, layers[0]); status != http.StatusOK || err != nil || !right(body, layers[0]) {
			t.Errorf("status %d, %d bytes, %v", status, len(body), err)
		}
	}
	if len(log.lines) == 0 {
		t.Error("nothing is logged")
	}
}

// Damage is logged, and clients do not get paths.
func TestServeOfADamagedArchive(t *testing.T) {
	for _, ext := range []string{".tar.zst", ".tar.gz"} {
		path := filepath.Join(t.TempDir(), "a"+ext)
		airgaptest.PackOne(t, airgaptest.NewStore(t), path, pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/a:v1")},
			Image: imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 300_000))})
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		raw[200_000] ^= 1
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := airgap.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		var log lineLog
		host := listen(t, newServer(t, []*airgap.Archive{a}, Options{Dir: t.TempDir(), Limit: 1 << 30, Log: log.add}))
		img, err := remote.Image(airgaptest.Ref(t, host+"/acme/a:v1"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			status, _, body, err := getBlob(t, host, m.Layers[0])
			if status == http.StatusOK && err == nil {
				t.Errorf("%s: a damaged layer was served completely", ext)
			}
			if bytes.Contains(body, []byte(filepath.Dir(path))) {
				t.Errorf("%s: the answer contains the path: %s", ext, body)
			}
		}
		if len(log.lines) != 1 || !strings.Contains(log.lines[0], path) {
			t.Errorf("%s: the log is %q, want one line with %s", ext, log.lines, path)
		}
	}
}

func TestServeFolderOfKilledServersIsRemoved(t *testing.T) {
	parent := t.TempDir()
	lock, running, err := newServeFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	killed, dead, err := newServeFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(killed.Close(), os.WriteFile(filepath.Join(dead, "layer-1"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	third, _, err := newServeFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{running: true, dead: false} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := errors.Join(lock.Close(), third.Close()); err != nil {
		t.Error(err)
	}
}

// A slowConn accepts few bytes before each deadline.
type slowConn struct {
	net.Conn
	takes int // bytes before a deadline passes; 0 means a stalled client
	got   bytes.Buffer
}

func (c *slowConn) SetWriteDeadline(time.Time) error { return nil }

func (c *slowConn) Write(p []byte) (int, error) {
	if len(p) <= c.takes {
		return c.got.Write(p)
	}
	n, _ := c.got.Write(p[:c.takes])
	return n, os.ErrDeadlineExceeded
}

// ReadFrom accepts as many bytes as Write, like the kernel when it sends files.
func (c *slowConn) ReadFrom(r io.Reader) (int64, error) {
	all, err := io.ReadAll(io.LimitReader(r, int64(c.takes)))
	if err != nil || len(all) == 0 {
		return 0, errors.Join(err, os.ErrDeadlineExceeded)
	}
	n, err := c.got.Write(all)
	if err == nil && r.(*io.LimitedReader).N > 0 {
		err = os.ErrDeadlineExceeded
	}
	return int64(n), err
}

// A connection that makes slow progress stays open; one that makes none is closed.
func TestPatientConnClosesStalledConnections(t *testing.T) {
	content := []byte(strings.Repeat("0123456789", 400_000)) // more than a step
	for _, takes := range []int{1 << 30, 100_000, 0} {
		for what, send := range map[string]func(c *patientConn) (int64, error){
			"Write": func(c *patientConn) (int64, error) {
				n, err := c.Write(content)
				return int64(n), err
			},
			"ReadFrom": func(c *patientConn) (int64, error) {
				return c.ReadFrom(&io.LimitedReader{R: bytes.NewReader(content), N: int64(len(content))})
			},
		} {
			slow := &slowConn{takes: takes}
			n, err := send(&patientConn{Conn: slow})
			switch {
			case takes > 0 && (err != nil || n != int64(len(content)) || !bytes.Equal(slow.got.Bytes(), content)):
				t.Errorf("%s to a client that reads %d bytes at a time: %d bytes, %v", what, takes, n, err)
			case takes == 0 && !errors.Is(err, os.ErrDeadlineExceeded):
				t.Errorf("%s to a client that reads nothing: %d bytes, %v", what, n, err)
			}
		}
	}
}

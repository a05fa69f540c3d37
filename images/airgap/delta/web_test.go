package delta

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
)

// serve serves files by their base names, and counts the bytes of the answers. It fails after most requests, unless most
// is 0.
func serve(t *testing.T, most int64, files ...string) (url string, sent *atomic.Int64) {
	t.Helper()
	var requests atomic.Int64
	sent = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if most > 0 && requests.Add(1) > most {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		for _, f := range files {
			if "/"+filepath.Base(f) == r.URL.Path {
				http.ServeFile(&counter{w, sent}, r, f)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, sent
}

type counter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p))) // before a client can have them
	return c.ResponseWriter.Write(p)
}

// OLD, NEW and the delta may be on a web server, and each of their bytes is fetched once.
func TestDeltasOnWebServers(t *testing.T) {
	content := airgaptest.NewStore(t)
	old := airgaptest.Pack(t, content, patchRelease(t, 1), pack.Options{Level: "fastest"})
	new := airgaptest.Pack(t, content, patchRelease(t, 2), pack.Options{Level: "fastest"})
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			file, _ := roundTrip(t, old[codec], new[codec])
			size := func(files ...string) (n int64) {
				for _, f := range files {
					n += int64(len(read(t, f)))
				}
				return n
			}
			oldURL, sent := serve(t, 0, old[codec], file)
			newURL, newSent := serve(t, 0, new[codec])
			dir := t.TempDir()
			name := filepath.Base(old[codec])
			if _, err := Write(t.Context(), Olds{Files: []string{oldURL + "/" + name + "?token=hunter2/x"}}, newURL+"/"+name+"?token=hunter2/x", filepath.Join(dir, "delta"), Options{}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(read(t, filepath.Join(dir, "delta")), read(t, file)) {
				t.Error("the delta of files on a web server is another one")
			}
			if n := sent.Load() + newSent.Load(); n != size(old[codec], new[codec]) {
				t.Errorf("diff fetched %d bytes of %d", n, size(old[codec], new[codec]))
			}
			sent.Store(0)
			if _, err := Apply(t.Context(), Olds{Files: []string{old[codec]}}, oldURL+"/"+filepath.Base(file), filepath.Join(dir, "new"), 0); err != nil {
				t.Fatal(err)
			}
			if n := sent.Load(); n != size(file) {
				t.Errorf("apply fetched %d bytes of a delta of %d", n, size(file))
			}
			if _, err := Apply(t.Context(), Olds{Files: []string{oldURL + "/" + name}}, oldURL+"/"+filepath.Base(file), filepath.Join(dir, "again"), 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(read(t, filepath.Join(dir, "again")), read(t, new[codec])) {
				t.Error("another NEW")
			}
		})
	}
}

// A server that fails in between makes an error, and no delta of what was read.
func TestDeltasOnFailingWebServers(t *testing.T) {
	content := airgaptest.NewStore(t)
	old := airgaptest.Pack(t, content, release(t, 1, 900_000), pack.Options{Level: "fastest"})[format.Zstd]
	new := airgaptest.Pack(t, content, release(t, 2, 900_000), pack.Options{Level: "fastest"})[format.Zstd]
	file, _ := roundTrip(t, old, new)
	for most := int64(1); most < 4; most++ {
		url, _ := serve(t, most, old)
		dir := t.TempDir()
		_, err := Write(t.Context(), Olds{Files: []string{url + "/" + filepath.Base(old)}}, new, filepath.Join(dir, "delta"), Options{})
		if err == nil || !strings.Contains(err.Error(), "403") || len(airgaptest.FilesIn(t, dir)) > 0 {
			t.Errorf("after %d requests: %v, %q", most, err, airgaptest.FilesIn(t, dir))
		}
	}
	url, _ := serve(t, 1, file)
	secret := strings.Replace(url, "//", "//joe:hunter2@", 1) + "/" + filepath.Base(file)
	_, err := Apply(t.Context(), Olds{Files: []string{old}}, secret, filepath.Join(t.TempDir(), "new"), 0)
	if len(read(t, file)) < 70_000 || err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	url, _ = serve(t, 0, old)
	_, err = Apply(t.Context(), Olds{Files: []string{old}}, strings.Replace(url, "//", "//joe:hunter2@", 1)+"/none", filepath.Join(t.TempDir(), "new"), 0)
	if err == nil || !strings.Contains(err.Error(), "404") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

package airgap_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/slice"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// serveFolder serves a folder by the file server of net/http, and counts requests.
func serveFolder(t *testing.T, dir string) (url string, requests *atomic.Int64) {
	requests = &atomic.Int64{}
	files := http.FileServer(http.Dir(dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

// nginx serves a folder by nginx.
func nginx(t *testing.T, dir string) (url string) {
	t.Helper()
	program := imagetest.Program(t, "nginx")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	own := t.TempDir()
	config := filepath.Join(own, "nginx.conf")
	testfile.Write(t, config, fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log stderr; worker_processes 1; events {}
http { access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
server { listen %[2]s; root %[3]s; } }`, own, address, dir))
	// The workers of a server that root starts are another user.
	for folder := dir; len(folder) > len(os.TempDir()); folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, program, "-c", config, "-p", own)
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	server.Stderr = &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); server.Wait() })
	for range 200 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return "http://" + address
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nginx does not listen: %s", said.String())
	return ""
}

// Archives on web servers are read as those on disk.
func TestArchivesOnWebServers(t *testing.T) {
	all := append(airgaptest.SampleImages(t), airgaptest.ManyImages(t, 120)...)
	dir := t.TempDir()
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		path := filepath.Join(dir, "images."+string(codec))
		if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), all, []pack.Output{{Path: path}, {Path: filepath.Join(dir, "split."+string(codec)), Split: 100_000}},
			pack.Options{Level: "fastest"}); err != nil {
			t.Fatal(err)
		}
	}
	goServer, _ := serveFolder(t, dir)
	for server, start := range map[string]func(t *testing.T) string{
		"net/http": func(*testing.T) string { return goServer },
		"nginx":    func(t *testing.T) string { return nginx(t, dir) },
	} {
		t.Run(server, func(t *testing.T) {
			url := start(t)
			for _, name := range []string{"images.tar", "images.tar.zst", "images.tar.gz", "split.tar.zst", "split.tar.zst.part002"} {
				address := url + "/" + name
				a, err := airgap.Open(t.Context(), address)
				if err != nil {
					t.Fatal(err)
				}
				list, err := a.Images(t.Context())
				if err != nil || len(list) != len(all) {
					t.Errorf("%s: %d images instead of %d: %v", name, len(list), len(all), err)
				}
				if want := strings.TrimSuffix(address, ".part002"); a.Path() != want {
					t.Errorf("its path is %s instead of %s", a.Path(), want)
				}
				if err := a.Close(); err != nil {
					t.Error(err)
				}
				if r, err := verify.Archive(t.Context(), address, verify.Options{}); err != nil || len(r.Problems) > 0 {
					t.Errorf("verify %s: %v %+v", name, err, r)
				}
				found, err := airgap.Find(t.Context(), airgaptest.Ref(t, "many/i0110:v1"), nil, []string{address})
				if err != nil {
					t.Fatal(err)
				}
				img, err := found.Image.Image(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				checkLayers(t, img)
				found.Close()
			}
			whole := filepath.Join(dir, "images.tar.zst")
			var slices [][]byte
			for _, from := range []string{whole, url + "/images.tar.zst"} {
				out := filepath.Join(t.TempDir(), "slice.tar.zst")
				if _, err := slice.Write(t.Context(), airgaptest.NewStore(t), slice.Job{Archives: []string{from}, Images: []slice.Wanted{{Ref: all[0].Names[0]}, {Ref: all[50].Names[0]}},
					Outputs: []pack.Output{{Path: out}}, Options: pack.Options{Level: "fastest"}}); err != nil {
					t.Fatal(err)
				}
				raw, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				slices = append(slices, raw)
			}
			if !bytes.Equal(slices[0], slices[1]) {
				t.Error("the slice of an archive on a web server is another one")
			}
		})
	}
}

// Listing an archive takes few requests and few bytes, however large its layers are.
func TestListingReadsLittleOfAWebServer(t *testing.T) {
	dir := t.TempDir()
	var all []pack.Image
	for i := range 3 {
		img := airgaptest.Simple(t, fmt.Sprintf("acme/large%d:v1", i), "linux/amd64")
		img.Image = imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, uint64(i), 3<<20))
		all = append(all, img)
	}
	airgaptest.PackOne(t, airgaptest.NewStore(t), filepath.Join(dir, "images.tar.zst"), all...)
	url, requests := serveFolder(t, dir)
	a, err := airgap.Open(t.Context(), url+"/images.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if list, err := a.Images(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("%d images, %v", len(list), err)
	}
	if n := requests.Load(); n > 3 {
		t.Errorf("%d requests", n)
	}
}

func TestWebServersWithoutTheArchive(t *testing.T) {
	dir := t.TempDir()
	path, result := airgaptest.Split(t, format.Zstd, 50_000, airgaptest.SampleImages(t)...)
	for _, file := range append(result.Parts, result.Checksums) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		testfile.Write(t, filepath.Join(dir, filepath.Base(file)), string(raw))
	}
	name := filepath.Base(path)
	url, _ := serveFolder(t, dir)
	secret := strings.Replace(url, "//", "//user:hunter2secret@", 1)
	check := func(what, want string) {
		t.Helper()
		_, err := airgap.Open(t.Context(), secret+"/"+what)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want …%s…", what, err, want)
		}
	}
	check("other.tar", "/other.tar: the server answered 404 Not Found")
	if err := os.Remove(filepath.Join(dir, name+".part002")); err != nil {
		t.Fatal(err)
	}
	check(name, "part 2: the server answered 404 Not Found")
}

// A server that fails in between makes an error, and not a verdict on the archive.
func TestVerifyOfAFailingWebServer(t *testing.T) {
	dir := t.TempDir()
	airgaptest.PackOne(t, airgaptest.NewStore(t), filepath.Join(dir, "images.tar"), airgaptest.Siblings(t, 1, -1)...)
	files := http.FileServer(http.Dir(dir))
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 3 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer s.Close()
	if r, err := verify.Archive(t.Context(), s.URL+"/images.tar", verify.Options{}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %+v, %v", r, err)
	}
}

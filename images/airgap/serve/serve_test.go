package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
)

// serve serves archives and returns the host and port.
func serve(t testing.TB, paths ...string) string {
	t.Helper()
	var archives []*airgap.Archive
	for _, path := range paths {
		a, err := airgap.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		archives = append(archives, a)
	}
	server := newServer(t, archives, Options{Dir: t.TempDir(), Limit: 1 << 30, Log: func(line string) { t.Log(line) }})
	return listen(t, server)
}

// newServer returns a server that is closed at the end of the test.
func newServer(t testing.TB, archives []*airgap.Archive, opts Options) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server, err := New(ctx, archives, opts)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// listen accepts connections until the end of the test.
func listen(t testing.TB, server *Server) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// several returns archives of all kinds: two platforms and two Windows versions of one tag, names
// that differ only in the host, and an archive without an index.
func several(t testing.TB) []string {
	t.Helper()
	content, dir := airgaptest.NewStore(t), t.TempDir()
	var paths []string
	add := func(file string, all ...pack.Image) string {
		path := filepath.Join(dir, file)
		airgaptest.PackOne(t, content, path, all...)
		paths = append(paths, path)
		return path
	}
	add("linux-amd64.tar.zst", airgaptest.Simple(t, "acme/runtime:v1", "linux/amd64"), airgaptest.Simple(t, "busybox:1.36", "linux/amd64"), airgaptest.Simple(t, "quay.io/a/b:v1", "linux/amd64"))
	add("linux-arm64.tar.gz", airgaptest.Simple(t, "acme/runtime:v1", "linux/arm64"), airgaptest.Simple(t, "acme/runtime:v2", "linux/arm64"))
	add("windows-ltsc2019.tar", airgaptest.Simple(t, "acme/runtime:v1", "windows/amd64:10.0.17763.7919"))
	add("windows-ltsc2022.tar", airgaptest.Simple(t, "acme/runtime:v1", "windows/amd64:10.0.20348.4294"))
	add("late.tar.zst", airgaptest.Simple(t, "docker.io/a/b:v1", "linux/amd64"), pack.Image{
		Names: []name.Reference{airgaptest.Ref(t, "acme/runtime:v1")},
		Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/tool": "another"})),
	})
	return append(paths, airgaptest.Foreign(t, add("gone.tar.zst", airgaptest.Simple(t, "gcr.io/foreign/x:v1", "linux/amd64")), format.Zstd))
}

func TestHandlerAnswersAsTheSpecificationSays(t *testing.T) {
	host := serve(t, several(t)...)
	get := func(t testing.TB, method, path string, headers ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	digest := "sha256:" + strings.Repeat("0", 64)
	for _, tt := range []struct {
		method, path string
		status       int
		body         string // the whole body, or a part of an error's
	}{
		{"GET", "/v2/", 200, `{}`},
		{"HEAD", "/v2/", 200, ``},
		{"GET", "/v2", 200, `{}`},
		{"GET", "/", 404, "UNSUPPORTED"},
		{"GET", "/v1/", 404, "UNSUPPORTED"},
		{"GET", "/v2/acme", 404, "UNSUPPORTED"},
		{"GET", "/v2/acme/runtime/tags/", 404, "UNSUPPORTED"},
		{"GET", "/v2/acme/runtime/referrers/sha256", 400, "DIGEST_INVALID"},
		{"GET", "/v2/acme/none/referrers/" + digest, 404, "NAME_UNKNOWN"},
		{"POST", "/v2/acme/runtime/blobs/uploads/", 405, "UNSUPPORTED"},
		{"PUT", "/v2/acme/runtime/manifests/v1", 405, "UNSUPPORTED"},
		{"DELETE", "/v2/acme/runtime/manifests/v1", 405, "UNSUPPORTED"},
		{"GET", "/v2/_catalog", 200, `{"repositories":["a/b","acme/runtime","foreign/x","library/busybox","quay.io/a/b"]}`},
		{"GET", "/v2/_catalog?n=2", 200, `{"repositories":["a/b","acme/runtime"]}`},
		{"GET", "/v2/_catalog?n=2&last=acme/runtime", 200, `{"repositories":["foreign/x","library/busybox"]}`},
		{"GET", "/v2/_catalog?last=zzz", 200, `{"repositories":[]}`},
		{"GET", "/v2/_catalog?n=0", 200, `{"repositories":[]}`},
		{"GET", "/v2/_catalog?n=x", 400, "PAGINATION_NUMBER_INVALID"},
		{"GET", "/v2/acme/runtime/tags/list", 200, `{"name":"acme/runtime","tags":["v1","v2"]}`},
		{"GET", "/v2/acme/runtime/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"},
		{"GET", "/v2/docker.io/acme/runtime/tags/list?last=v1", 200, `{"name":"docker.io/acme/runtime","tags":["v2"]}`},
		{"GET", "/v2/acme/none/tags/list", 404, "NAME_UNKNOWN"},
		{"GET", "/v2/acme/none/manifests/v1", 404, "NAME_UNKNOWN"},
		{"GET", "/v2/acme/runtime/manifests/v3", 404, "its tags are v1, v2"},
		{"HEAD", "/v2/acme/runtime/manifests/v3", 404, ""},
		{"GET", "/v2/acme/runtime/manifests/" + digest, 404, "MANIFEST_UNKNOWN"},
		{"GET", "/v2/acme/runtime/manifests/sha256:123", 400, "DIGEST_INVALID"},
		{"GET", "/v2/acme/runtime/manifests/sha512:" + strings.Repeat("0", 128), 404, "MANIFEST_UNKNOWN"},
		{"GET", "/v2/acme/runtime/blobs/" + digest, 404, "BLOB_UNKNOWN"},
		{"GET", "/v2/acme/runtime/blobs/sha512:" + strings.Repeat("0", 128), 404, "BLOB_UNKNOWN"},
		{"GET", "/v2/acme/runtime/blobs/sha512:" + strings.Repeat("0", 64), 400, "DIGEST_INVALID"},
		{"GET", "/v2/acme/runtime/blobs/v1", 400, "DIGEST_INVALID"},
		{"GET", "/v2/a/b/tags/list?ns=quay.io", 200, `{"name":"quay.io/a/b","tags":["v1"]}`},
		{"GET", "/v2/foreign/x/tags/list?ns=docker.io", 404, "NAME_UNKNOWN"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			resp, body := get(t, tt.method, tt.path)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d instead of %d", resp.StatusCode, tt.status)
			}
			if tt.status == 200 && body != tt.body || !strings.Contains(body, tt.body) {
				t.Errorf("body %s, want %s", body, tt.body)
			}
			if got := resp.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q", got)
			}
			if tt.status != 200 && tt.method != "HEAD" {
				var failure struct {
					Errors []struct{ Code, Message string }
				}
				if err := json.Unmarshal([]byte(body), &failure); err != nil || len(failure.Errors) != 1 || failure.Errors[0].Message == "" {
					t.Errorf("%s is not an error in the format of the specification: %v", body, err)
				}
			}
		})
	}
	t.Run("pages", func(t *testing.T) {
		var all []string
		for path, turns := "/v2/_catalog?n=2", 0; path != ""; turns++ {
			resp, body := get(t, "GET", path)
			var page struct{ Repositories []string }
			if err := json.Unmarshal([]byte(body), &page); err != nil || turns > 5 {
				t.Fatalf("page %d: %v", turns, err)
			}
			all = append(all, page.Repositories...)
			next, _, _ := strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">")
			path = next
		}
		if want := []string{"a/b", "acme/runtime", "foreign/x", "library/busybox", "quay.io/a/b"}; !slices.Equal(all, want) {
			t.Errorf("pages of %v instead of %v", all, want)
		}
	})
	t.Run("manifests", func(t *testing.T) {
		resp, body := get(t, "GET", "/v2/busybox/manifests/1.36")
		digest := "sha256:" + airgaptest.HexDigest([]byte(body))
		if got := resp.Header.Get("Docker-Content-Digest"); got != digest {
			t.Errorf("digest %s instead of %s", got, digest)
		}
		head, none := get(t, "HEAD", "/v2/library/busybox/manifests/"+digest)
		if head.StatusCode != 200 || none != "" || head.ContentLength != int64(len(body)) || head.Header.Get("Content-Type") != "application/vnd.oci.image.manifest.v1+json" {
			t.Errorf("HEAD: %d, %d bytes, %v", head.StatusCode, head.ContentLength, head.Header)
		}
	})
	t.Run("ranges", func(t *testing.T) {
		for _, repo := range []string{"busybox", "foreign/x"} {
			tag := map[string]string{"busybox": "1.36", "foreign/x": "v1"}[repo]
			img, err := remote.Image(airgaptest.Ref(t, host+"/"+repo+":"+tag))
			if err != nil {
				t.Fatal(err)
			}
			m, err := img.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range append(m.Layers, m.Config) {
				path := fmt.Sprintf("/v2/%s/blobs/%s", repo, d.Digest)
				resp, whole := get(t, "GET", path)
				if int64(len(whole)) != d.Size || resp.Header.Get("Accept-Ranges") != "bytes" || resp.Header.Get("Docker-Content-Digest") != d.Digest.String() {
					t.Errorf("%s: %d bytes instead of %d, %v", path, len(whole), d.Size, resp.Header)
				}
				etag := resp.Header.Get("Etag")
				if head, body := get(t, "HEAD", path); head.StatusCode != 200 || head.ContentLength != d.Size || body != "" {
					t.Errorf("HEAD %s: %d, %d bytes", path, head.StatusCode, head.ContentLength)
				}
				for _, r := range []struct {
					headers []string
					status  int
					body    string
				}{
					{[]string{"Range", "bytes=10-19"}, 206, whole[10:20]},
					{[]string{"Range", "bytes=100-"}, 206, whole[100:]},
					{[]string{"Range", "bytes=-7"}, 206, whole[len(whole)-7:]},
					{[]string{"Range", "bytes=100-", "If-Range", etag}, 206, whole[100:]},
					{[]string{"Range", "bytes=100-", "If-Range", `"other"`}, 200, whole},
					{[]string{"Range", "bytes=0-1,5-6"}, 200, whole},
					{[]string{"Range", "bytes=9-3"}, 200, whole},
					{[]string{"Range", "bytes=0-99999999999"}, 206, whole},
					{[]string{"Range", "lines=1-2"}, 200, whole},
					{[]string{"If-None-Match", etag}, 304, ""},
				} {
					if resp, body := get(t, "GET", path, r.headers...); resp.StatusCode != r.status || body != r.body {
						t.Errorf("%s, %v: %d, %d bytes", path, r.headers, resp.StatusCode, len(body))
					}
				}
				if resp, body := get(t, "GET", path, "Range", fmt.Sprintf("bytes=%d-", d.Size)); resp.StatusCode != 416 || !strings.Contains(body, "RANGE_INVALID") ||
					resp.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", d.Size) {
					t.Errorf("%s: status %d for a range after the end: %s", path, resp.StatusCode, body)
				}
			}
		}
	})
}

func TestHandlerServesImagesOfArchives(t *testing.T) {
	host := serve(t, several(t)...)
	bodies := func(img v1.Image) (all []string) {
		for _, layer := range imagetest.LayerEntries(t, img) {
			for _, e := range layer {
				if e.Body != "" {
					all = append(all, e.Body)
				}
			}
		}
		return all
	}
	for reference, want := range map[string]string{
		"busybox:1.36":         "busybox:1.36 for linux/amd64",
		"library/busybox:1.36": "busybox:1.36 for linux/amd64",
		"docker.io/a/b:v1":     "docker.io/a/b:v1 for linux/amd64",
		"a/b:v1":               "docker.io/a/b:v1 for linux/amd64",
		"quay.io/a/b:v1":       "quay.io/a/b:v1 for linux/amd64",
		"foreign/x:v1":         "gcr.io/foreign/x:v1 for linux/amd64",
		"acme/runtime:v2":      "acme/runtime:v2 for linux/arm64",
	} {
		img, err := remote.Image(airgaptest.Ref(t, host+"/"+reference))
		if err != nil {
			t.Errorf("%s: %v", reference, err)
			continue
		}
		if err := airgaptest.ReadWhole(img); err != nil {
			t.Errorf("%s: %v", reference, err)
		}
		if got := bodies(img); !slices.Equal(got, []string{want}) {
			t.Errorf("%s contains %q instead of %q", reference, got, want)
		}
	}
	idx, err := remote.Index(airgaptest.Ref(t, host+"/acme/runtime:v1"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range m.Manifests {
		platforms = append(platforms, images.FormatPlatform(*d.Platform))
		img, err := idx.Image(d.Digest)
		if err == nil {
			err = airgaptest.ReadWhole(img)
		}
		if err != nil {
			t.Errorf("%s: %v", d.Digest, err)
		}
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64", "windows/amd64:10.0.20348.4294", "windows/amd64:10.0.17763.7919"}, platforms); diff != "" {
		t.Errorf("other platforms (-want +got):\n%s", diff)
	}
	// The tag refers to the image of the first archive, as in Find.
	img, err := images.ImageFor(idx, imagetest.Platform(t, "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}
	if got := bodies(img); !slices.Equal(got, []string{"acme/runtime:v1 for linux/amd64"}) {
		t.Errorf("linux/amd64 is %q", got)
	}
}

// Many clients read at the same time, from archives with and without an index.
func TestHandlerServesManyAtOnce(t *testing.T) {
	paths := airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.SampleImages(t), pack.Options{})
	for codec, path := range paths {
		host := serve(t, airgaptest.Foreign(t, path, codec), path)
		var group sync.WaitGroup
		for _, reference := range []string{"busybox:1.36", "a/b:v2", "quay.io/a/b:v2", "rancher/runtime:v1.34.1-r1"} {
			for range 3 {
				group.Go(func() {
					img, err := remote.Image(airgaptest.Ref(t, host+"/"+reference))
					if err == nil {
						err = airgaptest.ReadWhole(img)
					}
					if err != nil {
						t.Errorf("%s: %s: %v", codec, reference, err)
					}
				})
			}
		}
		group.Wait()
	}
}

// A damaged layer is not served as if it were complete.
func TestHandlerBreaksOffWhereAnArchiveIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar.zst")
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
	img, err := remote.Image(airgaptest.Ref(t, serve(t, path)+"/acme/a:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := airgaptest.ReadWhole(img); err == nil {
		t.Error("a damaged layer was served completely")
	}
}

func TestHandlerRefusesConflictingImages(t *testing.T) {
	bare := imagetest.Image(t, "windows/amd64", imagetest.Layer(t, imagetest.Files{"bin/a.exe": "MZ"}))
	linux, windows := filepath.Join(t.TempDir(), "linux.tar"), filepath.Join(t.TempDir(), "windows.tar")
	airgaptest.PackOne(t, airgaptest.NewStore(t), linux, airgaptest.Simple(t, "acme/a:v1", "linux/amd64"))
	airgaptest.LayoutTar(t, windows, "acme/a:v1", imagetest.Index(t, bare))
	var archives []*airgap.Archive
	for _, path := range []string{linux, windows} {
		a, err := airgap.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		archives = append(archives, a)
	}
	if _, err := New(t.Context(), archives, Options{Dir: t.TempDir(), Log: func(string) {}}); err == nil || !strings.Contains(err.Error(), "serving docker.io/acme/a:v1") || !strings.Contains(err.Error(), "os.version") {
		t.Errorf("NewServer: %v", err)
	}
}

func TestSkopeoPulls(t *testing.T) {
	skopeo := imagetest.Program(t, "skopeo")
	host := serve(t, several(t)...)
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), skopeo, append([]string{"--insecure-policy"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("skopeo %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	dir := t.TempDir()
	run("copy", "--src-tls-verify=false", "--all", "docker://"+host+"/acme/runtime:v1", "oci:"+filepath.Join(dir, "all"))
	run("copy", "--src-tls-verify=false", "--override-arch=arm64", "--override-os=linux", "docker://"+host+"/docker.io/acme/runtime:v1", "docker-archive:"+filepath.Join(dir, "arm64.tar")+":acme/runtime:v1")
	report, err := verify.Archive(t.Context(), filepath.Join(dir, "arm64.tar"), verify.Options{})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %v, %v", report, err)
	}
	if tags := run("list-tags", "--tls-verify=false", "docker://"+host+"/acme/runtime"); !strings.Contains(tags, `"v2"`) {
		t.Errorf("skopeo lists the tags %s", tags)
	}
	if got := run("inspect", "--tls-verify=false", "docker://"+host+"/foreign/x:v1"); !strings.Contains(got, `"Architecture": "amd64"`) {
		t.Errorf("skopeo says %s", got)
	}
}

func TestContainerdPulls(t *testing.T) {
	socket, ctr := imagetest.Containerd(t), imagetest.Program(t, "ctr")
	host := serve(t, several(t)...)
	reference := host + "/acme/runtime:v1"
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), ctr, append([]string{"--address", socket, "--namespace", "slipway-serve-test"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("ctr %v: %v\n%s", args, err, out)
		}
	}
	run("content", "fetch", "--plain-http", "--all-platforms", reference)
	run("images", "rm", "--sync", reference)
}

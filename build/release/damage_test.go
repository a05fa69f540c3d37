package release

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// A kept sink keeps warnings.
type kept struct {
	mu   sync.Mutex
	said []string
}

func (*kept) Started(*progress.Task)         {}
func (*kept) Line(*progress.Task, string)    {}
func (*kept) Finished(*progress.Task, error) {}
func (w *kept) Warning(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, message)
}

// makeRichRelease is makeRelease with everything that uses the cache: a base image, an archive and
// a download that are added, layers that are compared, and a list in all formats.
func makeRichRelease(t *testing.T) *testRelease {
	t.Helper()
	r := makeRelease(t)
	imagetest.Push(t, r.other+"/tools/base:1", imagetest.Index(t,
		imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"etc/passwd": "root:x:0:0::/:\n", "usr/share/base": strings.Repeat("base ", 300_000)})),
		imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"etc/passwd": "root:x:0:0::/:\n", "usr/share/arm": "arm"}))))
	large := func(name string, seed uint64) {
		imagetest.Push(t, r.other+"/tools/"+name, imagetest.Index(t,
			imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 9, 1<<20+5), imagetest.RandomLayer(t, seed, 1<<20)),
			imagetest.Image(t, "linux/arm64", imagetest.RandomLayer(t, seed+100, 1<<20))))
	}
	large("one:1", 10)
	large("two:1", 20)
	file := []byte("a file of a server\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(file) }))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(file)
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	err := errors.Join(w.WriteHeader(&tar.Header{Name: "usr/share/unpacked", Mode: 0o644, Size: 4}), func() error { _, err := w.Write([]byte("tar\n")); return err }(), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, "files.tar"), tarball.String())
	testfile.Write(t, filepath.Join(r.dir, "images.txt"), r.other+"/tools/pause:3.10\n"+r.other+"/tools/one:1\n"+r.other+"/tools/two:1\n")
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile.base"), "FROM "+r.other+"/tools/base:1\nADD files.tar /\nADD --checksum=sha256:"+hex.EncodeToString(sum[:])+
		" "+server.URL+"/file /srv/\nCOPY --from=bin --chmod=0755 acme* /bin/\n")
	raw, err := os.ReadFile(filepath.Join(r.dir, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), "airgap:\n", `  - name: acme-based
    contexts: {bin: "dist/bin/${PLATFORM}"}
    variants:
      - {platforms: [linux/amd64, linux/arm64], dockerfile: Dockerfile.base}
airgap:
`, 1)
	text = strings.Replace(text, "core: {images: [acme-runtime]}", "core: {images: [acme-runtime, acme-based]}", 1)
	testfile.Write(t, filepath.Join(r.dir, config.FileName), text)
	return r
}

// cacheFiles returns the files that a run leaves in the cache and in dist/oci, by kind. A kind is
// the path of a folder without its digests.
func (r *testRelease) cacheFiles() map[string][]string {
	r.t.Helper()
	kinds := map[string][]string{}
	for name, root := range map[string]string{"cache": r.cache, "dist/oci": filepath.Join(r.dir, "dist", "oci")} {
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(file, ".lock") {
				return err
			}
			rel, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			folder, base := path.Split(filepath.ToSlash(rel))
			kind := []string{name}
			for _, part := range strings.Split(strings.TrimSuffix(folder, "/"), "/") {
				if len(part) != 2 {
					kind = append(kind, part)
				}
			}
			if _, err := hex.DecodeString(strings.TrimSuffix(base, ".json")); err != nil {
				kind = append(kind, base)
			}
			key := path.Join(kind...)
			kinds[key] = append(kinds[key], file)
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return kinds
}

// made returns the digests of everything that is released: the files in dist/artifacts and in
// dist/bin, and the layout without our own files in it.
func (r *testRelease) made() map[string]string {
	r.t.Helper()
	sums := map[string]string{}
	for name := range r.files("dist") {
		if strings.Contains(name, ".slipway/") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(r.dir, "dist", filepath.FromSlash(name)))
		if err != nil {
			r.t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		sums[name] = hex.EncodeToString(sum[:])
	}
	return sums
}

// If all files of one kind in the cache or in dist/oci are damaged, the next run makes the same
// bytes, warns, and repairs them. The kinds are determined from the files, so that new kinds are
// tested automatically.
func TestDamageInTheCacheIsMended(t *testing.T) {
	t.Parallel()
	r := makeRichRelease(t)
	r.run("package")
	r.run("package") // adds files that only a second run writes
	want := r.made()
	kinds := r.cacheFiles()
	for _, kind := range []string{
		"cache/content/blobs/sha256", "cache/content/oci-layout", "cache/content/.slipway/files",
		"cache/content/.slipway/derived/zstd-frame", "cache/content/.slipway/derived/tar-headers",
		"cache/content/.slipway/derived/download", "cache/content/.slipway/records/artifact", "cache/content/.slipway/records/blob",
		"cache/content/.slipway/records/derived", "cache/content/.slipway/records/layer", "cache/compile/compile",
		"dist/oci/blobs/sha256", "dist/oci/index.json", "dist/oci/oci-layout", "dist/oci/.slipway/records/index",
	} {
		if len(kinds[kind]) == 0 {
			t.Errorf("the release of this test leaves no files in %s, only in %q", kind, slices.Sorted(maps.Keys(kinds)))
		}
	}
	// images/store tests more kinds of damage.
	harms := []struct {
		name string
		do   func(content []byte) []byte
	}{
		{"flipped", func(b []byte) []byte { b[len(b)*2/3] ^= 4; return b }},
		{"folder", nil},
	}
	if testing.Short() {
		harms = harms[:1]
	}
	quiet := map[string]bool{"oci-layout": true} // its content is always the same
	// Only Prune and offline runs read the index.json of the cache.
	delete(kinds, "cache/content/index.json")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for _, h := range harms {
			t.Run(kind+" "+h.name, func(t *testing.T) {
				r.t = t
				bad := map[string][]byte{}
				if !slices.ContainsFunc(kinds[kind], exists) {
					// The previous run removed them, and did not need new ones.
					if err := os.RemoveAll(filepath.Join(r.dir, "dist")); err != nil {
						t.Fatal(err)
					}
					r.run("package")
				}
				for _, file := range kinds[kind] {
					raw, err := os.ReadFile(file)
					if errors.Is(err, fs.ErrNotExist) {
						continue // an earlier run here did not need it
					}
					if err != nil {
						t.Fatal(err)
					}
					if len(raw) == 0 {
						continue
					}
					bad[file] = nil
					if h.do == nil {
						err = errors.Join(os.Remove(file), os.Mkdir(file, 0o755))
					} else {
						bad[file] = h.do(raw)
						err = errors.Join(os.Chmod(file, 0o644), os.WriteFile(file, bad[file], 0o644))
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if err := os.RemoveAll(filepath.Join(r.dir, "dist", "artifacts")); err != nil {
					t.Fatal(err)
				}
				warned := &kept{}
				r.packageWith(progress.With(t.Context(), warned))
				if diff := cmp.Diff(want, r.made()); diff != "" {
					t.Errorf("the release differs (-first +now):\n%s", diff)
				}
				if len(warned.said) == 0 && !quiet[path.Base(kind)] {
					t.Error("missing warning")
				}
				for file, content := range bad {
					if now, err := os.ReadFile(file); err == nil && bytes.Equal(now, content) {
						t.Errorf("%s is still damaged", file)
					} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
						t.Error(err)
					}
				}
			})
		}
	}
	r.t = t
	if err := r.open().Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

func (r *testRelease) packageWith(ctx context.Context) {
	r.t.Helper()
	imagetest.Program(r.t, "go")
	s, err := plan.Select("package", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.open().Run(ctx, s); err != nil {
		r.t.Fatal(err)
	}
}

package airgap

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// words makes text that compresses, but not to nothing.
func words(seed, n int) string {
	var b strings.Builder
	state := uint32(seed*2654435761 + 1)
	for b.Len() < n {
		state = state*1664525 + 1013904223
		b.WriteString([]string{"slipway ", "archive ", "frame ", "layer ", "node ", "window ", "digest ", "registry "}[state>>29])
		if state>>20&7 == 0 {
			b.WriteString(hex.EncodeToString([]byte{byte(state >> 8), byte(state >> 16)}))
		}
	}
	return b.String()[:n]
}

func ref(t testing.TB, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sampleImages are a runtime of our own, last in the list, and others of all
// layer forms that share a base.
func sampleImages(t testing.TB) []Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": words(1, 300_000)})
	plain := imagetest.LayerOf(t, types.OCIUncompressedLayer, imagetest.Files{"bin/plain": words(2, 50_000)}.Entries()...)
	zst := imagetest.LayerOf(t, types.OCILayerZStd, imagetest.Files{"bin/zstd": words(3, 60_000)}.Entries()...)
	docker := imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/docker": words(4, 1021)}.Entries()...)
	runtime := imagetest.Layer(t, imagetest.Files{"bin/slipway": words(5, 100_000), "bin/cni": "cni", "charts/": ""})
	return []Image{
		{Names: []name.Reference{ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, plain)},
		{Names: []name.Reference{ref(t, "quay.io/a/b:v2"), ref(t, "docker.io/a/b:v2")}, Image: imagetest.Image(t, "linux/amd64", base, zst)},
		{Names: []name.Reference{ref(t, "rancher/pinned@sha256:"+strings.Repeat("ab", 32))}, Image: imagetest.Image(t, "linux/amd64", docker)},
		{Names: []name.Reference{ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", runtime), Own: true},
	}
}

// gzipImages are like sampleImages, but all layers are gzipped, as in most
// registries.
func gzipImages(t testing.TB) []Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": words(1, 300_000)})
	return []Image{
		{Names: []name.Reference{ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/a": words(7, 90_000)}))},
		{Names: []name.Reference{ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/b": words(8, 70_000)})), Own: true},
	}
}

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// pack writes archives of all codecs and returns their paths.
func pack(t testing.TB, content *store.Store, all []Image, opts Options) map[format.Codec]string {
	t.Helper()
	dir := t.TempDir()
	paths := map[format.Codec]string{}
	var outputs []Output
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		paths[codec] = filepath.Join(dir, "images."+string(codec))
		outputs = append(outputs, Output{Path: paths[codec]})
	}
	if _, err := Pack(t.Context(), content, all, outputs, opts); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(outputs) {
		t.Errorf("Pack left %d files behind instead of %d", len(entries), len(outputs))
	}
	return paths
}

// untar decompresses an archive with nothing of this package's readers. Each folder
// must come before what lies in it, as some readers make no others; folders are not
// among the names.
func untar(t testing.TB, file string, codec format.Codec) (names []string, content map[string][]byte, raw []byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := codec.Decompress(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if raw, err = io.ReadAll(r); err != nil {
		t.Fatalf("decompressing %s: %v", file, err)
	}
	content = map[string][]byte{}
	folders := map[string]bool{}
	tr := tar.NewReader(bytes.NewReader(raw))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return names, content, raw
		}
		if err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		if parent := path.Dir(h.Name); h.Typeflag == tar.TypeReg && parent != "." && !folders[parent] {
			t.Errorf("%s in %s: there was no entry for its folder", h.Name, file)
		}
		if h.Typeflag == tar.TypeDir && h.Mode == 0o755 {
			folders[path.Clean(h.Name)] = true
			h.Typeflag, h.Mode = tar.TypeReg, 0o644 // to compare the rest of it
		} else {
			names = append(names, h.Name)
			if content[h.Name], err = io.ReadAll(tr); err != nil {
				t.Fatal(err)
			}
		}
		if h.Mode != 0o644 || h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 || h.Uname != "" || h.Typeflag != tar.TypeReg {
			t.Errorf("%s in %s: mode %o, owner %d:%d %q, time %v, type %c", h.Name, file, h.Mode, h.Uid, h.Gid, h.Uname, h.ModTime, h.Typeflag)
		}
	}
}

func TestPackOrdersFiles(t *testing.T) {
	all := sampleImages(t)
	for codec, path := range pack(t, newStore(t), all, Options{}) {
		t.Run(string(codec), func(t *testing.T) {
			names, content, _ := untar(t, path, codec)
			var docker []format.ManifestEntry
			if err := json.Unmarshal(content[format.ManifestJSON], &docker); err != nil {
				t.Fatal(err)
			}
			var tags [][]string
			want := []string{"manifest.json", "oci-layout", "index.json"}
			for _, e := range docker {
				tags = append(tags, e.RepoTags)
			}
			if diff := cmp.Diff([][]string{
				{"rancher/runtime:v1.34.1-r1"},
				{"busybox:1.36"},
				{"quay.io/a/b:v2", "a/b:v2"},
				{"rancher/pinned:sha256-" + strings.Repeat("ab", 32)},
			}, tags); diff != "" {
				t.Errorf("manifest.json names other images (-want +got):\n%s", diff)
			}
			var idx v1.IndexManifest
			if err := json.Unmarshal(content[format.IndexJSON], &idx); err != nil {
				t.Fatal(err)
			}
			var names2 [][2]string
			manifests := map[string]v1.Hash{}
			for _, d := range idx.Manifests {
				names2 = append(names2, [2]string{d.Annotations["io.containerd.image.name"], d.Annotations["org.opencontainers.image.ref.name"]})
				var m v1.Manifest
				if err := json.Unmarshal(content[format.BlobFolder+d.Digest.Hex], &m); err != nil {
					t.Fatal(err)
				}
				manifests[m.Config.Digest.Hex] = d.Digest
				if got := d.Platform.String(); got != "linux/amd64" {
					t.Errorf("index.json has %s for platform %s", d.Digest, got)
				}
				for i, l := range m.Layers {
					if want := docker[indexOfConfig(docker, m.Config.Digest)].Layers[i]; want != format.BlobFolder+l.Digest.Hex {
						t.Errorf("layer %d of %s is %s in index.json's manifest and %s in manifest.json", i, d.Digest, l.Digest, want)
					}
					if l.MediaType != types.OCIUncompressedLayer && l.MediaType != types.DockerUncompressedLayer {
						t.Errorf("layer %s has media type %s", l.Digest, l.MediaType)
					}
				}
			}
			pinned := "sha256-" + strings.Repeat("ab", 32)
			if diff := cmp.Diff([][2]string{
				{"docker.io/rancher/runtime:v1.34.1-r1", "v1.34.1-r1"},
				{"docker.io/library/busybox:1.36", "1.36"},
				{"quay.io/a/b:v2", "v2"}, {"docker.io/a/b:v2", "v2"},
				{"docker.io/rancher/pinned:" + pinned, pinned},
			}, names2); diff != "" {
				t.Errorf("index.json names other images (-want +got):\n%s", diff)
			}
			for _, e := range docker {
				want = append(want, e.Config, format.BlobFolder+manifests[strings.TrimPrefix(e.Config, format.BlobFolder)].Hex)
			}
			seen := map[string]bool{}
			for _, e := range docker {
				for _, l := range e.Layers {
					if !seen[l] {
						want = append(want, l)
						seen[l] = true
					}
				}
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("order of files (-want +got):\n%s", diff)
			}
			for name, b := range content {
				if hex, ok := strings.CutPrefix(name, format.BlobFolder); ok && hexDigest(b) != hex {
					t.Errorf("%s holds other bytes than it says", name)
				}
			}
		})
	}
}

func indexOfConfig(entries []format.ManifestEntry, config v1.Hash) int {
	for i, e := range entries {
		if e.Config == format.BlobFolder+config.Hex {
			return i
		}
	}
	return -1
}

func hexDigest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func TestPackKeepsImageIDs(t *testing.T) {
	all := sampleImages(t)
	paths := pack(t, newStore(t), all, Options{})
	for codec, path := range paths {
		a, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		list, err := a.Images(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != len(all) {
			t.Fatalf("%s: %d images instead of %d", codec, len(list), len(all))
		}
		got := map[v1.Hash]bool{}
		for _, img := range list {
			got[img.ID] = true
		}
		for _, img := range all {
			id, err := img.Image.ConfigName()
			if err != nil {
				t.Fatal(err)
			}
			if !got[id] {
				t.Errorf("%s has no image with the ID %s of %s", codec, id, img.Names[0])
			}
		}
	}
}

func TestPackKeepsOriginalBytes(t *testing.T) {
	all := gzipImages(t)
	for codec, path := range pack(t, newStore(t), all, Options{Layers: "original"}) {
		_, content, _ := untar(t, path, codec)
		for _, img := range all {
			raw, err := img.Image.RawManifest()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content[format.BlobFolder+hexDigest(raw)], raw) {
				t.Errorf("%s: the manifest of %s is not the original", codec, img.Names[0])
			}
			layers, err := img.Image.Layers()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range layers {
				digest, err := l.Digest()
				if err != nil {
					t.Fatal(err)
				}
				if got := hexDigest(content[format.BlobFolder+digest.Hex]); got != digest.Hex {
					t.Errorf("%s: layer %s holds %s", codec, digest, got)
				}
			}
		}
	}
}

// All codecs hold the same tar, whatever the parallelism, the cache and the
// folders are, and the same archive has the same bytes.
func TestPackIsDeterministic(t *testing.T) {
	for _, layers := range []string{"uncompressed", "original"} {
		t.Run(layers, func(t *testing.T) {
			all := sampleImages(t)
			if layers == "original" {
				all = gzipImages(t)
			}
			want := map[format.Codec][]byte{}
			var wantTar []byte
			warm := newStore(t)
			check := func(how string, content *store.Store, jobs int) {
				t.Helper()
				for codec, path := range pack(t, content, all, Options{Layers: layers, Jobs: jobs}) {
					got, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if want[codec] == nil {
						want[codec] = got
					}
					if !bytes.Equal(got, want[codec]) {
						t.Errorf("%s: %s has other bytes", how, codec)
					}
					_, _, raw := untar(t, path, codec)
					if wantTar == nil {
						wantTar = raw
					}
					if !bytes.Equal(raw, wantTar) {
						t.Errorf("%s: %s holds another tar", how, codec)
					}
				}
			}
			check("first", warm, 1)
			check("warm cache", warm, 3)
			for _, procs := range []int{1, 2, 8} {
				before := runtime.GOMAXPROCS(procs)
				check("cold cache, other number of cores", newStore(t), 0)
				runtime.GOMAXPROCS(before)
			}
			t.Setenv("TMPDIR", t.TempDir())
			check("other TMPDIR", newStore(t), 5)
		})
	}
}

func TestPackTakesFramesFromTheCache(t *testing.T) {
	content := newStore(t)
	out := []Output{{Path: filepath.Join(t.TempDir(), "a.tar.zst")}}
	all := sampleImages(t)
	first, err := Pack(t.Context(), content, all, out, Options{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Pack(t.Context(), content, all, out, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if first[0].Cached != 0 || second[0].Cached != second[0].Frames {
		t.Errorf("first run: %d of %d frames cached; second: %d of %d", first[0].Cached, first[0].Frames, second[0].Cached, second[0].Frames)
	}
}

// Every node would import all of them.
func TestPackRefusesSeveralWindowsVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	for _, c := range []struct {
		platforms []string
		wrong     bool
	}{
		{[]string{"windows/amd64:10.0.17763.7919", "windows/amd64:10.0.20348.4294"}, true},
		{[]string{"windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.4294"}, false},
		{[]string{"windows/amd64:10.0.20348.4294", "linux/amd64"}, false},
	} {
		var all []Image
		for i, platform := range c.platforms {
			all = append(all, simple(t, fmt.Sprintf("acme/a%d:v1", i), platform))
		}
		_, err := Pack(t.Context(), newStore(t), all, []Output{{Path: path}}, Options{Level: "fastest"})
		if (err != nil) != c.wrong || c.wrong && (!strings.Contains(err.Error(), "10.0.17763") || !strings.Contains(err.Error(), "10.0.20348")) {
			t.Errorf("%v: %v", c.platforms, err)
		}
	}
}

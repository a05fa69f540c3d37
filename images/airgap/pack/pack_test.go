package pack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
)

func TestPackOrdersFiles(t *testing.T) {
	all := airgaptest.SampleImages(t)
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{}) {
		t.Run(string(codec), func(t *testing.T) {
			names, content, _ := airgaptest.Untar(t, path, codec)
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
				if hex, ok := strings.CutPrefix(name, format.BlobFolder); ok && airgaptest.HexDigest(b) != hex {
					t.Errorf("the bytes of %s do not match its name", name)
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

func TestPackKeepsImageIDs(t *testing.T) {
	all := airgaptest.SampleImages(t)
	paths := airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{})
	for codec, path := range paths {
		a, err := airgap.Open(t.Context(), path)
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
	all := airgaptest.GzipImages(t)
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Layers: "original"}) {
		_, content, _ := airgaptest.Untar(t, path, codec)
		for _, img := range all {
			raw, err := img.Image.RawManifest()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content[format.BlobFolder+airgaptest.HexDigest(raw)], raw) {
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
				if got := airgaptest.HexDigest(content[format.BlobFolder+digest.Hex]); got != digest.Hex {
					t.Errorf("%s: layer %s contains %s", codec, digest, got)
				}
			}
		}
	}
}

// The archives of all codecs contain the same tar, and an archive has the same bytes, whatever the
// parallelism, the cache and the folders.
func TestPackIsDeterministic(t *testing.T) {
	for _, layers := range []string{"uncompressed", "original"} {
		t.Run(layers, func(t *testing.T) {
			all := airgaptest.SampleImages(t)
			if layers == "original" {
				all = airgaptest.GzipImages(t)
			}
			want := map[format.Codec][]byte{}
			var wantTar []byte
			warm := airgaptest.NewStore(t)
			check := func(how string, content *store.Store, jobs int) {
				t.Helper()
				for codec, path := range airgaptest.Pack(t, content, all, pack.Options{Layers: images.ArchiveLayers(layers), Jobs: jobs}) {
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
					_, _, raw := airgaptest.Untar(t, path, codec)
					if wantTar == nil {
						wantTar = raw
					}
					if !bytes.Equal(raw, wantTar) {
						t.Errorf("%s: %s contains another tar", how, codec)
					}
				}
			}
			check("first", warm, 1)
			check("warm cache", warm, 3)
			for _, procs := range []int{1, 2, 8} {
				before := runtime.GOMAXPROCS(procs)
				check("cold cache, other number of cores", airgaptest.NewStore(t), 0)
				runtime.GOMAXPROCS(before)
			}
			t.Setenv("TMPDIR", t.TempDir())
			check("other TMPDIR", airgaptest.NewStore(t), 5)
		})
	}
}

func TestPackTakesFramesFromTheCache(t *testing.T) {
	content := airgaptest.NewStore(t)
	out := []pack.Output{{Path: filepath.Join(t.TempDir(), "a.tar.zst")}}
	all := airgaptest.SampleImages(t)
	first, err := pack.Write(t.Context(), content, all, out, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := pack.Write(t.Context(), content, all, out, pack.Options{})
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
		var all []pack.Image
		for i, platform := range c.platforms {
			all = append(all, airgaptest.Simple(t, fmt.Sprintf("acme/a%d:v1", i), platform))
		}
		_, err := pack.Write(t.Context(), airgaptest.NewStore(t), all, []pack.Output{{Path: path}}, pack.Options{Level: "fastest"})
		if (err != nil) != c.wrong || c.wrong && (!strings.Contains(err.Error(), "10.0.17763") || !strings.Contains(err.Error(), "10.0.20348")) {
			t.Errorf("%v: %v", c.platforms, err)
		}
	}
}

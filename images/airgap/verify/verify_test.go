package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/streams"
)

func mustVerify(t testing.TB, path string, o Options) *Report {
	t.Helper()
	r, err := Archive(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyAcceptsPackedArchives(t *testing.T) {
	platform := imagetest.Platform(t, "linux/amd64")
	for _, layers := range []string{"uncompressed", "original"} {
		all := airgaptest.SampleImages(t)
		count := 5
		if layers == "original" {
			all, count = airgaptest.GzipImages(t), 3
		}
		list, err := images.ReadList(strings.NewReader("busybox:1.36 # comment\ndocker.io/rancher/runtime:v1.34.1-r1\n"), "list.txt")
		if err != nil {
			t.Fatal(err)
		}
		for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Layers: images.ArchiveLayers(layers)}) {
			t.Run(layers+" "+string(codec), func(t *testing.T) {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				sums := filepath.Join(t.TempDir(), "sha256sum-amd64.txt")
				if err := os.WriteFile(sums, fmt.Appendf(nil, "%s  other.tar\n%s *%s\n", strings.Repeat("0", 64), strings.ToUpper(airgaptest.HexDigest(raw)), filepath.Base(path)), 0o644); err != nil {
					t.Fatal(err)
				}
				got := mustVerify(t, path, Options{List: list, Platform: &platform, Checksums: sums})
				want := &Report{Path: path, Codec: codec, Size: info.Size(), Images: len(all), Layers: count, Problems: []string{}, Notes: []string{}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("another report (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestVerifyReportsProblems(t *testing.T) {
	linux := func(t testing.TB) *airgaptest.Workshop {
		return airgaptest.NewWorkshop(t, airgaptest.Simple(t, "acme/a:v1", "linux/amd64"), airgaptest.Simple(t, "acme/b:v1", "linux/amd64"))
	}
	reversed := func(w *airgaptest.Workshop) []byte { slices.Reverse(w.Names); return w.Framed(format.Zstd, nil) }
	arm, want := imagetest.Platform(t, "linux/arm64"), []string{}
	tests := map[string]struct {
		change func(w *airgaptest.Workshop)
		write  func(w *airgaptest.Workshop) []byte // tar
		o      Options
		want   []string // parts of the problems, in order
		notes  []string
		images func(t testing.TB) []pack.Image
	}{
		"nothing":                 {want: want},
		"another order":           {change: func(w *airgaptest.Workshop) { slices.Reverse(w.Names) }, notes: []string{"the views should come first"}},
		"another order, of ours":  {write: reversed, want: []string{"the views should come first"}},
		"a layer behind its view": {change: func(w *airgaptest.Workshop) { w.Names = append(w.Names[3:], w.Names[:3]...) }, notes: []string{"file manifest.json comes after"}},
		"a damaged layer":         {change: func(w *airgaptest.Workshop) { w.Content[w.Layer()][700] ^= 1 }, want: []string{"is damaged"}},
		"a damaged config":        {change: func(w *airgaptest.Workshop) { c := w.Content[w.Config()]; c[bytes.Index(c, []byte("amd64"))] = 'A' }, want: []string{"is damaged"}},
		"a missing layer":         {change: func(w *airgaptest.Workshop) { w.Drop(w.Layer()) }, want: []string{"is missing; image acme/a:v1 of manifest.json names it"}},
		"a missing config":        {change: func(w *airgaptest.Workshop) { w.Drop(w.Config()) }, want: []string{"is missing"}},
		"a missing manifest": {change: func(w *airgaptest.Workshop) {
			w.OCI(0, func(m map[string]any) {
				m["digest"] = "sha256:" + strings.Repeat("0", 64)
			})
		}, want: []string{"is missing; image docker.io/acme/a:v1 of index.json names it"}, notes: []string{"not part of any image: file blobs/"}},
		"no manifest.json": {change: func(w *airgaptest.Workshop) { w.Drop(format.ManifestJSON) }, want: []string{"no manifest.json"}},
		"no index.json":    {change: func(w *airgaptest.Workshop) { w.Drop(format.IndexJSON) }, notes: []string{"no oci-layout and index.json", "not part of any image"}},
		"no view":          {change: func(w *airgaptest.Workshop) { w.Drop(format.IndexJSON); w.Drop(format.ManifestJSON) }, want: []string{"not an archive of images"}},
		"a view that is not JSON": {change: func(w *airgaptest.Workshop) { w.Content[format.ManifestJSON] = []byte("hello") },
			want: []string{"manifest.json is not JSON"}},
		"a view that is another's": {change: func(w *airgaptest.Workshop) { w.Content[format.ManifestJSON] = []byte(`{"a":1}`) }, want: []string{"file manifest.json: json"}},
		"another layout version":   {change: func(w *airgaptest.Workshop) { w.Content[format.OCILayout] = []byte(`{"imageLayoutVersion":"2.0.0"}`) }, want: []string{"image layout version \"2.0.0\""}},
		"a view of too many bytes": {change: func(w *airgaptest.Workshop) {
			w.Content[format.ManifestJSON] = append(w.Content[format.ManifestJSON], bytes.Repeat([]byte(" "), format.JSONLimit)...)
		}, want: []string{"containerd reads at most 20971520"}},
		"a size that is another's": {change: func(w *airgaptest.Workshop) { w.OCI(0, func(m map[string]any) { m["size"] = 1 }) }, want: []string{"but its descriptor says 1"}},
		"a layer's size": {change: func(w *airgaptest.Workshop) {
			w.Manifest(func(m map[string]any) { m["layers"].([]any)[0].(map[string]any)["size"] = 5 })
		}, want: []string{"but its descriptor says 5"}},
		"a layer's media type": {change: func(w *airgaptest.Workshop) {
			w.Manifest(func(m map[string]any) { m["layers"].([]any)[0].(map[string]any)["mediaType"] = types.OCILayer })
		}, notes: []string{"but its compression is none"}},
		"a layer that is none": {change: func(w *airgaptest.Workshop) {
			w.Manifest(func(m map[string]any) { m["layers"].([]any)[0].(map[string]any)["mediaType"] = "text/plain" })
		}, want: []string{"index.json does not"}, notes: []string{"not an image but an artifact of type text/plain"}},
		"another image's layer": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) { m["Layers"] = []string{otherLayer(w)} })
		}, want: []string{"has the diff ID"}},
		"a layer too many": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) { m["Layers"] = append(m["Layers"].([]any), w.Layer()) })
		}, want: []string{"has 1 diff IDs, and the image 2 layers"}},
		"a name without a tag": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) { m["RepoTags"] = []string{"acme/a"} })
		}, want: []string{`"acme/a", which is not a name with a tag`}},
		"a name with a digest": {change: func(w *airgaptest.Workshop) {
			w.OCI(0, func(m map[string]any) {
				m["annotations"].(map[string]any)[images.ContainerdNameAnnotation] = "acme/a@sha256:" + strings.Repeat("0", 64)
			})
		}, want: []string{"not a name with a tag"}},
		"no name at all": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) { m["RepoTags"] = nil })
			w.OCI(0, func(m map[string]any) { delete(m, "annotations") })
		}, notes: []string{"image 1 of manifest.json has no name", "entry 1 of index.json has no name"}},
		"a tag for a name": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) { m["RepoTags"] = nil })
			w.OCI(0, func(m map[string]any) { delete(m["annotations"].(map[string]any), images.ContainerdNameAnnotation) })
		}, notes: []string{"has no name", "containerd makes one up"}},
		"a name in one view": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) { m["RepoTags"] = []string{"acme/a:v1", "acme/c:v1"} })
		}, want: []string{"manifest.json has docker.io/acme/c:v1"}},
		"a name in the other": {change: func(w *airgaptest.Workshop) { w.Docker(0, func(m map[string]any) { m["RepoTags"] = []string{} }) }, want: []string{"index.json has docker.io/acme/a:v1"}, notes: []string{"has no name"}},
		"names that are exchanged": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) { m["RepoTags"] = []string{"acme/b:v1"} })
			w.Docker(1, func(m map[string]any) { m["RepoTags"] = []string{"acme/a:v1"} })
		}, want: []string{"index.json has docker.io/acme/a:v1", "index.json has docker.io/acme/b:v1", "manifest.json has docker.io/acme/b:v1", "manifest.json has docker.io/acme/a:v1"}},
		"a name for two": {change: func(w *airgaptest.Workshop) {
			w.Docker(1, func(m map[string]any) { m["RepoTags"] = []string{"acme/b:v1", "docker.io/acme/a:v1"} })
			w.OCI(1, func(m map[string]any) {
				m["annotations"].(map[string]any)[images.ContainerdNameAnnotation] = "docker.io/acme/a:v1"
			})
		}, want: []string{"manifest.json has docker.io/acme/b:v1", "manifest.json has 2 images called docker.io/acme/a:v1", "index.json has 2 images called docker.io/acme/a:v1"}},
		"LayerSources": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) {
				m["LayerSources"] = map[string]any{"sha256:" + strings.Repeat("0", 64): map[string]any{"mediaType": types.OCILayer}}
			})
		}, want: []string{"has LayerSources"}},
		"LayerSources of Docker 25": {change: func(w *airgaptest.Workshop) {
			w.Docker(0, func(m map[string]any) {
				m["LayerSources"] = map[string]any{"sha256:" + strings.Repeat("0", 64): map[string]any{"mediaType": types.OCIUncompressedLayer}}
			})
		}, notes: []string{"which no reader needs"}},
		"a platform that is not so": {change: func(w *airgaptest.Workshop) {
			w.OCI(0, func(m map[string]any) { m["platform"] = map[string]any{"os": "linux", "architecture": "arm64"} })
		}, notes: []string{"by index.json and for "}},
		"an operating system that is not so": {change: func(w *airgaptest.Workshop) {
			w.OCI(0, func(m map[string]any) { m["platform"] = map[string]any{"os": "darwin", "architecture": "amd64"} })
		}, want: []string{"the index has platform darwin/amd64, but the image's config has linux/amd64"}},
		"another platform":      {o: Options{Platform: &arm}, want: []string{"image docker.io/acme/a:v1 (linux/amd64) is not for linux/arm64", "acme/b:v1"}},
		"an image of a list":    {o: Options{List: []images.ListEntry{{Ref: airgaptest.Ref(t, "acme/a:v2"), File: "core.txt", Line: 7}}}, want: []string{"core.txt:7: image acme/a:v2 is missing; it has docker.io/acme/a:v1"}},
		"a file of no image":    {change: func(w *airgaptest.Workshop) { w.Set("readme", []byte("hello")); w.Set("repositories", []byte("{}")) }, notes: []string{"not part of any image: file readme of 5 bytes"}},
		"a name that leads out": {change: func(w *airgaptest.Workshop) { w.Set("../evil", nil) }, want: []string{"contains \"..\""}},
		"bytes behind the end":  {write: func(w *airgaptest.Workshop) []byte { return append(w.Tar(), "hello"...) }, want: []string{"5 bytes that are not zero"}},
		"the end cut off":       {write: func(w *airgaptest.Workshop) []byte { raw := w.Tar(); return raw[:len(raw)-format.TarEnd] }, want: []string{"the end of the tar is missing"}},
		"a tar cut off":         {write: func(w *airgaptest.Workshop) []byte { raw := w.Tar(); return raw[:len(raw)-3000] }, want: []string{"it cannot be read beyond"}},
		"an archive of nothing": {write: func(*airgaptest.Workshop) []byte { return nil }, want: []string{"it is empty"}},
		"an archive of text":    {write: func(*airgaptest.Workshop) []byte { return bytes.Repeat([]byte("hello "), 200) }, want: []string{"neither a tar nor"}},
		"a file that is there twice": {write: func(w *airgaptest.Workshop) []byte {
			w.Names = append(w.Names, w.Names[0])
			return w.Tar()
		}, notes: []string{"with the same content: file manifest.json"}},
		"zstd inside": {images: func(t testing.TB) []pack.Image {
			return []pack.Image{{Names: []name.Reference{airgaptest.Ref(t, "acme/a:v1")}, Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": "a"}))}}
		}, change: func(w *airgaptest.Workshop) {
			compressed := airgaptest.Compress(t, format.Zstd, w.Content[w.Layer()])
			old := w.Layer()
			renamed := format.BlobFolder + airgaptest.HexDigest(compressed)
			w.Names[slices.Index(w.Names, old)] = renamed
			w.Content[renamed] = compressed
			w.Docker(0, func(m map[string]any) { m["Layers"] = []string{renamed} })
			w.Manifest(func(m map[string]any) {
				m["layers"] = []any{map[string]any{"mediaType": types.OCILayerZStd, "digest": "sha256:" + airgaptest.HexDigest(compressed), "size": len(compressed)}}
			})
		}, want: []string{"compressed by zstd, which readers of manifest.json treat as gzip"}},
		"a layer that is not gzip": {change: func(w *airgaptest.Workshop) {
			w.Content[w.Layer()] = append([]byte{0x1f, 0x8b}, bytes.Repeat([]byte{8}, 900)...)
		}, want: []string{"is damaged", "cannot be decompressed", "but its descriptor says", "but its compression is gzip"}},

		"the index's files": {write: func(w *airgaptest.Workshop) []byte {
			return w.Framed(format.Zstd, func(idx *format.Index) { idx.Entries[4].Name = "blobs/sha256/other" })
		}, want: []string{"the archive's index says that file 5 is blobs/sha256/other"}},
		"the index of fewer files": {write: func(w *airgaptest.Workshop) []byte {
			return w.Framed(format.Gzip, func(idx *format.Index) { idx.Entries = idx.Entries[:3] })
		}, want: []string{"the archive's index does not name file blobs/"}},
		"the index's frames": {write: func(w *airgaptest.Workshop) []byte {
			return w.Framed(format.Zstd, func(idx *format.Index) { idx.Frames[1].Size++; idx.Frames[2].Offset++; idx.Frames[2].Size-- })
		}, want: []string{"the archive's index is wrong: frame 1"}},
		"the index's sizes": {write: func(w *airgaptest.Workshop) []byte {
			return w.Framed(format.Gzip, func(idx *format.Index) {
				idx.Frames[1].TarSize += 512
				idx.Frames[2].TarOffset += 512
				idx.Frames[2].TarSize -= 512
			})
		}, want: []string{"the archive's index is wrong: frame 1, at byte"}},
		"an index that cannot be": {write: func(w *airgaptest.Workshop) []byte {
			return w.Framed(format.Zstd, func(idx *format.Index) { idx.Frames[1].TarOffset = 7 })
		}, want: []string{"frame 1 does not follow the one before it"}},
		"zstd's own index": {write: func(w *airgaptest.Workshop) []byte {
			raw := w.Framed(format.Zstd, nil)
			raw[len(raw)-30] ^= 1
			return raw
		}, want: []string{"are not the archive's index"}},
		"a damaged frame": {write: func(w *airgaptest.Workshop) []byte {
			raw := w.Framed(format.Zstd, nil)
			raw[40] ^= 1
			return raw
		}, want: []string{"it cannot be read beyond byte 0 of the tar, at its beginning"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := linux(t)
			if tt.images != nil {
				w = airgaptest.NewWorkshop(t, tt.images(t)...)
			}
			if tt.change != nil {
				tt.change(w)
			}
			if tt.write == nil {
				tt.write = (*airgaptest.Workshop).Tar
			}
			path := filepath.Join(t.TempDir(), "archive")
			if err := os.WriteFile(path, tt.write(w), 0o644); err != nil {
				t.Fatal(err)
			}
			r := mustVerify(t, path, tt.o)
			compareParts(t, "problems", tt.want, r.Problems)
			compareParts(t, "notes", tt.notes, r.Notes)
		})
	}
}

// otherLayer returns the name of the second image's layer.
func otherLayer(w *airgaptest.Workshop) (name string) {
	w.Docker(1, func(m map[string]any) { name = m["Layers"].([]any)[0].(string) })
	return name
}

// compareParts checks that each of got contains the part at its index.
func compareParts(t testing.TB, what string, want, got []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d %s instead of %d:\n%s", len(got), what, len(want), strings.Join(got, "\n"))
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s: missing in %q: %q", what, got[i], want[i])
		}
	}
}

func TestVerifyKnowsWindows(t *testing.T) {
	windows := func(version string) v1.Image {
		return imagetest.Image(t, "windows/amd64:"+version, imagetest.Layer(t, imagetest.Files{"bin/a.exe": version}))
	}
	bare := imagetest.Image(t, "windows/amd64", imagetest.Layer(t, imagetest.Files{"bin/a.exe": "MZ"}))
	ltsc2022 := imagetest.Platform(t, "windows/amd64:10.0.20348.1")
	ltsc2025 := imagetest.Platform(t, "windows/amd64:10.0.26100.4294")
	write := func(t *testing.T, all map[name.Reference]v1.Image) string {
		path := filepath.Join(t.TempDir(), "w.tar")
		if err := tarball.MultiRefWriteToFile(path, all); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := airgaptest.Ref(t, "acme/a:v1"), airgaptest.Ref(t, "acme/b:v1")
	one := write(t, map[name.Reference]v1.Image{a: windows("10.0.20348.4294")})
	compareParts(t, "problems", nil, mustVerify(t, one, Options{Platform: &ltsc2022}).Problems)
	compareParts(t, "problems", []string{"acme/a:v1 (windows/amd64:10.0.20348.4294) is not for windows/amd64:10.0.26100.4294"},
		mustVerify(t, one, Options{Platform: &ltsc2025}).Problems)
	compareParts(t, "problems", []string{"states no os.version"},
		mustVerify(t, write(t, map[name.Reference]v1.Image{a: bare}), Options{}).Problems)
	compareParts(t, "problems", []string{"several Windows versions in one archive, all of which every node imports: 10.0.20348 (docker.io/acme/a:v1"},
		mustVerify(t, write(t, map[name.Reference]v1.Image{a: windows("10.0.20348.4294"), b: windows("10.0.26100.4294")}), Options{}).Problems)
	compareParts(t, "problems", nil,
		mustVerify(t, write(t, map[name.Reference]v1.Image{a: windows("10.0.20348.4294"), b: windows("10.0.20348.1")}), Options{}).Problems)
}

// Layouts of indexes have several platforms, which manifest.json cannot represent.
func TestVerifyReadsIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.tar")
	idx := imagetest.Index(t, airgaptest.Simple(t, "acme/a:v1", "linux/amd64").Image, airgaptest.Simple(t, "acme/a:v1", "linux/arm64").Image)
	airgaptest.LayoutTar(t, path, "acme/a:v1", imagetest.Attest(t, idx, imagetest.AttestationArtifact))
	r := mustVerify(t, path, Options{})
	compareParts(t, "problems", []string{"no manifest.json", "index.json has 2 images called docker.io/acme/a:v1 (linux/amd64, linux/arm64)"}, r.Problems)
	compareParts(t, "notes", []string{"has an attestation", "has an attestation", "the views should come first"}, r.Notes)
	if r.Images != 2 || r.Layers != 2 {
		t.Errorf("%d images, %d layers", r.Images, r.Layers)
	}
}

func TestVerifyComparesChecksums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.tar.zst")
	airgaptest.PackOne(t, airgaptest.NewStore(t), path, airgaptest.Simple(t, "acme/a:v1", "linux/amd64"))
	sums := filepath.Join(t.TempDir(), "sums")
	zero, one := strings.Repeat("0", 64), strings.Repeat("1", 64)
	for content, want := range map[string]string{
		zero + "  images.tar.zst\n":                              "says that its SHA-256 is " + zero,
		zero + "  my-images.tar.zst\n":                           "has no line for images.tar.zst",
		zero + "  images.tar.zst\n" + one + " *images.tar.zst\n": "several lines",
	} {
		if err := os.WriteFile(sums, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		compareParts(t, "problems", []string{want}, mustVerify(t, path, Options{Checksums: sums}).Problems)
	}
	if err := os.WriteFile(sums, []byte("hello  images.tar.zst\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Archive(t.Context(), path, Options{Checksums: sums}); err == nil || !strings.Contains(err.Error(), "sums:1") {
		t.Errorf("Verify: %v", err)
	}
	if _, err := Archive(t.Context(), path, Options{Checksums: sums + "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Verify: %v", err)
	}
}

// Verify notices every truncation, and every changed byte of a file.
func TestVerifyNoticesDamage(t *testing.T) {
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), airgaptest.GzipImages(t), pack.Options{}) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "damaged")
		check := func(how string, at int, content []byte) {
			t.Helper()
			if err := os.WriteFile(file, content, 0o644); err != nil {
				t.Fatal(err)
			}
			if r := mustVerify(t, file, Options{}); len(r.Problems) == 0 {
				t.Errorf("%s: %s at byte %d of %d: no problem", codec, how, at, len(raw))
			}
		}
		for i := 1; i < 12; i++ {
			at := len(raw) * i / 12
			check("cut off", at, raw[:at])
		}
		if codec == format.Tar {
			continue // whose padding is not checked
		}
		for i := range 12 {
			at := len(raw)*i/12 + 200
			damaged := bytes.Clone(raw)
			damaged[at] ^= 0x10
			check("changed", at, damaged)
		}
	}
}

func TestVerifyLooksAtEveryWindow(t *testing.T) {
	program := imagetest.Program(t, "zstd")
	w := airgaptest.NewWorkshop(t, airgaptest.Simple(t, "acme/a:v1", "linux/amd64"))
	raw := w.Tar()
	for args, want := range map[string][]string{"--long=25": nil, "--long=27": {"1 of 2 zstd frames need a window"}} {
		cmd := exec.CommandContext(t.Context(), program, "-c", args)
		cmd.Stdin = bytes.NewReader(raw[len(raw)/1024*512:])
		second, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		first := airgaptest.Compress(t, format.Zstd, raw[:len(raw)/1024*512])
		path := filepath.Join(t.TempDir(), "a.tar.zst")
		if err := os.WriteFile(path, append(first, second...), 0o644); err != nil {
			t.Fatal(err)
		}
		compareParts(t, args, want, mustVerify(t, path, Options{}).Problems)
	}
}

// Archives of other programs have at most notes, except where nodes fail.
func TestVerifyReadsOtherProgramsArchives(t *testing.T) {
	dir := t.TempDir()
	img := imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/a": imagetest.Words(1, 5000)}.Entries()...),
		imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/b": "b"}.Entries()...))
	crane := filepath.Join(dir, "crane.tar")
	if err := tarball.WriteToFile(crane, airgaptest.Ref(t, "acme/a:v1"), img); err != nil {
		t.Fatal(err)
	}
	r := mustVerify(t, crane, Options{})
	compareParts(t, "problems", nil, r.Problems)
	compareParts(t, "notes", []string{"containerd reads manifest.json instead", "the views should come first"}, r.Notes)

	skopeo := imagetest.Program(t, "skopeo")
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), skopeo, append([]string{"--insecure-policy"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("skopeo %v: %v\n%s", args, err, out)
		}
	}
	docker, oci := filepath.Join(dir, "docker.tar"), filepath.Join(dir, "oci.tar")
	run("copy", "docker-archive:"+crane, "docker-archive:"+docker+":acme/a:v1")
	run("copy", "docker-archive:"+crane, "oci-archive:"+oci+":docker.io/acme/a:v1")
	r = mustVerify(t, docker, Options{})
	compareParts(t, "problems", nil, r.Problems)
	if r.Images != 1 || r.Layers != 2 {
		t.Errorf("%d images, %d layers", r.Images, r.Layers)
	}
	compareParts(t, "problems", []string{"no manifest.json"}, mustVerify(t, oci, Options{}).Problems)
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	airgaptest.PackOne(t, airgaptest.NewStore(t), path, airgaptest.Simple(t, "acme/a:v1", "linux/amd64"))
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	if _, err := Archive(ctx, path, Options{}); !errors.Is(err, reason) {
		t.Errorf("Verify: %v", err)
	}
}

// A decompressor must not hide an error of the reader below it.
func TestStickyReaderFailsAgain(t *testing.T) {
	boom := errors.New("boom")
	s := &stickyReader{r: io.MultiReader(strings.NewReader("a"), streams.Func(func([]byte) (int, error) { return 0, boom }))}
	for range 2 {
		if _, err := io.ReadAll(s); err != boom {
			t.Errorf("ReadAll: %v", err)
		}
	}
}

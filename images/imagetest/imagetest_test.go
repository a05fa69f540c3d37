package imagetest_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/imagetest"
)

func TestLayersHaveTheGivenEntries(t *testing.T) {
	files := imagetest.Files{"bin/hello": "#!/bin/sh\n", "etc/": "", "opt/a/b": "c"}
	want := []string{"bin/ 0755", "bin/hello 0755", "etc/ 0755", "opt/ 0755", "opt/a/ 0755", "opt/a/b 0644"}
	for mediaType, magic := range map[types.MediaType]string{
		types.OCILayer:                "\x1f\x8b",
		types.DockerLayer:             "\x1f\x8b",
		types.DockerForeignLayer:      "\x1f\x8b",
		types.OCIRestrictedLayer:      "\x1f\x8b",
		types.OCILayerZStd:            "\x28\xb5\x2f\xfd",
		types.OCIUncompressedLayer:    "bin/",
		types.DockerUncompressedLayer: "bin/",
	} {
		t.Run(string(mediaType), func(t *testing.T) {
			l := imagetest.LayerOf(t, mediaType, files.Entries()...)
			if got, _ := l.MediaType(); got != mediaType {
				t.Errorf("media type is %s", got)
			}
			blob := readAll(t, l.Compressed)
			if !strings.HasPrefix(blob, magic) {
				t.Errorf("blob begins with %q, want %q", blob[:4], magic)
			}
			checkDigests(t, l)
			var got []string
			for _, h := range headers(t, l) {
				got = append(got, fmt.Sprintf("%s %04o", h.Name, h.Mode))
				if !h.ModTime.Equal(imagetest.Created()) {
					t.Errorf("%s has time %v", h.Name, h.ModTime)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDigestsAreTheSameOnEveryRun(t *testing.T) {
	digests := func() []v1.Hash {
		idx := imagetest.Index(t,
			imagetest.Image(t, "linux/arm/v7", imagetest.Layer(t, imagetest.Files{"a": "1", "b/c": "2", "d": "3"})),
			imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 7, 1<<20)))
		var hs []v1.Hash
		for _, i := range []v1.ImageIndex{idx,
			imagetest.WindowsBase(t, "10.0.20348.4294", "10.0.17763.7919"),
			imagetest.Attest(t, idx, imagetest.AttestationArtifact),
			imagetest.Attest(t, idx, imagetest.AttestationImage),
		} {
			h, err := i.Digest()
			if err != nil {
				t.Fatal(err)
			}
			hs = append(hs, h)
		}
		return hs
	}
	if diff := cmp.Diff(digests(), digests()); diff != "" {
		t.Error(diff)
	}
}

func TestRandomLayersDoNotCompress(t *testing.T) {
	l := imagetest.RandomLayer(t, 1, 1<<20)
	if size, _ := l.Size(); size < 1<<20 {
		t.Errorf("1 MiB became %d bytes", size)
	}
	a, _ := l.Digest()
	b, _ := imagetest.RandomLayer(t, 2, 1<<20).Digest()
	if a == b {
		t.Error("two seeds gave the same layer")
	}
}

// Both registries must take, and give back valid, everything that the package
// can make.
func TestRegistriesTakeAllImages(t *testing.T) {
	plain := imagetest.Index(t,
		imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/hello": "linux"})),
		imagetest.Image(t, "windows/amd64:10.0.20348.4294", imagetest.WindowsLayer(t, imagetest.Files{"bin/hello.exe": "windows"})))
	docker := imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"a": "b"}.Entries()...)
	indexes := map[string]v1.ImageIndex{
		"plain":                 plain,
		"docker":                imagetest.Index(t, imagetest.Image(t, "linux/amd64", docker)),
		"artifact-attestations": imagetest.Attest(t, plain, imagetest.AttestationArtifact),
		"image-attestations":    imagetest.Attest(t, plain, imagetest.AttestationImage),
		"windows-bases":         imagetest.WindowsBase(t, "10.0.17763.7919", "10.0.26100.4294+win32k"),
		"zstd":                  imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, types.OCILayerZStd, imagetest.Files{"a": "b"}.Entries()...))),
	}
	for registry, start := range map[string]func(testing.TB) string{
		"in process": imagetest.Registry, "docker-registry": imagetest.DistributionRegistry, "distribution 3": imagetest.Distribution3Registry,
	} {
		t.Run(registry, func(t *testing.T) {
			host := start(t)
			for tag, idx := range indexes {
				ref := imagetest.Push(t, host+"/test/"+tag+":v1", idx)
				want, err := idx.Digest()
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(ref, want.String()) {
					t.Errorf("%s was pushed as %s, want %s", tag, ref, want)
				}
				digest, err := name.NewDigest(ref)
				if err != nil {
					t.Fatal(err)
				}
				got, err := remote.Index(digest, remote.WithContext(t.Context()))
				if err != nil {
					t.Fatal(err)
				}
				m, err := got.IndexManifest()
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range m.Manifests {
					img, err := got.Image(d.Digest)
					if err != nil {
						t.Fatal(err)
					}
					if d.Annotations["vnd.docker.reference.type"] != "" {
						continue // not an image to validate
					}
					layers, err := img.Layers()
					if err != nil {
						t.Fatal(err)
					}
					for _, l := range layers {
						checkDigests(t, l)
					}
				}
			}
		})
	}
}

func TestWindowsBasesLookLikeMicrosofts(t *testing.T) {
	idx := imagetest.WindowsBase(t, "10.0.20348.4294+win32k", "10.0.17763.7919")
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	want := []v1.Platform{
		{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.4294", OSFeatures: []string{"win32k"}},
		{OS: "windows", Architecture: "amd64", OSVersion: "10.0.17763.7919"},
	}
	var got []v1.Platform
	for _, d := range m.Manifests {
		got = append(got, *d.Platform)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	img, err := idx.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for _, h := range headers(t, layers[0]) {
		attributes[h.Name] = h.PAXRecords["MSWINDOWS.fileattr"]
		if h.PAXRecords["MSWINDOWS.rawsd"] == "" || h.PAXRecords["LIBARCHIVE.creationtime"] == "" {
			t.Errorf("%s lacks PAX records: %v", h.Name, h.PAXRecords)
		}
	}
	wantAttributes := map[string]string{
		"Hives": "16", "Files": "16", "Files/Users/": "16", "Files/Users/ContainerAdministrator/": "16",
		"Files/Windows/": "16", "Files/Windows/System32/": "16", "Files/Windows/System32/config/": "16",
		"Files/Windows/System32/cmd.exe": "32", "Files/Windows/version.txt": "32", "Hives/System_Base": "32",
	}
	if diff := cmp.Diff(wantAttributes, attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestForeignLayersNameTheirURLs(t *testing.T) {
	img := imagetest.Image(t, "windows/amd64:10.0.17763.7919",
		imagetest.ForeignLayer(t, imagetest.Files{"Files/a": "b"}, "https://example.test/a"))
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"https://example.test/a"}, m.Layers[0].URLs); diff != "" {
		t.Error(diff)
	}
	if m.MediaType != types.DockerManifestSchema2 {
		t.Errorf("a Docker layer got the manifest type %s", m.MediaType)
	}
	// Registries refuse a manifest whose blobs they lack, but not for these.
	imagetest.Push(t, imagetest.DistributionRegistry(t)+"/test/foreign:v1", img)
}

func TestMissingProgramsSkipUnlessRequired(t *testing.T) {
	for required, want := range map[string]string{
		"":  "skip: no-such-program is not installed (Debian: apt-get install no-such-program)",
		"1": "fatal: SLIPWAY_REQUIRE_ENGINES=1, but no-such-program is not installed (Debian: apt-get install no-such-program)",
	} {
		t.Setenv("SLIPWAY_REQUIRE_ENGINES", required)
		r := &recorder{TB: t}
		func() {
			defer func() {
				if x := recover(); x != nil && x != errStopped {
					panic(x)
				}
			}()
			imagetest.Program(r, "no-such-program")
		}()
		if r.said != want {
			t.Errorf("said %q, want %q", r.said, want)
		}
	}
}

var errStopped = errors.New("the recorded test ended")

// recorder is a testing.TB that records how the test ended.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Skipf(format string, args ...any) {
	r.said = "skip: " + fmt.Sprintf(format, args...)
	panic(errStopped)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = "fatal: " + fmt.Sprintf(format, args...)
	panic(errStopped)
}

func TestEngines(t *testing.T) {
	for name, engine := range map[string]func(testing.TB) string{
		"docker": imagetest.Docker, "containerd": imagetest.Containerd, "buildkit": imagetest.Buildkit,
	} {
		t.Run(name, func(t *testing.T) { t.Log(engine(t)) })
	}
}

func readAll(t *testing.T, open func() (io.ReadCloser, error)) string {
	t.Helper()
	r, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkDigests checks what validate.Layer does for gzipped layers alone.
func checkDigests(t *testing.T, l v1.Layer) {
	t.Helper()
	for what, c := range map[string]struct {
		open func() (io.ReadCloser, error)
		want func() (v1.Hash, error)
	}{
		"digest": {l.Compressed, l.Digest}, "diff ID": {l.Uncompressed, l.DiffID},
	} {
		got, _, err := v1.SHA256(strings.NewReader(readAll(t, c.open)))
		if err != nil {
			t.Fatal(err)
		}
		if want, err := c.want(); err != nil || got != want {
			t.Errorf("%s of the content is %s, the layer says %s (%v)", what, got, want, err)
		}
	}
}

func headers(t *testing.T, l v1.Layer) []*tar.Header {
	t.Helper()
	var hs []*tar.Header
	r := tar.NewReader(strings.NewReader(readAll(t, l.Uncompressed)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return hs
		}
		if err != nil {
			t.Fatal(err)
		}
		hs = append(hs, h)
	}
}

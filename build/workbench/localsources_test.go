package workbench

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

func TestImagesOfArchivesArePackedAgain(t *testing.T) {
	one := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 100_000))
	two := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 2, 100_000))
	refs := map[name.Reference]v1.Image{}
	for text, image := range map[string]v1.Image{"acme/one:v1": one, "acme/two:v1": two} {
		tag, err := name.NewTag(text)
		if err != nil {
			t.Fatal(err)
		}
		refs[tag] = image
	}
	saved := filepath.Join(t.TempDir(), "saved.tar")
	if err := tarball.MultiRefWriteToFile(saved, refs); err != nil {
		t.Fatal(err)
	}
	w := newWorkbench(t)
	out := filepath.Join(t.TempDir(), "two.tar.zst")
	if _, err := w.Pack(t.Context(), PackJob{Images: []PackSource{{Ref: "docker-archive:" + saved + ":acme/two:v1"}}, Outputs: []string{out}}); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "again.tar.gz")
	if _, err := w.Pack(t.Context(), PackJob{Images: []PackSource{{Ref: "docker-archive:" + out}}, Outputs: []string{again}}); err != nil {
		t.Fatal(err)
	}
	a, err := airgap.Open(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	packed, err := a.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := two.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if len(packed) != 1 || packed[0].ID != id || packed[0].Names[0] != "docker.io/acme/two:v1" {
		t.Errorf("got %v, want acme/two:v1 with the ID %s", packed, id)
	}
	for ref, want := range map[string]string{
		"docker-archive:" + saved:                     "has 2 images: select one",
		"docker-archive:" + saved + ":acme/none:v1":   "has no image acme/none:v1",
		"docker-archive:" + saved + ".gone:acme/x:v1": syscall.ENOENT.Error(),
	} {
		if _, err := w.Sources.Image(t.Context(), ref, v1.Platform{OS: "linux", Architecture: "amd64"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

// An index in an archive is kept when its image is packed again, so that references to the digest
// of the index work.
func TestIndexesOfArchivesAreKept(t *testing.T) {
	index := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000)), imagetest.Image(t, "linux/arm64", imagetest.RandomLayer(t, 2, 1000)))
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "example.com/acme/one:v1"})); err != nil {
		t.Fatal(err)
	}
	from, w := tarOf(t, dir), newWorkbench(t)
	for _, ref := range []string{"", ":example.com/acme/one:v1", "@" + digest.String()} {
		// Twice: the second archive lacks an image of the index.
		for range 2 {
			out := filepath.Join(t.TempDir(), "out.tar")
			sink := said{make(chan string, 10)}
			if _, err := w.Pack(progress.With(t.Context(), sink), PackJob{Images: []PackSource{{Ref: "docker-archive:" + from + ref}}, Outputs: []string{out}, Layers: "original"}); err != nil {
				t.Fatal(err)
			}
			if len(sink.warnings) > 0 {
				t.Errorf("%q: a warning: %s", ref, <-sink.warnings)
			}
			a, err := airgap.Open(t.Context(), out)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			list, err := a.Images(t.Context())
			if err != nil || len(list) != 1 || len(list[0].Indexes) != 1 || list[0].Indexes[0].Descriptor.Digest != digest {
				t.Errorf("%q: %v, %v; want the index %s", ref, list, err, digest)
			}
			from = out
		}
	}
}

// newWorkbench returns a Workbench with an empty cache, for linux/amd64.
func newWorkbench(t *testing.T) *Workbench {
	t.Helper()
	w, err := Open(Options{Cache: t.TempDir(), Jobs: 2, Platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}},
		Getenv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

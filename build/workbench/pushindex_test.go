package workbench

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// said is a sink that keeps warnings.
type said struct{ warnings chan string }

func (said) Started(*progress.Task)         {}
func (said) Line(*progress.Task, string)    {}
func (said) Finished(*progress.Task, error) {}
func (s said) Warning(message string)       { s.warnings <- message }

// docker-registry accepts an index only with all of its images. Several archives together have all
// images; of one archive alone, only the image is pushed, with a warning.
func TestPushOfIndexesOfArchives(t *testing.T) {
	amd := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/app": "amd64"}))
	arm := imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"bin/app": "arm64"}))
	index := imagetest.Index(t, amd, arm)
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	content, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var archives []string
	for i, image := range []v1.Image{amd, arm} {
		var names []name.Reference
		for _, text := range []string{"acme/app:v1", "acme/app@" + digest.String()} {
			ref, err := images.ParseReference(text)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, ref)
		}
		archives = append(archives, filepath.Join(t.TempDir(), []string{"amd64.tar", "arm64.tar"}[i]))
		if _, err := pack.Write(t.Context(), content, []pack.Image{{Names: names, Image: image, Index: index}},
			[]pack.Output{{Path: archives[i]}}, pack.Options{Layers: "original"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		archives []string
		warnings int
		whole    bool
	}{{archives, 0, true}, {archives[:1], 1, false}} {
		w, err := Open(Options{Cache: t.TempDir(), Jobs: 1, Getenv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		registry, sink := imagetest.DistributionRegistry(t), said{make(chan string, 100)}
		pushed, err := w.PushArchives(progress.With(t.Context(), sink), PushJob{Archives: c.archives, Target: registry})
		if err != nil || len(pushed) != 2 {
			t.Fatalf("%d names pushed: %v", len(pushed), err)
		}
		for i, ref := range []string{registry + "/acme/app:v1", registry + "/acme/app:pinned-" + digest.Hex} {
			if pushed[i].Ref != ref || (pushed[i].Digest == digest) != c.whole {
				t.Errorf("pushed %s@%s, want %s, and the index %s: %v", pushed[i].Ref, pushed[i].Digest, ref, digest, c.whole)
			}
		}
		if len(sink.warnings) < c.warnings || c.whole && len(sink.warnings) > 0 {
			t.Errorf("%d warnings, want %d", len(sink.warnings), c.warnings)
		}
		if !c.whole {
			if warning := <-sink.warnings; !strings.Contains(warning, digest.String()) {
				t.Errorf("the warning does not name the index: %s", warning)
			}
		}
	}
}

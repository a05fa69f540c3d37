package workbench

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/workbench/disks"
	"github.com/slipway-build/slipway/images/imagetest"
)

func TestPreflightCountsEachBlobOnceAndFetchesNone(t *testing.T) {
	registry := imagetest.Registry(t)
	shared := imagetest.RandomLayer(t, 1, 300_000)
	imagetest.Push(t, registry+"/acme/one:1", imagetest.Image(t, "linux/amd64", shared, imagetest.RandomLayer(t, 2, 50_000)))
	imagetest.Push(t, registry+"/acme/two:1", imagetest.Image(t, "linux/amd64", shared))
	cache, out := t.TempDir(), filepath.Join(t.TempDir(), "new", "x.tar.gz")
	w, err := Open(Options{Cache: cache, Jobs: 2, Platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}},
		Getenv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	job := PackJob{Images: []PackSource{{Ref: registry + "/acme/one:1"}, {Ref: registry + "/acme/two:1"}}, Outputs: []string{out}}
	p, err := w.PreflightPack(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	// gzip does not make random bytes smaller.
	if p.Images != 2 || p.Layers != 2 || p.Fetch < 350_000 || p.Fetch > 360_000 {
		t.Errorf("got %+v, want two images of two layers in 350 kB", p)
	}
	for _, d := range p.Disks {
		if slices.Sort(d.Paths); len(slices.Compact(slices.Clone(d.Paths))) != len(d.Paths) {
			t.Errorf("a path is named twice: %v", d.Paths)
		}
	}
	if _, err := os.Stat(filepath.Dir(out)); err == nil {
		t.Error("the output's folder was created")
	}
	var shown bytes.Buffer
	if err := p.Write(&shown); err != nil || !strings.Contains(shown.String(), "2 images, 2 layers; 35") {
		t.Errorf("%v, shown:\n%s", err, shown.String())
	}
	if _, err := w.Pack(t.Context(), PackJob{Images: job.Images, Outputs: []string{filepath.Join(t.TempDir(), "x.tar.gz")}}); err != nil {
		t.Fatal(err)
	}
	if p, err = w.PreflightPack(t.Context(), job); err != nil || p.Fetch != 0 {
		t.Errorf("after packing: %+v, %v; want nothing to fetch", p, err)
	}
}

func TestPreflightReportsTooLittleDiskSpace(t *testing.T) {
	p := Preflight{Disks: disks.Needs{
		{Paths: []string{"/cache"}, Need: 100, Least: 10, Free: 20},
		{Paths: []string{"/out"}, Need: 9_000_000_000, Least: 5_000_000_000, Free: 4_000_000_000},
	}}
	err := p.Enough()
	if err == nil || !strings.Contains(err.Error(), "/out: about 9.0 GB are needed, at least 5.0 GB, but 4.0 GB are free") {
		t.Errorf("got %v", err)
	}
	p.Disks[1].Free = 6_000_000_000
	if err := p.Enough(); err != nil {
		t.Errorf("an estimate that may be wrong is no reason to refuse: %v", err)
	}
}

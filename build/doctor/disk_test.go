package doctor

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/filestate"
)

func withList(t *testing.T, size int64) *project {
	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/tools/pause:3", imagetest.Index(t,
		imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, size)), imagetest.Image(t, "linux/arm64", imagetest.RandomLayer(t, 2, size))))
	p := newProject(t, "airgap: {level: fastest, lists: {images: {file: images.txt}, again: {file: images.txt}}}\n")
	p.write("images.txt", registry+"/tools/pause:3\n")
	return p
}

func TestAFullDisk(t *testing.T) {
	p := withList(t, 1000)
	made := release.Made{Kind: "archive", Name: "images", Platform: images.Platform{Platform: imagetest.Platform(t, "linux/amd64")},
		Path: "dist/artifacts/acme-images.linux-amd64.tar.zst", Size: 1 << 50}
	p.options.Previous = &release.Report{Made: []release.Made{made}}
	p.wants(p.examine(), Error, "disk", "need about 1.1 PB, and ", " are free: free some space")
}

// The estimate differs by at most 10 % from what a release writes.
func TestTheNeedOfDisks(t *testing.T) {
	p := withList(t, 8_000_000)
	dist := filepath.Join(p.dir, "dist")
	run := func() int64 {
		s, err := plan.Select("package", nil)
		if err != nil {
			t.Fatal(err)
		}
		r := p.open()
		if err := errors.Join(r.Run(t.Context(), s), r.Close()); err != nil {
			t.Fatal(err)
		}
		return written(t, dist, p.options.Cache)
	}
	run()
	raw, err := os.ReadFile(filepath.Join(dist, "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &p.options.Previous); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dist, p.options.Cache} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	var need int64
	for _, d := range p.examine().Disks {
		need += d.Need
	}
	used := run()
	t.Logf("estimated %d bytes, and %d were written", need, used)
	if need < used*9/10 || need > used*11/10 {
		t.Errorf("estimated %d bytes, and %d were written", need, used)
	}
}

// written returns the size of all files, each once.
func written(t *testing.T, dirs ...string) (size int64) {
	t.Helper()
	seen := map[filestate.State]bool{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil && !seen[filestate.Of(info)] {
				seen[filestate.Of(info)] = true
				size += info.Size()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return size
}

package airgap_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/serve"
	"github.com/slipway-build/slipway/images/airgap/servetest"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

func TestFindLooksAsNodesDo(t *testing.T) {
	content, dir := airgaptest.NewStore(t), t.TempDir()
	airgaptest.PackOne(t, content, filepath.Join(dir, "a-first.tar.zst"), airgaptest.Simple(t, "rancher/a:v1", "linux/amd64"))
	airgaptest.PackOne(t, content, filepath.Join(dir, "b", "second.tar.gz"), airgaptest.Simple(t, "quay.io/b/b:v1", "linux/arm64"), airgaptest.Simple(t, "busybox:1.36", "linux/amd64"))
	airgaptest.PackOne(t, content, filepath.Join(dir, "c.tar"), airgaptest.Simple(t, "busybox:1.36", "linux/arm64"))
	airgaptest.PackOne(t, content, filepath.Join(dir, ".hidden.tar"), airgaptest.Simple(t, "rancher/hidden:v1", "linux/amd64"))
	for name, text := range map[string]string{"list.txt": "rancher/a:v1\n", "z-broken.tar.zst": "\x28\xb5\x2f\xfdnot zstd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := func(elem ...string) string { return filepath.Join(append([]string{dir}, elem...)...) }
	tests := map[string]struct {
		ref, platform string
		paths         []string
		archive       string
		missing       bool     // the error wraps fs.ErrNotExist
		said          []string // parts of the error
		unsaid        []string
	}{
		"in a folder":                     {ref: "rancher/a:v1", platform: "linux/amd64", paths: []string{dir}, archive: "a-first.tar.zst"},
		"in a folder of a folder":         {ref: "quay.io/b/b:v1", platform: "linux/arm64", paths: []string{dir}, archive: "b/second.tar.gz"},
		"in a file":                       {ref: "rancher/a:v1", paths: []string{file("a-first.tar.zst")}, archive: "a-first.tar.zst"},
		"by another spelling":             {ref: "index.docker.io/library/busybox:1.36", paths: []string{dir}, archive: "b/second.tar.gz"},
		"pinned, with a tag":              {ref: "rancher/a:v1@sha256:" + strings.Repeat("ab", 32), paths: []string{dir}, archive: "a-first.tar.zst"},
		"in the first that has its name":  {ref: "busybox:1.36", platform: "linux/amd64", paths: []string{dir}, archive: "b/second.tar.gz"},
		"where only a later one fits":     {ref: "busybox:1.36", platform: "linux/arm64", paths: []string{dir}, archive: "c.tar"},
		"in the order of the paths":       {ref: "busybox:1.36", paths: []string{file("c.tar"), dir}, archive: "c.tar"},
		"another tag":                     {ref: "rancher/a:v2", paths: []string{file("a-first.tar.zst")}, missing: true, said: []string{"a-first.tar.zst has no image rancher/a:v2", "similar names are docker.io/rancher/a:v1"}},
		"another registry":                {ref: "example.com/b/b:v1", paths: []string{file("b"), file("c.tar")}, missing: true, said: []string{"none of 2 archives", "quay.io/b/b:v1"}, unsaid: []string{"rancher/a"}},
		"a slip of the pen":               {ref: "busybax:1.36", paths: []string{file("c.tar")}, missing: true, said: []string{"docker.io/library/busybox:1.36"}},
		"nothing like it":                 {ref: "rancher/kubernetes:v1", paths: []string{file("c.tar")}, missing: true, unsaid: []string{"similar"}},
		"a folder without archives":       {ref: "busybox", paths: []string{t.TempDir()}, missing: true, said: []string{"no file called *.tar"}},
		"a hidden archive":                {ref: "rancher/hidden:v1", paths: []string{dir}, missing: true},
		"another platform":                {ref: "rancher/a:v1", platform: "linux/arm64", paths: []string{file("a-first.tar.zst")}, missing: true, said: []string{"linux/arm64", "linux/amd64"}},
		"a broken archive, when all fail": {ref: "rancher/none:v1", paths: []string{dir}, missing: true, said: []string{"z-broken.tar.zst"}},
		"a path that is not there":        {ref: "busybox", paths: []string{file("nowhere")}, missing: true, said: []string{"nowhere"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var platform *v1.Platform
			if tt.platform != "" {
				p := imagetest.Platform(t, tt.platform)
				platform = &p
			}
			found, err := airgap.Find(t.Context(), airgaptest.Ref(t, tt.ref), platform, tt.paths)
			if (err != nil) != (tt.archive == "") || errors.Is(err, fs.ErrNotExist) != tt.missing {
				t.Fatalf("Find: %v", err)
			}
			if err != nil {
				for _, part := range tt.said {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("missing in error %q: %q", err, part)
					}
				}
				for _, part := range tt.unsaid {
					if strings.Contains(err.Error(), part) {
						t.Errorf("unexpected in error %q: %q", err, part)
					}
				}
				return
			}
			defer found.Close()
			if want := file(filepath.FromSlash(tt.archive)); found.Archive.Path() != want {
				t.Errorf("found in %s instead of %s", found.Archive.Path(), want)
			}
			tag, err := format.Tag(airgaptest.Ref(t, tt.ref))
			if err != nil {
				t.Fatal(err)
			}
			if want, err := format.Qualified(tag.Name()); err != nil || len(found.Image.Names) != 1 || found.Image.Names[0] != want {
				t.Errorf("found %v instead of %s (%v)", found.Image.Names, want, err)
			}
			img, err := found.Image.Image(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if entries := imagetest.LayerEntries(t, img); len(entries) != 1 || !strings.Contains(entries[0][1].Body, found.Image.Platform.String()) {
				t.Errorf("the image has other files: %v", entries)
			}
		})
	}
}

// Archives of other programs have several platforms under one name. One of them must then be
// requested, and Windows versions are never guessed.
func TestFindChoosesThePlatform(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.tar")
	airgaptest.LayoutTar(t, path, "quay.io/a/b:v1", imagetest.Index(t,
		airgaptest.Simple(t, "a/b:v1", "linux/amd64").Image, airgaptest.Simple(t, "a/b:v1", "linux/arm64").Image,
		airgaptest.Simple(t, "a/b:v1", "windows/amd64:10.0.17763.7919").Image, airgaptest.Simple(t, "a/b:v1", "windows/amd64:10.0.20348.4294").Image))
	tests := map[string]struct{ platform, want, said string }{
		"linux":                {platform: "linux/arm64", want: "linux/arm64"},
		"exact version":        {platform: "windows/amd64:10.0.20348.4294", want: "windows/amd64:10.0.20348.4294"},
		"the same build":       {platform: "windows/amd64:10.0.17763.1", want: "windows/amd64:10.0.17763.7919"},
		"no version":           {platform: "windows/amd64", said: "several are offered"},
		"a build not there":    {platform: "windows/amd64:10.0.26100.1", said: "no image for platform"},
		"no platform asked":    {said: "choose one of linux/amd64, linux/arm64, windows/amd64:10.0.17763.7919, windows/amd64:10.0.20348.4294"},
		"an architecture more": {platform: "linux/s390x", said: "linux/s390x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var platform *v1.Platform
			if tt.platform != "" {
				p := imagetest.Platform(t, tt.platform)
				platform = &p
			}
			found, err := airgap.Find(t.Context(), airgaptest.Ref(t, "quay.io/a/b:v1"), platform, []string{path})
			if tt.said != "" {
				if err == nil || !strings.Contains(err.Error(), tt.said) {
					t.Fatalf("missing in error %v: %q", err, tt.said)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer found.Close()
			if diff := cmp.Diff(imagetest.Platform(t, tt.want), found.Image.Platform); diff != "" {
				t.Errorf("another platform (-want +got):\n%s", diff)
			}
		})
	}
}

// An archive that cannot be read does not hide the image in the next one.
func TestFindGoesOnAfterABrokenArchive(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.tar"), []byte("no tar"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "b.tar.zst")
	airgaptest.PackOne(t, airgaptest.NewStore(t), good, airgaptest.Simple(t, "rancher/a:v1", "linux/amd64"))
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "aa.tar.zst"), raw[:60], 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := airgap.Find(t.Context(), airgaptest.Ref(t, "rancher/a:v1"), nil, []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	if found.Archive.Path() != good {
		t.Errorf("found in %s", found.Archive.Path())
	}
}

func TestFindEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	airgaptest.PackOne(t, airgaptest.NewStore(t), path, airgaptest.Simple(t, "rancher/a:v1", "linux/amd64"))
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	if _, err := airgap.Find(ctx, airgaptest.Ref(t, "rancher/a:v1"), nil, []string{path}); !errors.Is(err, reason) {
		t.Errorf("Find: %v", err)
	}
}

// A chart beside the images of a layout is omitted with a warning. If it is requested, the error
// names its type.
func TestArtifactsOfALayoutAreLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "layout.tar")
	linux := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": "a"}))
	airgaptest.LayoutTar(t, path, "example.com/acme/all:v1", mutate.AppendManifests(imagetest.Index(t, linux), mutate.IndexAddendum{Add: imagetest.Chart(t)}))
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var warned airgaptest.Warnings
	list, err := a.Images(progress.With(t.Context(), &warned))
	if err != nil || len(list) != 1 || len(warned.Said) != 1 || !strings.Contains(warned.Said[0], "example.com/acme/all:v1 is not an image but a Helm chart") {
		t.Errorf("%d images, %v; airgaptest.Warnings %q", len(list), err, warned.Said)
	}
	var log strings.Builder
	servetest.New(t, []*airgap.Archive{a}, serve.Options{Dir: t.TempDir(), Limit: 1 << 30, Log: func(line string) { log.WriteString(line) }})
	if !strings.Contains(log.String(), "a Helm chart") {
		t.Errorf("serve logs %q", log.String())
	}
	report := mustVerify(t, path, verify.Options{})
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0], "no manifest.json") || !strings.Contains(strings.Join(report.Notes, "\n"), "a Helm chart") {
		t.Errorf("problems %v, notes %v", report.Problems, report.Notes)
	}
	chart := filepath.Join(t.TempDir(), "chart.tar")
	airgaptest.LayoutTar(t, chart, "example.com/acme/chart:v1", mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: imagetest.Chart(t)}))
	if _, err := airgap.Find(t.Context(), airgaptest.Ref(t, "example.com/acme/chart:v1"), nil, []string{chart}); err == nil || !strings.Contains(err.Error(), "of example.com/acme/chart:v1 is not an image but a Helm chart") {
		t.Errorf("find: %v", err)
	}
}

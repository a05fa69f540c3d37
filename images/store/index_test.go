package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
)

func TestLookup(t *testing.T) {
	s := open(t, t.TempDir())
	var digests []v1.Hash
	for _, name := range []string{"docker.io/acme/tool:v1", "docker.io/library/busybox:1", "ghcr.io/acme/tool:v2", "ghcr.io/acme/other:v2"} {
		img := randomImage(t, 10, 1)
		if err := s.AddImage(t.Context(), img); err != nil {
			t.Fatal(err)
		}
		d := descriptor(t, img)
		digests = append(digests, d.Digest)
		if err := s.Tag(t.Context(), name, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what, name string
		want       int
		wrong      string
	}{
		{"the name itself", "docker.io/acme/tool:v1", 0, ""},
		{"a familiar name", "busybox:1", 1, ""},
		{"Docker Hub's other name", "index.docker.io/acme/tool:v1", 0, ""},
		{"a tag that one image has", "v1", 0, ""},
		{"a tag that two images have", "v2", 0, `"v2" names 2 images`},
		{"a missing name", "acme/none:v1", 0, "it has docker.io/acme/tool:v1, docker.io/library/busybox:1, ghcr.io/acme/other:v2, ghcr.io/acme/tool:v2"},
		{"no name among several images", "", 0, "has 4 images"},
	} {
		t.Run(c.what, func(t *testing.T) {
			d, err := s.Lookup(c.name)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("got %v, %v; want an error with %q", d.Digest, err, c.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Digest != digests[c.want] {
				t.Errorf("got %s, want %s", d.Digest, digests[c.want])
			}
		})
	}
	if _, err := s.Lookup("acme/none:v1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}
}

func TestATagMoves(t *testing.T) {
	s := open(t, t.TempDir())
	a, b := randomImage(t, 10, 1), randomImage(t, 10, 1)
	for _, img := range []v1.Image{a, b} {
		if err := s.AddImage(t.Context(), img); err != nil {
			t.Fatal(err)
		}
		if err := s.Tag(t.Context(), "docker.io/acme/tool:v1", descriptor(t, img)); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := s.Tags()
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Digest != descriptor(t, b).Digest {
		t.Errorf("entries are %v", entries)
	}
}

func TestSeveralNamesAreSetAtOnce(t *testing.T) {
	one, all := open(t, t.TempDir()), open(t, t.TempDir())
	var images []v1.Image
	for range 3 {
		images = append(images, randomImage(t, 10, 1))
	}
	tags := map[string]v1.Descriptor{}
	for _, s := range []*store.Store{one, all} {
		for _, img := range images {
			if err := s.AddImage(t.Context(), img); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"docker.io/acme/tool:v0", "docker.io/acme/tool:v9", ""} { // v0 is moved
			if err := s.Tag(t.Context(), name, descriptor(t, images[2])); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, img := range images {
		name := fmt.Sprintf("docker.io/acme/tool:v%d", i)
		tags[name] = descriptor(t, img)
		if err := one.Tag(t.Context(), name, tags[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := all.TagAll(t.Context(), tags); err != nil {
		t.Fatal(err)
	}
	if err := all.TagAll(t.Context(), nil); err != nil {
		t.Errorf("no names: %v", err)
	}
	if diff := cmp.Diff(readIndexFile(t, one), readIndexFile(t, all)); diff != "" {
		t.Errorf("one at a time and at once (-one +all):\n%s", diff)
	}
	before := readIndexFile(t, all)
	tags["docker.io/acme/tool:v4"], tags["docker.io/acme/tool:v5"] = tags["docker.io/acme/tool:v1"], descriptor(t, randomImage(t, 10, 1))
	if err := all.TagAll(t.Context(), tags); err == nil || !strings.Contains(err.Error(), "tagging docker.io/acme/tool:v5 in ") {
		t.Errorf("one of a missing image: %v", err)
	}
	if readIndexFile(t, all) != before {
		t.Error("some names were set")
	}
}

// readIndexFile returns index.json.
func readIndexFile(t *testing.T, s *store.Store) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.Dir(), "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTagOfAMissingManifestIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Tag(t.Context(), "docker.io/acme/tool:v1", descriptor(t, randomImage(t, 10, 1))); err == nil {
		t.Error("a missing image got a tag")
	}
}

func TestIndexDoesNotTellTheOrderOfTags(t *testing.T) {
	a, b := randomImage(t, 10, 1), randomImage(t, 10, 1)
	names := map[string]v1.Image{"docker.io/acme/a:v1": a, "docker.io/acme/b:v1": b}
	var written []string
	for _, order := range [][]string{{"docker.io/acme/a:v1", "docker.io/acme/b:v1"}, {"docker.io/acme/b:v1", "docker.io/acme/a:v1"}} {
		s := open(t, t.TempDir())
		for _, name := range order {
			if err := s.AddImage(t.Context(), names[name]); err != nil {
				t.Fatal(err)
			}
			if err := s.Tag(t.Context(), name, descriptor(t, names[name])); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := os.ReadFile(filepath.Join(s.Dir(), "index.json"))
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, string(raw))
	}
	if diff := cmp.Diff(written[0], written[1]); diff != "" {
		t.Errorf("index.json differs:\n%s", diff)
	}
}

func TestOpenLayout(t *testing.T) {
	t.Run("reads what another program wrote", func(t *testing.T) {
		dir := t.TempDir()
		p, err := layout.Write(dir, mustIndex(t))
		if err != nil {
			t.Fatal(err)
		}
		img := randomImage(t, 100, 2)
		if err := p.AppendImage(img, layout.WithAnnotations(map[string]string{images.RefNameAnnotation: "v1"})); err != nil {
			t.Fatal(err)
		}
		before := listing(t, dir)
		s, err := store.OpenLayout(dir)
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Lookup("v1")
		if err != nil {
			t.Fatal(err)
		}
		back, err := s.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		cache := open(t, t.TempDir())
		if err := cache.AddImage(t.Context(), back); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
			t.Errorf("reading changed the layout:\n%s", diff)
		}
	})
	t.Run("refuses a folder that is not a layout", func(t *testing.T) {
		dir := t.TempDir()
		if _, err := store.OpenLayout(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want one that wraps fs.ErrNotExist", err)
		}
		if got := listing(t, dir); len(got) > 1 {
			t.Errorf("it now has %v", got)
		}
	})
	t.Run("refuses another version", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"2.0.0"}`), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := store.OpenLayout(dir); err == nil || !strings.Contains(err.Error(), `"2.0.0"`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("writes nothing", func(t *testing.T) {
		dir := t.TempDir()
		open(t, dir)
		s, err := store.OpenLayout(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddImage(t.Context(), randomImage(t, 10, 1)); err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("AddImage: %v", err)
		}
	})
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		names = append(names, strings.TrimPrefix(path, dir)+" "+info.ModTime().String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestTaggingAgainChangesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	img := randomImage(t, 10, 1)
	if err := s.AddImage(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	var before os.FileInfo
	for range 2 {
		for _, name := range []string{"docker.io/acme/tool:v1", ""} {
			if err := s.Tag(t.Context(), name, descriptor(t, img)); err != nil {
				t.Fatal(err)
			}
		}
		now, err := os.Stat(filepath.Join(s.Dir(), "index.json"))
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !os.SameFile(before, now) {
			t.Error("index.json was rewritten without a change")
		}
		before = now
	}
	tags, err := s.Tags()
	if err != nil {
		t.Fatal(err)
	}
	if len(tags) != 2 || tags[0].Annotations[images.RefNameAnnotation] != "" || tags[1].Annotations[images.RefNameAnnotation] != "docker.io/acme/tool:v1" {
		t.Errorf("got %+v, want one entry without a name and one with", tags)
	}
}

// After a power failure, index.json is the old or the new one: the new content is on the disk
// before the rename.
func TestTheIndexIsOnTheDiskBeforeItsName(t *testing.T) {
	s := open(t, t.TempDir())
	name := filepath.Join(s.Dir(), "index.json")
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var flushed [][]byte
	s.OnFlush(func(f *os.File) error {
		if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, before) {
			t.Errorf("when its content is synced, index.json is %q, %v", now, err)
		}
		raw, err := os.ReadFile(f.Name())
		flushed = append(flushed, raw)
		return errors.Join(err, f.Sync())
	})
	if err := writeTagged(t.Context(), s, "docker.io/acme/a:v1", 1); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(flushed) != 1 || !bytes.Equal(flushed[0], after) || bytes.Equal(before, after) {
		t.Errorf("%d files were synced, want only index.json", len(flushed))
	}
	// If the disk fails, the old content is kept.
	full := errors.New("input/output error")
	s.OnFlush(func(*os.File) error { return full })
	if err := writeTagged(t.Context(), s, "docker.io/acme/b:v1", 2); !errors.Is(err, full) {
		t.Errorf("a failed sync is %v", err)
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, after) {
		t.Errorf("index.json is %q, %v", now, err)
	}
}

package store_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func descriptor(t *testing.T, d partial.Describable) v1.Descriptor {
	t.Helper()
	desc, err := partial.Descriptor(d)
	if err != nil {
		t.Fatal(err)
	}
	return *desc
}

func randomImage(t *testing.T, size int64, layers int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, layers)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestAnImageComesBackAsItWentIn(t *testing.T) {
	s := open(t, t.TempDir())
	img := randomImage(t, 5000, 3)
	if err := s.AddImage(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	back, err := s.Image(descriptor(t, img).Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(back); err != nil {
		t.Error(err)
	}
	want, _ := img.RawManifest()
	got, _ := back.RawManifest()
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("manifest differs (-want +got):\n%s", diff)
	}
}

func TestAnIndexComesBackWithItsChildren(t *testing.T) {
	s := open(t, t.TempDir())
	inner, err := random.Index(1000, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	idx := mutate.AppendManifests(inner, mutate.IndexAddendum{Add: randomImage(t, 300, 1)})
	if err := s.AddIndex(t.Context(), idx); err != nil {
		t.Fatal(err)
	}
	back, err := s.Index(descriptor(t, idx).Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(back); err != nil {
		t.Error(err)
	}
}

func TestOthersReadTheLayout(t *testing.T) {
	s := open(t, t.TempDir())
	// skopeo ignores Docker's media types in a layout.
	img := mutate.MediaType(randomImage(t, 2000, 2), types.OCIManifestSchema1)
	if err := s.AddImage(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(t.Context(), "docker.io/acme/tool:v1", descriptor(t, img)); err != nil {
		t.Fatal(err)
	}
	t.Run("go-containerregistry", func(t *testing.T) {
		p, err := layout.FromPath(s.Dir())
		if err != nil {
			t.Fatal(err)
		}
		read, err := p.Image(descriptor(t, img).Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(read); err != nil {
			t.Error(err)
		}
	})
	t.Run("skopeo", func(t *testing.T) {
		out, err := exec.Command(imagetest.Program(t, "skopeo"), "inspect", "--raw", "oci:"+s.Dir()+":docker.io/acme/tool:v1").CombinedOutput()
		if err != nil {
			t.Fatalf("skopeo inspect: %v\n%s", err, out)
		}
		want, _ := img.RawManifest()
		if diff := cmp.Diff(string(want), string(out)); diff != "" {
			t.Errorf("manifest differs (-want +got):\n%s", diff)
		}
	})
}

func TestPutVerifies(t *testing.T) {
	content := []byte("the content of a blob")
	h, size, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	right := v1.Descriptor{Digest: h, Size: size}
	for _, c := range []struct {
		name    string
		content string
		wrong   string // part of the error
	}{
		{"right content", string(content), ""},
		{"a flipped byte", "the content of a blub", "the content has digest sha256:"},
		{"too short", "the content", "received 11 of its 21 bytes"},
		{"too long", string(content) + "!", "received more than its 21 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			err := s.Put(t.Context(), right, strings.NewReader(c.content))
			if c.wrong == "" {
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(s.Path(h))
				if err != nil || string(got) != c.content {
					t.Errorf("read %q, %v", got, err)
				}
				return
			}
			var wrong *store.ContentError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("got error %v, want a ContentError with %q", err, c.wrong)
			}
			if s.Has(h) {
				t.Error("the wrong content became a blob")
			}
			wantNoLeftovers(t, s)
		})
	}
}

// wantNoLeftovers checks that no temporary file remains.
func wantNoLeftovers(t *testing.T, s *store.Store) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir(), ".slipway", "ingest"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left over: %s", e.Name())
	}
}

func TestAMissingBlobIsErrNotExist(t *testing.T) {
	s := open(t, t.TempDir())
	h := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	for name, err := range map[string]error{
		"Open":  func() error { _, err := s.Open(h); return err }(),
		"Image": func() error { _, err := s.Image(h); return err }(),
		"Index": func() error { _, err := s.Index(h); return err }(),
		"Info":  func() error { _, err := s.Info(t.Context(), h); return err }(),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want one that wraps fs.ErrNotExist", name, err)
		}
		if err != nil && strings.Count(err.Error(), h.Hex) == 0 {
			t.Errorf("%s: %v does not name the blob", name, err)
		}
	}
}

func TestADamagedBlobIsFoundAndRemoved(t *testing.T) {
	damage := map[string]func(path string) error{
		"flipped byte": func(path string) error {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw[len(raw)/2] ^= 1
			return os.WriteFile(path, raw, 0o644)
		},
		"cut": func(path string) error { return os.Truncate(path, 10) },
	}
	for name, damage := range damage {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			img := randomImage(t, 5000, 1)
			if err := s.AddImage(t.Context(), img); err != nil {
				t.Fatal(err)
			}
			back, err := s.Image(descriptor(t, img).Digest)
			if err != nil {
				t.Fatal(err)
			}
			layers, err := back.Layers()
			if err != nil {
				t.Fatal(err)
			}
			h := descriptor(t, layers[0]).Digest
			if err := os.Chmod(s.Path(h), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := damage(s.Path(h)); err != nil {
				t.Fatal(err)
			}
			r, err := layers[0].Compressed()
			if err == nil {
				_, err = io.Copy(io.Discard, r)
				r.Close()
			}
			var wrong *store.ContentError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), s.Path(h)) {
				t.Errorf("got error %v, want a ContentError that names %s", err, s.Path(h))
			}
			if s.Has(h) {
				t.Error("the damaged blob is still there")
			}
			// The next run restores it.
			if err := s.AddImage(t.Context(), img); err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(back); err != nil {
				t.Error(err)
			}
		})
	}
}

func randSource(seed int) rand.Source { return rand.NewSource(int64(seed)) }

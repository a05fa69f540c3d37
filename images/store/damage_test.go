package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/images/store/files"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// warnings is a sink that keeps warnings.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (*warnings) Started(*progress.Task)         {}
func (*warnings) Line(*progress.Task, string)    {}
func (*warnings) Finished(*progress.Task, error) {}
func (w *warnings) Warning(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, message)
}

// watched returns a context, and the warnings in it.
func watched(t *testing.T) (context.Context, *warnings) {
	w := &warnings{}
	return progress.With(t.Context(), w), w
}

// harms are ways to damage a file. Each changes the file.
var harms = []struct {
	name string
	do   func(path string, content []byte) error
}{
	{"a bit flipped", func(path string, content []byte) error {
		content[len(content)/2] ^= 0x10
		return rewrite(path, content)
	}},
	{"the first byte changed", func(path string, content []byte) error {
		content[0]++
		return rewrite(path, content)
	}},
	{"cut", func(path string, content []byte) error { return rewrite(path, content[:len(content)/2]) }},
	{"extended", func(path string, content []byte) error { return rewrite(path, append(content, 'x')) }},
	{"emptied", func(path string, _ []byte) error { return rewrite(path, nil) }},
	{"zeroed", func(path string, content []byte) error { return rewrite(path, make([]byte, len(content))) }},
	{"a folder in its place", func(path string, _ []byte) error {
		return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "folder"), 0o755))
	}},
	{"unreadable", func(path string, _ []byte) error { return os.Chmod(path, 0) }},
}

// rewrite writes content to an existing file, whatever its mode.
func rewrite(path string, content []byte) error {
	return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, content, 0o600))
}

// harm damages a file. It reports whether reading the file has a different result: root can read
// everything.
func harm(t *testing.T, path string, do func(string, []byte) error) bool {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := do(path, bytes.Clone(content)); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	return err != nil || !bytes.Equal(now, content)
}

func TestDamagedFilesAreMadeAnew(t *testing.T) {
	content := func(w io.Writer) error { return words(w, 7, 300<<10) }
	for _, kind := range []struct {
		name string
		// use makes or finds content, and returns its bytes and its file.
		use func(ctx context.Context, s *store.Store) ([]byte, string, error)
	}{
		{"a derived file", func(ctx context.Context, s *store.Store) ([]byte, string, error) {
			path, err := s.Derived(ctx, "frame", "key", content)
			if err != nil {
				return nil, "", err
			}
			raw, err := os.ReadFile(path)
			return raw, path, err
		}},
		{"a derived file that is copied", func(ctx context.Context, s *store.Store) ([]byte, string, error) {
			var out bytes.Buffer
			var file *files.File
			err := files.Mend(ctx, func() (err error) {
				out.Reset()
				if file, err = s.DerivedFile(ctx, "frame", "key", content); err != nil {
					return err
				}
				return file.CopyTo(ctx, &out)
			})
			return out.Bytes(), file.Path(), err
		}},
		{"a made layer", func(ctx context.Context, s *store.Store) ([]byte, string, error) {
			return useLayer(ctx, s, func(l v1.Layer) ([]byte, error) {
				r, err := l.Uncompressed()
				if err != nil {
					return nil, err
				}
				defer r.Close()
				return io.ReadAll(r)
			})
		}},
		{"a layer's file", func(ctx context.Context, s *store.Store) ([]byte, string, error) {
			return useLayer(ctx, s, func(l v1.Layer) ([]byte, error) {
				f, err := l.(store.FileLayer).Open(ctx)
				if err != nil {
					return nil, err
				}
				defer f.Close()
				return io.ReadAll(f)
			})
		}},
		{"a layer that another store links", func(ctx context.Context, s *store.Store) ([]byte, string, error) {
			return useLayer(ctx, s, func(l v1.Layer) ([]byte, error) {
				other, err := store.Open(filepath.Join(s.Dir(), "other"))
				if err != nil {
					return nil, err
				}
				defer os.RemoveAll(other.Dir())
				defer other.Close()
				img, err := images.Compose(images.Format{}, []byte(`{"architecture":"amd64","os":"linux"}`), []images.DescribedLayer{{Layer: l, Descriptor: mustDescribe(l)}})
				if err != nil {
					return nil, err
				}
				if err := other.AddImage(ctx, img); err != nil {
					return nil, err
				}
				return os.ReadFile(other.Path(mustDescribe(l).Digest))
			})
		}},
	} {
		for _, h := range harms {
			t.Run(kind.name+" "+h.name, func(t *testing.T) {
				dir := t.TempDir()
				want, path, err := kind.use(t.Context(), open(t, dir))
				if err != nil {
					t.Fatal(err)
				}
				worse := harm(t, path, h.do)
				ctx, warned := watched(t)
				got, path, err := kind.use(ctx, open(t, dir))
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes instead of %d, and %v", len(got), len(want), err)
				}
				if said := strings.Join(warned.said, "\n"); worse && !strings.Contains(said, path) {
					t.Errorf("no warning names %s: %q", path, said)
				}
				ctx, warned = watched(t)
				if got, _, err = kind.use(ctx, open(t, dir)); err != nil || !bytes.Equal(got, want) || len(warned.said) > 0 {
					t.Errorf("it was not mended: %v %q", err, warned.said)
				}
			})
		}
	}
}

// useLayer makes or finds a layer, and reads it.
func useLayer(ctx context.Context, s *store.Store, read func(v1.Layer) ([]byte, error)) (got []byte, path string, err error) {
	err = files.Mend(ctx, func() error {
		l, err := s.Layer(ctx, "key", images.Compression{}, func(w io.Writer) error { return tarball(w, 5, 200<<10) })
		if err != nil {
			return err
		}
		path = s.Path(mustDescribe(l).Digest)
		got, err = read(l)
		return err
	})
	return got, path, err
}

func mustDescribe(l v1.Layer) v1.Descriptor {
	d, err := l.(interface {
		Descriptor() (*v1.Descriptor, error)
	}).Descriptor()
	if err != nil {
		panic(err)
	}
	return *d
}

// A file of the right form but for another key is damage, too.
func TestAFileOfAnotherKeyIsDamage(t *testing.T) {
	dir := t.TempDir()
	ctx, warned := watched(t)
	s := open(t, dir)
	var derived, records []string
	for _, key := range []string{"a", "b"} {
		path, err := s.Derived(ctx, "frame", key, func(w io.Writer) error { return words(w, uint64(key[0]), 1<<10) })
		if err != nil {
			t.Fatal(err)
		}
		derived = append(derived, path)
		if err := s.SetRecord("test", key, []byte("value "+key)); err != nil {
			t.Fatal(err)
		}
	}
	filepath.WalkDir(filepath.Join(dir, ".slipway", "records", "test"), func(path string, e fs.DirEntry, err error) error {
		if !e.IsDir() {
			records = append(records, path)
		}
		return err
	})
	for _, pair := range [][]string{derived, records} {
		raw, err := os.ReadFile(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := rewrite(pair[0], raw); err != nil {
			t.Fatal(err)
		}
	}
	if path, err := s.Derived(ctx, "frame", "a", func(w io.Writer) error { return words(w, 'a', 1<<10) }); err != nil || path != derived[0] {
		t.Error(path, err)
	}
	found := 0
	for _, key := range []string{"a", "b"} {
		if got, ok := s.Record(ctx, "test", key); ok {
			found++
			if string(got) != "value "+key {
				t.Errorf("record %s is %q", key, got)
			}
		}
	}
	if found != 1 || len(warned.said) != 2 {
		t.Errorf("%d of 2 records remain, and the warnings are %q", found, warned.said)
	}
}

func TestDamagedRecordsAreForgotten(t *testing.T) {
	for _, h := range harms {
		t.Run(h.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			if err := s.SetRecord("test", "key", []byte("some value")); err != nil {
				t.Fatal(err)
			}
			var path string
			filepath.WalkDir(filepath.Join(s.Dir(), ".slipway", "records", "test"), func(p string, e fs.DirEntry, err error) error {
				if !e.IsDir() {
					path = p
				}
				return err
			})
			if !harm(t, path, h.do) {
				t.Skip("this user reads files of mode 0")
			}
			ctx, warned := watched(t)
			if got, ok := s.Record(ctx, "test", "key"); ok {
				t.Errorf("a damaged record is read as %q", got)
			}
			if len(warned.said) != 1 || !strings.Contains(warned.said[0], path) {
				t.Errorf("warnings %q", warned.said)
			}
			if err := s.SetRecord("test", "key", []byte("another")); err != nil {
				t.Fatal(err)
			}
			if got, ok := s.Record(ctx, "test", "key"); !ok || string(got) != "another" {
				t.Errorf("the record is %q, %v", got, ok)
			}
		})
	}
}

// A failure that does not depend on the file removes nothing.
func TestOnlyDamageRemovesFiles(t *testing.T) {
	s := open(t, t.TempDir())
	f, err := s.DerivedFile(t.Context(), "frame", "key", func(w io.Writer) error { return words(w, 1, 3<<20) })
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left")
	if err := f.CopyTo(t.Context(), writerFunc(func([]byte) (int, error) { return 0, full })); err != full {
		t.Errorf("a full disk is %v", err)
	}
	if err := f.CopyTo(ended(t), io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt is %v", err)
	}
	if err := f.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestMendEnds(t *testing.T) {
	damage := func(path string) error {
		return fmt.Errorf("reading: %w", errors.Join(errors.New("other"), &files.DamagedError{Path: path, Reason: errors.New("a bit")}))
	}
	lasting := errors.New("not to be mended")
	for _, c := range []struct {
		name  string
		fails []error
		calls int
		want  string
		warns int
	}{
		{"nothing wrong", nil, 1, "", 0},
		{"two files, one after the other", []error{damage("a"), damage("b")}, 3, "", 2},
		{"a failing disk", []error{damage("a"), damage("a"), damage("a")}, 2, "removed damaged a", 1},
		{"another failure", []error{lasting}, 1, "not to be mended", 0},
		{"damage that cannot be made good", []error{damage("a"), lasting}, 2, "not to be mended", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, warned := watched(t)
			calls := 0
			err := files.Mend(ctx, func() error {
				calls++
				if calls <= len(c.fails) {
					return c.fails[calls-1]
				}
				return nil
			})
			if calls != c.calls || len(warned.said) != c.warns || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d calls, warnings %q, error %v", calls, warned.said, err)
			}
			// A caller may mend damage that do could not.
			var damaged *files.DamagedError
			if c.warns > 0 && err != nil && !errors.As(err, &damaged) {
				t.Error("the error does not wrap the damage")
			}
		})
	}
}

// A damaged index.json is restored from its copy. Changes by other programs are kept.
func TestADamagedIndexIsMended(t *testing.T) {
	tagged := func(t *testing.T, s *store.Store, name string, i int) {
		t.Helper()
		if err := writeTagged(t.Context(), s, name, i); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		do   func(index string) string // "" means a folder
		want []string
		warn bool
	}{
		{"unharmed", func(s string) string { return s }, []string{"a", "b", "c"}, false},
		{"cut", func(s string) string { return s[:len(s)/2] }, []string{"a", "b", "c"}, true},
		{"empty", func(string) string { return " " }, []string{"a", "b", "c"}, true},
		{"a folder", func(string) string { return "" }, []string{"a", "b", "c"}, true},
		{"a damaged name", func(s string) string { return strings.ReplaceAll(s, "docker.io/acme/a:v1", "docker.io/acme/q:v1") }, []string{"a", "b", "c"}, true},
		{"a damaged size", func(s string) string { return strings.Replace(s, `"size": `, `"size": 1`, 1) }, []string{"a", "b", "c"}, true},
		{"a damaged digest", func(s string) string {
			i := strings.Index(s, "sha256:") + len("sha256:")
			return s[:i] + strings.Repeat("0", 8) + s[i+8:]
		}, []string{"a", "b", "c"}, true},
		{"written in another way", func(s string) string { return strings.ReplaceAll(s, "\n", "\n ") }, []string{"a", "b", "c"}, true},
		{"emptied by another program", func(string) string { return `{"schemaVersion": 2, "manifests": []}` }, []string{"c"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			tagged(t, s, "docker.io/acme/a:v1", 1)
			tagged(t, s, "docker.io/acme/b:v1", 2)
			index := filepath.Join(s.Dir(), "index.json")
			raw, err := os.ReadFile(index)
			if err != nil {
				t.Fatal(err)
			}
			if text := c.do(string(raw)); text != "" {
				err = os.WriteFile(index, []byte(text), 0o644)
			} else {
				err = errors.Join(os.Remove(index), os.Mkdir(index, 0o755))
			}
			if err != nil {
				t.Fatal(err)
			}
			ctx, warned := watched(t)
			s = open(t, s.Dir())
			if err := writeTagged(ctx, s, "docker.io/acme/c:v1", 3); err != nil {
				t.Fatal(err)
			}
			other, err := store.OpenLayout(s.Dir())
			if err != nil {
				t.Fatal(err)
			}
			entries, err := other.Tags()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, d := range entries {
				name := strings.TrimPrefix(d.Annotations[images.RefNameAnnotation], "docker.io/acme/")
				names = append(names, strings.TrimSuffix(name, ":v1"))
				if _, err := other.Image(d.Digest); err != nil {
					t.Error(err)
				}
			}
			if strings.Join(names, " ") != strings.Join(c.want, " ") || (len(warned.said) > 0) != c.warn {
				t.Errorf("names %q, want %q; warnings %q", names, c.want, warned.said)
			}
		})
	}
}

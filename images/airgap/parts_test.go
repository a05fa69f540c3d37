package airgap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// split packs images in parts of no more bytes than each, and returns the path of
// the whole.
func split(t testing.TB, codec format.Codec, each int64, all ...Image) (string, Result) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images."+string(codec))
	results, err := Pack(t.Context(), newStore(t), all, []Output{{Path: path, Split: each}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return path, results[0]
}

func join(t testing.TB, parts []string) []byte {
	t.Helper()
	var all []byte
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestPackInPartsHasTheBytesOfOneFile(t *testing.T) {
	all := sampleImages(t)
	for codec, whole := range pack(t, newStore(t), all, Options{}) {
		want, err := os.ReadFile(whole)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(len(want))
		// Ends of parts in the middle of anything, and right at the end.
		sizes := []int64{size/7 + 1, size / 2, size - 1, (size + 998) / 999}
		if testing.Short() {
			sizes = sizes[:1]
		}
		for _, each := range sizes {
			t.Run(fmt.Sprintf("%s by %d", codec, each), func(t *testing.T) {
				path, result := split(t, codec, each, all...)
				if got := join(t, result.Parts); !bytes.Equal(got, want) {
					t.Error("the parts joined are not the archive")
				}
				count := int((size + each - 1) / each)
				if len(result.Parts) != count || result.Size != size {
					t.Errorf("%d parts of %d bytes instead of %d of %d", len(result.Parts), result.Size, count, size)
				}
				for _, p := range result.Parts {
					info, err := os.Stat(p)
					if err != nil {
						t.Fatal(err)
					}
					if info.Size() > each {
						t.Errorf("%s has %d bytes, over %d", p, info.Size(), each)
					}
				}
				if got := len(filesIn(t, filepath.Dir(path))); got != count+1 {
					t.Errorf("%d files were written instead of %d parts and their digests", got, count)
				}
			})
		}
	}
}

func TestPackWritesOneFileIfItFits(t *testing.T) {
	path, result := split(t, format.Zstd, 1<<30, gzipImages(t)...)
	if diff := cmp.Diff([]string{filepath.Base(path)}, filesIn(t, filepath.Dir(path))); diff != "" {
		t.Errorf("other files (-want +got):\n%s", diff)
	}
	if result.Parts != nil || result.Checksums != "" {
		t.Errorf("the result has parts %q and checksums %q", result.Parts, result.Checksums)
	}
}

// What a person does with parts who has nothing but a shell.
func TestShellChecksAndJoinsParts(t *testing.T) {
	for _, program := range []string{"sh", "cat", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	path, result := split(t, format.Zstd, 20_000, sampleImages(t)...)
	want := join(t, result.Parts)
	cmd := exec.Command("sh", "-ec", `
		sha256sum -c --ignore-missing --strict "$1.sha256"
		cat "$1".part* > "$1"
		sha256sum -c --strict "$1.sha256"`, "sh", filepath.Base(path))
	cmd.Dir = filepath.Dir(path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("cat makes something else of the parts")
	}
}

func TestReadersTakePartsAsTheyLie(t *testing.T) {
	all := sampleImages(t)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			path, result := split(t, codec, 9_999, all...)
			for _, name := range []string{path, result.Parts[0], result.Parts[2]} {
				a, err := Open(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				if a.Size() != result.Size || a.Path() != path || a.Codec() != codec {
					t.Errorf("Open(%s) is %s, %s, %d bytes", name, a.Path(), a.Codec(), a.Size())
				}
				list, err := a.Images(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(list) != len(all) {
					t.Errorf("%d images instead of %d", len(list), len(all))
				}
			}
			dir := filepath.Dir(path)
			for _, paths := range [][]string{{dir}, {path}, result.Parts} {
				files, err := ListArchives(paths)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{path}, files); diff != "" {
					t.Errorf("ListArchives(%q) (-want +got):\n%s", paths, diff)
				}
			}
			found, err := Find(t.Context(), ref(t, "rancher/runtime:v1.34.1-r1"), nil, []string{dir})
			if err != nil {
				t.Fatal(err)
			}
			defer found.Close()
			img, err := found.Image.Image(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range layers {
				r, err := l.Compressed()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Error(err)
				}
				r.Close()
			}
		})
	}
}

func TestWholeFileReadsLikeOne(t *testing.T) {
	dir := t.TempDir()
	want := []byte(words(1, 10_000))
	for n := range 4 {
		if err := os.WriteFile(format.PartPath(filepath.Join(dir, "x"), n+1), want[n*2999:min(len(want), (n+1)*2999)], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w, err := format.OpenFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := iotest.TestReader(io.NewSectionReader(w, 0, w.Size()), want); err != nil {
		t.Error(err)
	}
}

func TestOpenSaysWhatPartsLack(t *testing.T) {
	at := func(path string, n int) string { return format.PartPath(path, n) }
	for _, c := range []struct {
		name   string
		damage func(path string, last int) error
		want   string
	}{
		{"no first part", func(path string, _ int) error { return os.Remove(at(path, 1)) }, "these are missing: images.tar.part001"},
		{"two in the middle", func(path string, _ int) error { return errors.Join(os.Remove(at(path, 3)), os.Remove(at(path, 2))) },
			"these are missing: images.tar.part002, images.tar.part003"},
		{"no last part", func(path string, last int) error { return os.Remove(at(path, last)) }, "these are missing: images.tar.part0"},
		{"one cut off", func(path string, _ int) error { return os.Truncate(at(path, 2), 777) }, "part images.tar.part002 has 777 bytes, and images.tar.part001 has 100000"},
		{"one too many", func(path string, last int) error { return os.WriteFile(at(path, last+1), nil, 0o644) }, "is not one of its parts: images.tar.sha256 lists"},
		{"digests of nothing", func(path string, _ int) error {
			return os.WriteFile(path+".sha256", []byte("abc  images.tar.part001\n"), 0o644)
		}, "images.tar.sha256:1: want the SHA-256 of images.tar.part001"},
		{"nothing at all", func(path string, last int) error {
			var errs []error
			for n := range last {
				errs = append(errs, os.Remove(at(path, n+1)))
			}
			return errors.Join(errs...)
		}, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, result := split(t, format.Tar, 100_000, gzipImages(t)...)
			if err := c.damage(path, len(result.Parts)); err != nil {
				t.Fatal(err)
			}
			a, err := Open(t.Context(), path)
			if err == nil {
				a.Close()
			}
			if c.name == "nothing at all" && errors.Is(err, fs.ErrNotExist) {
				return // whose words are the system's
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
		})
	}
}

// What Pack writes takes the place of what was there under the name, be it a file
// or more parts or fewer.
func TestPackReplacesParts(t *testing.T) {
	content, all := newStore(t), gzipImages(t)
	path := filepath.Join(t.TempDir(), "images.tar.gz")
	var want []byte
	for _, each := range []int64{0, 3_000, 30_000, 2_000, 0} {
		results, err := Pack(t.Context(), content, all, []Output{{Path: path, Split: each}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		files := []string{filepath.Base(path)}
		if each > 0 {
			files = []string{}
			for _, p := range append(results[0].Parts, results[0].Checksums) {
				files = append(files, filepath.Base(p))
			}
		}
		if diff := cmp.Diff(files, filesIn(t, filepath.Dir(path))); diff != "" {
			t.Fatalf("by %d, other files (-want +got):\n%s", each, diff)
		}
		a, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(a.file, 0, a.size))
		a.Close()
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("by %d, it reads as another archive", each)
		}
	}
}

func TestPackRefusesSplits(t *testing.T) {
	for _, c := range []struct {
		each int64
		want string
	}{
		{-1, "parts of -1 bytes"},
		{100, "at most 999 are written, so let a part have"},
	} {
		path := filepath.Join(t.TempDir(), "images.tar")
		_, err := Pack(t.Context(), newStore(t), gzipImages(t), []Output{{Path: path, Split: c.each}}, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("split by %d: got %v, want …%s…", c.each, err, c.want)
		}
		if left := filesIn(t, filepath.Dir(path)); len(left) > 0 {
			t.Errorf("split by %d left %q", c.each, left)
		}
	}
}

// A countdown is a context that ends after it was asked a number of times, so that
// a test ends the work at each of its steps, whatever the machine's speed.
type countdown struct {
	context.Context
	left atomic.Int64
}

func newCountdown(ctx context.Context, asked int64) *countdown {
	c := &countdown{Context: ctx}
	c.left.Store(asked)
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return c.Context.Err()
}

func TestInterruptedSplitLeavesNothing(t *testing.T) {
	raw := bytes.Repeat([]byte(words(3, 1000)), 1000)
	for asked := int64(0); ; asked++ {
		dir := t.TempDir()
		final := filepath.Join(dir, "images.tar")
		s, err := newSpool(final, int64(len(raw)), 300_000)
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.at(0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		err = s.commit(newCountdown(t.Context(), asked))
		s.discard()
		if err == nil {
			if asked == 0 {
				t.Error("nobody asked the context")
			}
			sum := sha256.Sum256(raw)
			list, err := os.ReadFile(final + ".sha256")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(strings.Split(string(list), "\n"), fmt.Sprintf("%x  images.tar", sum)) {
				t.Errorf("the whole is not in\n%s", list)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if left := filesIn(t, dir); len(left) > 0 {
			t.Fatalf("interrupted after %d steps, it left %q", asked, left)
		}
	}
}

// A split that ends half-way, for whatever reason, leaves nothing that looks whole: the
// first part is the first to go and the last to come.
func TestSplitThatFailsLeavesNoFirstPart(t *testing.T) {
	all := sampleImages(t)
	path, before := split(t, format.Zstd, 20_000, all...)
	if len(before.Parts) < 3 {
		t.Fatalf("%d parts, want several", len(before.Parts))
	}
	// A folder that is not empty cannot be replaced by a file.
	second := before.Parts[1]
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(second, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Pack(t.Context(), newStore(t), all[:1], []Output{{Path: path, Split: before.Size / 8}}, Options{})
	if err == nil {
		t.Fatal("a part took the place of a folder")
	}
	if _, err := os.Stat(before.Parts[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first part is there: %v", err)
	}
	if a, err := Open(t.Context(), path); err == nil {
		a.Close()
		t.Error("what is left can be opened")
	}
}

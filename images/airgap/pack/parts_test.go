package pack_test

import (
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"

	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

func TestPackInPartsHasTheBytesOfOneFile(t *testing.T) {
	all := airgaptest.SampleImages(t)
	for codec, whole := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{}) {
		want, err := os.ReadFile(whole)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(len(want))
		// Parts that end at arbitrary places, and exactly at the end.
		sizes := []int64{size/7 + 1, size / 2, size - 1, (size + 998) / 999}
		if testing.Short() {
			sizes = sizes[:1]
		}
		for _, each := range sizes {
			t.Run(fmt.Sprintf("%s by %d", codec, each), func(t *testing.T) {
				path, result := airgaptest.Split(t, codec, each, all...)
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
				if got := len(airgaptest.FilesIn(t, filepath.Dir(path))); got != count+1 {
					t.Errorf("%d files were written instead of %d parts and their digests", got, count)
				}
			})
		}
	}
}

func TestPackWritesOneFileIfItFits(t *testing.T) {
	path, result := airgaptest.Split(t, format.Zstd, 1<<30, airgaptest.GzipImages(t)...)
	if diff := cmp.Diff([]string{filepath.Base(path)}, airgaptest.FilesIn(t, filepath.Dir(path))); diff != "" {
		t.Errorf("other files (-want +got):\n%s", diff)
	}
	if result.Parts != nil || result.Checksums != "" {
		t.Errorf("the result has parts %q and checksums %q", result.Parts, result.Checksums)
	}
}

// A person with only a shell can check and join parts.
func TestShellChecksAndJoinsParts(t *testing.T) {
	for _, program := range []string{"sh", "cat", "sha256sum"} {
		imagetest.Program(t, program)
	}
	path, result := airgaptest.Split(t, format.Zstd, 20_000, airgaptest.SampleImages(t)...)
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
		t.Error("joined by cat, the parts differ")
	}
}

// Pack replaces an existing archive with the same name, whether it is one file, or has more or
// fewer parts.
func TestPackReplacesParts(t *testing.T) {
	content, all := airgaptest.NewStore(t), airgaptest.GzipImages(t)
	path := filepath.Join(t.TempDir(), "images.tar.gz")
	var want []byte
	for _, each := range []int64{0, 3_000, 30_000, 2_000, 0} {
		results, err := pack.Write(t.Context(), content, all, []pack.Output{{Path: path, Split: each}}, pack.Options{})
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
		if diff := cmp.Diff(files, airgaptest.FilesIn(t, filepath.Dir(path))); diff != "" {
			t.Fatalf("by %d, other files (-want +got):\n%s", each, diff)
		}
		f, err := format.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		f.Close()
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
		_, err := pack.Write(t.Context(), airgaptest.NewStore(t), airgaptest.GzipImages(t), []pack.Output{{Path: path, Split: c.each}}, pack.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("split by %d: got %v, want …%s…", c.each, err, c.want)
		}
		if left := airgaptest.FilesIn(t, filepath.Dir(path)); len(left) > 0 {
			t.Errorf("split by %d left %q", c.each, left)
		}
	}
}

// If writing a split archive fails at any point, nothing remains that looks complete: the first
// part is removed first and written last.
func TestSplitThatFailsLeavesNoFirstPart(t *testing.T) {
	all := airgaptest.SampleImages(t)
	path, before := airgaptest.Split(t, format.Zstd, 20_000, all...)
	if len(before.Parts) < 3 {
		t.Fatalf("%d parts, want several", len(before.Parts))
	}
	// A file cannot replace a folder that is not empty.
	second := before.Parts[1]
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(second, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := pack.Write(t.Context(), airgaptest.NewStore(t), all[:1], []pack.Output{{Path: path, Split: before.Size / 8}}, pack.Options{})
	if err == nil {
		t.Fatal("a part replaced a folder")
	}
	if _, err := os.Stat(before.Parts[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first part exists: %v", err)
	}
	if a, err := airgap.Open(t.Context(), path); err == nil {
		a.Close()
		t.Error("the remaining files can be opened")
	}
}

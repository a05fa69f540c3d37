package publish

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/fileop"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write writes files whose content is their name, and returns their paths.
func write(t *testing.T, names ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for _, name := range names {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, []byte("content of "+name), 0o600))
		files = append(files, file)
	}
	return files
}

func TestCopy(t *testing.T) {
	files := write(t, "a.tar.zst", "b.zip", "tool", "sha256sum-amd64.txt")
	must(t, os.Chmod(files[2], 0o700))
	dir := filepath.Join(t.TempDir(), "new", "folder")
	must(t, Copy(t.Context(), dir, files))

	// Equal files are kept, different ones are replaced, and missing ones are added.
	past := time.Unix(1000, 0)
	must(t, os.Chtimes(filepath.Join(dir, "a.tar.zst"), past, past))
	must(t, os.WriteFile(filepath.Join(dir, "b.zip"), []byte("CONTENT of b.zip"), 0o600))
	must(t, os.Remove(filepath.Join(dir, "tool")))
	must(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o600))
	must(t, Copy(t.Context(), dir, files))
	for _, file := range files {
		name := filepath.Base(file)
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != "content of "+name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "a.tar.zst"))
	must(t, err)
	if !info.ModTime().Equal(past) {
		t.Error("an equal file was written again")
	}
	var names []string
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"a.tar.zst", "b.zip", "other", "sha256sum-amd64.txt", "tool"}, names); diff != "" {
		t.Error(diff)
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]fs.FileMode{"tool": 0o755, "b.zip": 0o644} {
			info, err := os.Stat(filepath.Join(dir, name))
			must(t, err)
			if info.Mode() != want {
				t.Errorf("%s: mode is %v, want %v", name, info.Mode(), want)
			}
		}
	}
}

// TestCopyStopsAtTheFirstError copies a file that cannot be written. The files after it must not
// exist.
func TestCopyStopsAtTheFirstError(t *testing.T) {
	files := write(t, "a", "b", "c", "sha256sum.txt")
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "b"), 0o755))
	err := Copy(t.Context(), dir, files)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "b")+" is a folder") {
		t.Errorf("error is %v", err)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if e.Name() != "a" && e.Name() != "b" {
			t.Errorf("%s exists", e.Name())
		}
	}
}

func TestCopyReportsEveryProblem(t *testing.T) {
	files := write(t, "a")
	dir := t.TempDir()
	err := Copy(t.Context(), dir, []string{files[0], "no/1", write(t, "a")[0], "no/2", t.TempDir()})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"missing: no/1, no/2", "have the same name", "want a file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("found %v", entries)
	}
}

func TestCopyIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := Copy(ctx, dir, write(t, "a", "b", "c")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("found %v", entries)
	}
}

func TestCopyRemovesLeftoversOfKilledRuns(t *testing.T) {
	files, dir := write(t, "a.zip"), t.TempDir()
	for name, age := range map[string]time.Duration{".a.zip.12.tmp": 2 * fileop.LeftoverAge, ".a.zip.13.tmp": 0, ".b.zip.14.tmp": 2 * fileop.LeftoverAge} {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, nil, 0o600))
		must(t, os.Chtimes(file, time.Time{}, time.Now().Add(-age)))
	}
	must(t, Copy(t.Context(), dir, files))
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff([]string{".a.zip.13.tmp", ".b.zip.14.tmp", "a.zip"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

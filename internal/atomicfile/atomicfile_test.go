package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestAFileAppearsWhenItIsCommitted(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "file")
	if err := os.WriteFile(final, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Create(final, 6)
	if err != nil {
		t.Fatal(err)
	}
	for offset, text := range map[int64]string{3: "def", 0: "abc"} {
		w, err := f.OpenAt(offset)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(final); err != nil || string(got) != "before" {
		t.Errorf("before Commit: got %q, %v", got, err)
	}
	if name := filepath.Base(f.Path()); !strings.HasPrefix(name, ".file.") {
		t.Errorf("the temporary file is called %s", name)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if got, err := os.ReadFile(final); err != nil || string(got) != "abcdef" {
		t.Errorf("after Commit: got %q, %v", got, err)
	}
	if names := namesIn(t, dir); !slices.Equal(names, []string{"file"}) {
		t.Errorf("left in the folder: %q", names)
	}
}

func TestADiscardedFileLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "file"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if names := namesIn(t, dir); len(names) > 0 {
		t.Errorf("left in the folder: %q", names)
	}
}

func TestWriteFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "file")
	for _, content := range []string{"first", "second, longer", "third"} {
		if err := WriteFile(file, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != content {
			t.Errorf("got %q, %v; want %q", got, err, content)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

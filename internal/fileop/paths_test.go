package fileop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestTwoPathsOfOnePlaceAreEqual(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.Mkdir(there, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	testfile.Symlink(t, there, link)
	t.Chdir(dir)
	want := Place(filepath.Join(there, "file"))
	for _, path := range []string{filepath.Join(link, "file"), filepath.Join("there", "file"), filepath.Join("link", "..", "link", "file")} {
		if got := Place(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if got, want := Place(filepath.Join("missing", "file")), filepath.Join(dir, "missing", "file"); got != want {
		t.Errorf("in a missing folder: got %s, want %s", got, want)
	}
}

func TestWithoutPath(t *testing.T) {
	reason := errors.New("reason")
	wrapped := fmt.Errorf("opening: %w", reason)
	for _, err := range []error{reason, &fs.PathError{Op: "open", Path: "x", Err: reason}, &os.LinkError{Op: "rename", Old: "x", New: "y", Err: reason}} {
		if got := WithoutPath(err); got != reason {
			t.Errorf("%v: got %v", err, got)
		}
	}
	if got := WithoutPath(wrapped); got != wrapped {
		t.Errorf("got %v, want %v", got, wrapped)
	}
}

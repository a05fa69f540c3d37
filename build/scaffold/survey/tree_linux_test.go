package survey

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestUnreadableFoldersAreDoubts(t *testing.T) {
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "open", "go.mod"), "module x\n")
	var want []string
	for i := range maxUnread + 2 {
		name := fmt.Sprintf("closed%02d", i)
		testfile.Write(t, filepath.Join(dir, name, "go.mod"), "module x\n")
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
		if i < maxUnread {
			want = append(want, name+" was not read: permission denied")
		}
	}
	want = append(want, "further folders were not read")
	if os.Geteuid() == 0 { // root reads everything, so this thread becomes another user for files
		for d := dir; d != filepath.Dir(d) && d != os.TempDir(); d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			testfile.Missing(t, "this user cannot become another one: %v", err)
		}
		defer syscall.Setfsuid(0) //nolint:errcheck // it cannot fail for root
	}
	tree, err := readTree(t.Context(), dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"open/go.mod"}; !slices.Equal(tree.Files, want) {
		t.Errorf("got %q, want %q", tree.Files, want)
	}
	if !slices.Equal(tree.Doubts, want) {
		t.Errorf("got %q, want %q", tree.Doubts, want)
	}
}

func TestPipesAreNotOpened(t *testing.T) {
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "go.mod"), "module x\n")
	for _, name := range []string{"Makefile", "Dockerfile", "main.go", ".gitignore", "LICENSE", ".goreleaser.yml"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"go.mod"}; !slices.Equal(s.Tree.Files, want) {
		t.Errorf("got %q, want %q", s.Tree.Files, want)
	}
	s.Tree.License()
	s.Tree.Ignores("dist")
}

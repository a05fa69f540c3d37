package scaffold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/slipway-build/slipway/internal/golden"
	"github.com/slipway-build/slipway/internal/testfile"
)

// TestInit runs testdata/init/*.txtar: a checkout, and under "want" the
// slipway.yaml written for it, or the error. Init itself has Load accept it.
func TestInit(t *testing.T) {
	files, err := filepath.Glob("testdata/init/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive := testfile.ReadArchive(t, file)
			root := t.TempDir()
			t.Setenv("GIT_CEILING_DIRECTORIES", root)
			dir := filepath.Join(root, "My Checkout")
			for _, f := range archive.Files {
				if f.Name != "want" {
					testfile.Write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), string(f.Data))
				}
			}
			var got string
			if path, err := Init(t.Context(), dir); err != nil {
				got = strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
			} else {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				got = string(data)
				if _, err := Init(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "exists already") {
					t.Errorf("a second time: got %v, want that the file exists already", err)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".slipway*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			testfile.Set(archive, "want", strings.ReplaceAll(got, "\n-- ", "\n- - "))
			golden.EqualFile(t, file, txtar.Format(archive))
		})
	}
}

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

// TestInit runs testdata/init/*.txtar: a checkout, under "options" module= or from=, and under "want" the resulting
// slipway.yaml, or the error. Init itself checks the file with Load.
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
			var o Options
			for _, f := range archive.Files {
				switch f.Name {
				case "want":
				case "options":
					key, value, _ := strings.Cut(strings.TrimSpace(string(f.Data)), "=")
					if key == "module" {
						o.Module = value
					} else {
						o.From = value
					}
				default:
					testfile.Write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), string(f.Data))
				}
			}
			var got string
			if result, err := Init(t.Context(), dir, o); err != nil {
				got = strings.ReplaceAll(filepath.ToSlash(err.Error()), filepath.ToSlash(dir), "DIR") + "\n"
			} else {
				data, err := os.ReadFile(result.Path)
				if err != nil {
					t.Fatal(err)
				}
				got = string(data)
				for _, file := range result.Files {
					data, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					got += "== " + filepath.Base(file) + "\n" + string(data)
				}
				if _, err := Init(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "exists already") {
					t.Errorf("a second time: got %v, want an error about the existing file", err)
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

func TestInitTakesTheTagsOfAModule(t *testing.T) {
	dir := t.TempDir()
	repo := testfile.NewRepo(t, dir)
	for _, name := range []string{"api", "worker"} {
		testfile.Write(t, filepath.Join(dir, "services", name, "go.mod"), "module example.org/"+name+"\n")
		testfile.Write(t, filepath.Join(dir, "services", name, "main.go"), "package main\n\nfunc main() {}\n")
	}
	repo.Commit("first", "2026-01-02T03:04:05Z")
	repo.Run("tag", "services/api/v1.2.3")
	repo.Run("remote", "add", "origin", "https://gitlab.com/group/sub/mono.git")
	prefix := "\nversion:\n  tag-prefix: services/api/\n"
	for _, c := range []struct{ folder, module, want string }{
		{".", "services/api", prefix},
		{"services/api", "", prefix},
		{"services", "api", prefix},
		{".", "services/worker", "# unsure: the nearest git tag, services/api/v1.2.3, is not a version; pattern selects the tags that are"},
	} {
		result, err := Init(t.Context(), filepath.Join(dir, filepath.FromSlash(c.folder)), Options{Module: c.module})
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(result.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{c.want, "\nregistry: registry.gitlab.com\nrepository: group/sub/mono\n", "\n# note: .gitignore does not name dist"} {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s, --module %s: missing %q in\n%s", c.folder, c.module, want, data)
			}
		}
		if err := os.Remove(result.Path); err != nil {
			t.Fatal(err)
		}
	}
}

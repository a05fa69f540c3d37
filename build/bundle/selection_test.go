package bundle

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// TestSelections packs parts of folders, empty folders and links, and lists them with tar.
func TestSelections(t *testing.T) {
	tar := imagetest.Program(t, "tar")
	dir := t.TempDir()
	for _, name := range []string{"bin/x.sh", "bin/x.exe", "bin/uninstall.ps1", "lib/deep/er/y.txt", "lib/deep/y.exe", "README.md", "dist/artifacts/old.md"} {
		testfile.Write(t, filepath.Join(dir, filepath.FromSlash(name)), name)
	}
	for _, c := range []struct {
		name string
		file File
		want string // paths, or a part of the error
	}{
		{"exclusions", File{Source: "", Path: ".", Exclude: []string{"**/*.exe", "**/*.ps1", "dist", "README.md"}},
			"bin/ bin/x.sh lib/ lib/deep/ lib/deep/er/ lib/deep/er/y.txt"},
		{"exclusions with an exception", File{Source: "bin", Path: "b", Exclude: []string{"*", "!x.sh"}}, "b/ b/x.sh"},
		{"an excluded folder with an exception", File{Source: "lib", Path: "l", Exclude: []string{"deep", "!deep/er/y.txt"}}, "l/ l/deep/ l/deep/er/ l/deep/er/y.txt"},
		{"a pattern", File{Source: "bin", Path: ".", Include: []string{"x.*"}}, "x.exe x.sh"},
		{"a pattern and an exclusion", File{Source: "bin", Path: "p", Include: []string{"x.*"}, Exclude: []string{"*.exe"}}, "p/ p/x.sh"},
		{"a deep pattern", File{Source: "", Path: "p", Include: []string{"lib/**/*.exe"}}, "p/ p/lib/ p/lib/deep/ p/lib/deep/y.exe"},
		{"a pattern of a folder", File{Source: "", Path: "p", Include: []string{"li*"}, Exclude: []string{"**/*.exe"}}, "p/ p/lib/ p/lib/deep/ p/lib/deep/er/ p/lib/deep/er/y.txt"},
		{"not the folder of the bundle", File{Source: "", Path: "p", Include: []string{"**/*.md"}}, "p/ p/README.md"},
		{"an empty folder", File{Folder: true, Path: "share/empty", Mode: 0o700}, "share/ share/empty/"},
		{"a link", File{Link: "../bin/x.sh", Path: "sbin/x"}, "sbin/ sbin/x"},
		{"nothing matches", File{Source: "bin", Path: ".", Include: []string{"*.dll"}}, "no file of the folder matches *.dll"},
		{"a part of a file", File{Source: "README.md", Path: "x", Exclude: []string{"*"}}, "want a folder, since only some of its files are wanted"},
		{"the root as a folder", File{Folder: true, Path: "/"}, "is its root"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file.Link == "" && !c.file.Folder {
				c.file.Source = filepath.Join(dir, c.file.Source)
			}
			output := filepath.Join(dir, "dist", "artifacts", "x.tgz")
			defer os.Remove(output)
			if err := pack(t.Context(), output, []File{c.file}, testPackage(), epoch); err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			out, err := exec.CommandContext(t.Context(), tar, "-tzf", filepath.ToSlash(output)).Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Fields(string(out)); !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestFoldersAndLinksInPackages lists an empty folder and a link with dpkg-deb and rpm.
func TestFoldersAndLinksInPackages(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("dpkg-deb and rpm do not run on Windows")
	}
	files := []File{{Folder: true, Path: "/var/lib/slipway/empty", Mode: 0o750}, {Link: "../lib/x", Path: "/usr/bin/x"}}
	for suffix, list := range map[string][]string{".deb": {"dpkg-deb", "-c"}, ".rpm": {"rpm", "-qlvp"}} {
		program := imagetest.Program(t, list[0])
		output := filepath.Join(t.TempDir(), "x"+suffix)
		must(t, pack(t.Context(), output, files, testPackage(), epoch))
		out, err := exec.CommandContext(t.Context(), program, list[1], output).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, want := range []string{"drwxr-x---", "/var/lib/slipway/empty", "/usr/bin/x -> ../lib/x"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("missing in %s: %s:\n%s", suffix, want, out)
			}
		}
	}
}

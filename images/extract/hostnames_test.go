package extract

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// waitVariable makes the test binary a program that runs until its input ends.
const waitVariable = "SLIPWAY_EXTRACT_TEST_WAIT"

func TestMain(m *testing.M) {
	if os.Getenv(waitVariable) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestInvalidNamesOnWindows(t *testing.T) {
	for name, want := range map[string]string{
		"kubelet.exe": "", "a b": "", ".hidden": "", "auxiliary": "", "com": "", "com10": "", "COM": "", "console": "", "ä": "", "nul_": "",
		strings.Repeat("a", 255): "", strings.Repeat("a", 256): "longer", strings.Repeat("😀", 128): "longer",
		"NUL": "device", "nul.txt": "device", "con": "device", "Aux.tar.gz": "device", "prn": "device", "com1": "device", "LPT9.log": "device",
		"COM²": "device", "conin$": "device", "nul .txt": "device",
		"a.": "dot", "a ": "space", "...": "dot",
		`a\b`: `'\\'`, "a:b": "':'", "a*": "'*'", "what?": "'?'", "a|b": "'|'", "<a>": "'<'", `a"b`: `'"'`, "a\nb": `'\n'`,
	} {
		if got := refusedByWindows(name); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// The rules depend on the host, whatever system the image is for.
func TestOnWindowsHostsNamesAreRefused(t *testing.T) {
	type entry struct {
		name string
		typ  byte
	}
	for _, c := range []struct {
		name    string
		layers  [][]entry
		windows bool
		want    string
	}{
		{"two cases of one name", [][]entry{{{"opt/sys", tar.TypeReg}, {"opt/Sys", tar.TypeReg}}}, true, `"sys" and "Sys"`},
		{"of folders", [][]entry{{{"opt/lib/a", tar.TypeReg}, {"opt/LIB/b", tar.TypeReg}}}, true, `"lib" and "LIB"`},
		{"in two layers", [][]entry{{{"opt/a", tar.TypeReg}}, {{"opt/A", tar.TypeSymlink}}}, true, `"a" and "A"`},
		{"one takes the other's place", [][]entry{{{"opt/a", tar.TypeReg}}, {{"opt/.wh.a", tar.TypeReg}}, {{"opt/A", tar.TypeReg}}}, true, ""},
		{"in two folders", [][]entry{{{"opt/x/a", tar.TypeReg}, {"opt/y/A", tar.TypeReg}}}, true, ""},
		{"outside the folder", [][]entry{{{"usr/a", tar.TypeReg}, {"usr/A", tar.TypeReg}, {"usr/nul", tar.TypeReg}, {"opt/a", tar.TypeReg}}}, true, ""},
		{"a device", [][]entry{{{"opt/NUL", tar.TypeReg}}}, true, "device"},
		{"a folder ending in a dot", [][]entry{{{"opt/a./b", tar.TypeReg}}}, true, "dot"},
		{"on another host", [][]entry{{{"opt/sys", tar.TypeReg}, {"opt/Sys", tar.TypeReg}, {"opt/NUL", tar.TypeReg}}}, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder, err := newTempFolder(filepath.Join(t.TempDir(), "opt"))
			if err != nil {
				t.Fatal(err)
			}
			o := newOverlay([]*target{{path: "opt", folder: folder}}, Limits{}, false)
			defer folder.discard()
			defer o.folders.close()
			if o.onWindows && !c.windows {
				t.Skip("this is another host's case")
			}
			o.onWindows = c.windows
			var got error
			for i, layer := range c.layers {
				o.begin(i, false)
				for _, e := range layer {
					h := &tar.Header{Name: e.name, Typeflag: e.typ, Mode: 0o644}
					if e.typ == tar.TypeSymlink {
						h.Linkname = "other"
					}
					got = errors.Join(got, o.apply(h, strings.NewReader("")))
				}
				got = errors.Join(got, o.end())
			}
			if (got == nil) != (c.want == "") || got != nil && !strings.Contains(got.Error(), c.want) {
				t.Errorf("%v, want %q", got, c.want)
			}
		})
	}
}

// tree returns the files below dir with their content.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		b.WriteString(filepath.ToSlash(rel) + "=" + string(raw) + " ")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// plant writes files to a folder: name=content.
func plant(t *testing.T, dir, files string) {
	t.Helper()
	for _, f := range strings.Fields(files) {
		name, content, _ := strings.Cut(f, "=")
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesAreMovedAllOrNone(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	plant(t, from, "a=1 sub/b=2 sub/deep/c=3")
	if err := os.MkdirAll(filepath.Join(from, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	undo, err := moveFiles(from, to)
	if err != nil {
		t.Fatal(err)
	}
	const all = "a=1 sub/b=2 sub/deep/c=3 "
	if got := tree(t, to); got != all {
		t.Errorf("moved: %s", got)
	}
	if _, err := os.Stat(from); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty folders remain: %v", err)
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, from); got != all {
		t.Errorf("undone: %s", got)
	}
	// If a folder is in place of the last file, files that were moved before it are restored.
	if err := os.MkdirAll(filepath.Join(to, "sub", "deep", "c", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := moveFiles(from, to); err == nil || !strings.Contains(err.Error(), filepath.Join(from, "sub", "deep", "c")) {
		t.Errorf("a file that cannot be moved: %v", err)
	}
	if got := tree(t, from); got != all {
		t.Errorf("after a failure: %s", got)
	}
}

// A process that ends while it moves files leaves both parts; the next one restores the old files.
func TestAnInterruptedSwapIsUndone(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "bin")
	plant(t, final, "a=new c=old")
	plant(t, filepath.Join(dir, ".bin.77.tmp"+asideEnding), "a=old b=old")
	folder, err := newTempFolder(final)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.discard(); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); got != "bin/a=old bin/b=old bin/c=old " {
		t.Errorf("there is %s", got)
	}
}

// On Windows hosts, links are created from the top of the folder, each after the links in its path,
// since Windows has separate links to folders.
func TestLinksOnWindowsHosts(t *testing.T) {
	needLinks(t)
	folder, err := newTempFolder(filepath.Join(t.TempDir(), "opt"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.discard()
	o := newOverlay([]*target{{path: "opt", folder: folder}}, Limits{}, false)
	o.onWindows = true
	links := map[string]string{"a": "b", "b": "sub/up", "sub/up": "../dir/deep", "sub/file": "../a/f", "sub/lost": "nowhere"}
	o.begin(0, false)
	err = o.apply(&tar.Header{Name: "opt/dir/deep/f", Typeflag: tar.TypeReg, Size: 1, Mode: 0o644}, strings.NewReader("x"))
	for name, to := range links {
		err = errors.Join(err, o.apply(&tar.Header{Name: "opt/" + name, Linkname: to, Typeflag: tar.TypeSymlink}, nil))
	}
	if err := errors.Join(err, o.end()); err != nil {
		t.Fatal(err)
	}
	if files, err := o.finish(); err != nil || files != 6 {
		t.Fatalf("%d files and links: %v", files, err)
	}
	for name, to := range links {
		if got, err := os.Readlink(filepath.Join(folder.path, name)); err != nil || filepath.ToSlash(got) != to {
			t.Errorf("%s leads to %q, %v; want %q", name, got, err, to)
		}
	}
	for _, file := range []string{"a/f", "b/f", "sub/up/f", "sub/file"} {
		if got, err := os.ReadFile(filepath.Join(folder.path, filepath.FromSlash(file))); string(got) != "x" {
			t.Errorf("%s has %q, %v", file, got, err)
		}
	}
}

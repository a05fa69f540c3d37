package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// pack is Write without an observer.
func pack(ctx context.Context, output string, files []File, pkg Package, epoch time.Time) error {
	return Write(ctx, output, files, pkg, epoch, nil)
}

func testPackage() Package {
	return Package{
		Name: "slipway", Version: "v0.1.0+dev.1a2b3c4d-dirty", Arch: "amd64", Platform: "linux",
		Maintainer: "The authors <authors@example.com>", Description: "Packs releases\nAnd does so again.\n",
		Homepage: "https://example.com", License: "Apache-2.0", Vendor: "Example",
		Depends: []string{"iptables >= 1.8", "tar"}, Recommends: []string{"zstd (>> 1.4)"},
	}
}

// testTree writes files, and returns the files of a bundle of them.
func testTree(t *testing.T) (dir string, files []File) {
	t.Helper()
	dir = t.TempDir()
	for name, body := range map[string]string{
		"bin/tool":            strings.Repeat("a program\n", 300_000), // several blocks
		"config.yaml":         "key: value\n",
		"docs/index.md":       "# Index\n",
		"docs/a-b.md":         "sorts before a/\n",
		"docs/a/deep/page.md": "",
		"docs/we [1] *.md":    "a name like a pattern\n",
		"preinstall.sh":       "#!/bin/sh\nexit 0\n",
	} {
		if runtime.GOOS == "windows" {
			name = strings.ReplaceAll(name, "*", "x")
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(body), 0o600))
	}
	must(t, os.MkdirAll(filepath.Join(dir, "docs", "empty"), 0o700))
	must(t, os.Chmod(filepath.Join(dir, "bin", "tool"), 0o700))
	return dir, []File{
		{Source: filepath.Join(dir, "docs"), Path: "/usr/share/doc/slipway/docs"},
		{Source: filepath.Join(dir, "bin", "tool"), Path: "/usr/bin/tool"},
		{Source: filepath.Join(dir, "bin", "tool"), Path: "/usr/bin/tool-root", Mode: 0o4755},
		{Source: filepath.Join(dir, "config.yaml"), Path: "/etc/slipway/config.yaml", Mode: 0o640, Config: true},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const wantTree = `drwxr-xr-x etc/
drwxr-xr-x etc/slipway/
-rw-r----- etc/slipway/config.yaml 11
drwxr-xr-x usr/
drwxr-xr-x usr/bin/
-rwxr-xr-x usr/bin/tool 3000000
urwxr-xr-x usr/bin/tool-root 3000000
drwxr-xr-x usr/share/
drwxr-xr-x usr/share/doc/
drwxr-xr-x usr/share/doc/slipway/
drwxr-xr-x usr/share/doc/slipway/docs/
drwxr-xr-x usr/share/doc/slipway/docs/a/
-rw-r--r-- usr/share/doc/slipway/docs/a-b.md 16
drwxr-xr-x usr/share/doc/slipway/docs/a/deep/
-rw-r--r-- usr/share/doc/slipway/docs/a/deep/page.md 0
drwxr-xr-x usr/share/doc/slipway/docs/empty/
-rw-r--r-- usr/share/doc/slipway/docs/index.md 8
-rw-r--r-- usr/share/doc/slipway/docs/we [1] *.md 22
`

func skipWithoutModes(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the modes and names of the test's files are those of Unix")
	}
}

// TestSameBytes writes each format twice. In between, it changes everything that must not influence the bytes.
func TestSameBytes(t *testing.T) {
	first, firstFiles := testTree(t)
	second, secondFiles := testTree(t)
	must(t, filepath.WalkDir(second, func(file string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)))
	}))
	must(t, os.Chmod(filepath.Join(second, "bin", "tool"), 0o755))
	slices.Reverse(secondFiles)
	for format := range formats {
		t.Run(format, func(t *testing.T) {
			pkg := testPackage()
			pkg.Scripts = map[string]string{"preinstall": filepath.Join(first, "preinstall.sh"), "postremove": filepath.Join(first, "preinstall.sh")}
			a := filepath.Join(t.TempDir(), "slipway"+format)
			must(t, pack(t.Context(), a, firstFiles, pkg, epoch))

			zone := time.Local
			time.Local = time.FixedZone("elsewhere", 7*3600)
			t.Cleanup(func() { time.Local = zone })
			processors := runtime.GOMAXPROCS(1)
			t.Cleanup(func() { runtime.GOMAXPROCS(processors) })
			t.Setenv("SOURCE_DATE_EPOCH", "12345")
			b := filepath.Join(t.TempDir(), "other"+format)
			must(t, pack(t.Context(), b, secondFiles, pkg, epoch.In(time.Local)))

			x, err := os.ReadFile(a)
			must(t, err)
			y, err := os.ReadFile(b)
			must(t, err)
			if !bytes.Equal(x, y) {
				t.Errorf("%d and %d bytes differ", len(x), len(y))
			}
		})
	}
}

func TestErrorsNameEverything(t *testing.T) {
	dir, files := testTree(t)
	tool := filepath.Join(dir, "bin", "tool")
	for _, c := range []struct {
		name   string
		output string
		files  []File
		change func(*Package)
		want   []string
	}{
		{"a format that nobody knows", "x.tar", files, nil, []string{"want a name ending in .tar.gz, .tgz, .zip, .deb, .rpm, .apk or .pkg.tar.zst"}},
		{"nothing", "x.zip", nil, nil, []string{"no files to pack"}},
		{"missing files", "x.zip", []File{{Source: "no/1", Path: "1"}, {Source: tool, Path: "2"}, {Source: "no/3", Path: "3"}}, nil, []string{"missing: no/1, no/3"}},
		{"a path twice", "x.zip", []File{{Source: tool, Path: "a"}, {Source: dir + "/config.yaml", Path: "/a"}}, nil, []string{"have the same path in the bundle, a"}},
		{"a file below a file", "x.zip", []File{{Source: tool, Path: "a"}, {Source: tool, Path: "a/b"}}, nil, []string{"path a/b in the bundle is below", "which is not a folder"}},
		{"dots", "x.zip", []File{{Source: tool, Path: "../a"}}, nil, []string{`".." is not allowed`}},
		{"no path", "x.zip", []File{{Source: tool}}, nil, []string{"missing path"}},
		{"a backslash", "x.zip", []File{{Source: tool, Path: `bin\tool`}}, nil, []string{"want slashes"}},
		{"names of Windows", "x.zip", []File{{Source: tool, Path: "Tool"}, {Source: tool, Path: "tool"}, {Source: tool, Path: "a:b"}},
			func(p *Package) { p.Platform = "windows" }, []string{"Tool and tool are the same file on Windows", "a:b: Windows does not allow"}},
		{"a deb for nobody", "x.deb", []File{{Source: "no/1", Path: "bin/1"}}, func(p *Package) { *p = Package{Name: "X", Version: "nightly"} },
			[]string{"missing: no/1", `packages of this format are for linux, not ""`, "missing architecture", "missing description", "missing maintainer", `version "nightly"`, `name "X"`, "must start with a slash"}},
		{"an rpm for Windows", "x.rpm", files, func(p *Package) { p.Platform, p.Release, p.Name = "windows", "1-2", "a b" },
			[]string{`for linux, not "windows"`, `release "1-2"`, `name "a b"`}},
		{"another field", "x.deb", files, func(p *Package) { p.Homepage = "x\nEssential: yes" }, []string{"want one line"}},
		{"scripts", "x.rpm", files, func(p *Package) { p.Scripts = map[string]string{"postinst": "a", "preinstall": "no/script"} },
			[]string{`script "postinst": want one of postinstall, postremove, preinstall, preremove`, "no/script"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			output := filepath.Join(t.TempDir(), c.output)
			pkg := testPackage()
			if c.change != nil {
				c.change(&pkg)
			}
			err := pack(t.Context(), output, c.files, pkg, epoch)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(c.want, "bundle "+output) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %v\nwant %q", err, want)
				}
			}
			if _, err := os.Stat(output); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the bundle exists: %v", err)
			}
		})
	}
}

func TestABundleDoesNotPackItself(t *testing.T) {
	dir, _ := testTree(t)
	err := pack(t.Context(), filepath.Join(dir, "artifacts", "x.tar.gz"), []File{{Source: dir, Path: "."}}, Package{}, epoch)
	if err == nil || !strings.Contains(err.Error(), "the bundle itself would be written to this folder") {
		t.Errorf("error is %v", err)
	}
}

func TestSymbolicLinksToSourcesAreFollowed(t *testing.T) {
	dir, _ := testTree(t)
	testfile.Symlink(t, "bin", filepath.Join(dir, "programs"))
	for format := range formats {
		output := filepath.Join(t.TempDir(), "x"+format)
		must(t, pack(t.Context(), output, []File{{Source: filepath.Join(dir, "programs", "tool"), Path: "/tool"}, {Source: filepath.Join(dir, "programs"), Path: "/opt/programs"}}, testPackage(), epoch))
		f, err := os.Open(output)
		must(t, err)
		defer f.Close()
		var names []string
		must(t, formats[format].walk(f, func(name string, mode fs.FileMode, _ string, body io.Reader) error {
			if mode.IsRegular() {
				names = append(names, strings.TrimLeft(name, "./"))
			}
			_, err := io.Copy(io.Discard, body)
			return err
		}))
		want := []string{"opt/programs/tool", "tool"}
		if format == ".deb" {
			want = append(want, "usr/share/doc/slipway/changelog.gz", "usr/share/doc/slipway/copyright")
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

func TestCompareFindsChangedSources(t *testing.T) {
	for format, f := range formats {
		t.Run(format, func(t *testing.T) {
			dir, files := testTree(t)
			entries, err := collect("x"+format, files)
			must(t, err)
			b := &bundle{files: files, entries: entries, pkg: testPackage(), epoch: epoch, temp: t.TempDir(), task: progress.Start(t.Context(), t.Name())}
			file, err := os.Create(filepath.Join(t.TempDir(), "x"+format))
			must(t, err)
			defer file.Close()
			must(t, f.write(t.Context(), file, b))
			check := func() error {
				_, err := file.Seek(0, io.SeekStart)
				must(t, err)
				return compare(t.Context(), b, file, f.walk, nil)
			}
			must(t, check())
			must(t, os.WriteFile(filepath.Join(dir, "docs", "index.md"), []byte("# Other\n"), 0o644))
			if err := check(); err == nil || !strings.Contains(err.Error(), "it differs from the packed content") {
				t.Errorf("error is %v", err)
			}
			b.entries = append(b.entries, entry{path: "more", mode: 0o644})
			must(t, os.WriteFile(filepath.Join(dir, "docs", "index.md"), []byte("# Index\n"), 0o644))
			if err := check(); err == nil || !strings.Contains(err.Error(), "missing entry more") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestCancelledWriteKeepsTheOldFile(t *testing.T) {
	_, files := testTree(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for format := range formats {
		output := filepath.Join(t.TempDir(), "x"+format)
		must(t, os.WriteFile(output, []byte("before"), 0o644))
		if err := pack(ctx, output, files, testPackage(), epoch); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v", format, err)
		}
		if got, err := os.ReadFile(output); err != nil || string(got) != "before" {
			t.Errorf("%s: found %q, %v", format, got, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(output)); len(left) != 1 {
			t.Errorf("%s: found %v", format, left)
		}
	}
}

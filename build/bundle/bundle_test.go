package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/imagetest"
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

func TestTarGz(t *testing.T) {
	skipWithoutModes(t)
	dir, files := testTree(t)
	testfile.Symlink(t, "a/deep/page.md", filepath.Join(dir, "docs", "latest"))
	output := filepath.Join(t.TempDir(), "new folder", "slipway.tar.gz")
	must(t, pack(t.Context(), output, files, testPackage(), epoch))

	data, err := os.ReadFile(output)
	must(t, err)
	compressed, err := gzip.NewReader(bytes.NewReader(data))
	must(t, err)
	compressed.Multistream(false)
	var got strings.Builder
	archive := tar.NewReader(compressed)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "root" || header.Gname != "root" {
			t.Errorf("the owner of %s is %d %s, %d %s", header.Name, header.Uid, header.Uname, header.Gid, header.Gname)
		}
		if !header.ModTime.Equal(epoch) || header.Format == tar.FormatPAX {
			t.Errorf("%s: time is %v, format %v", header.Name, header.ModTime, header.Format)
		}
		fmt.Fprintf(&got, "%v %s", header.FileInfo().Mode(), header.Name)
		if header.Linkname != "" {
			fmt.Fprintf(&got, " -> %s", header.Linkname)
		} else if header.Typeflag == tar.TypeReg {
			fmt.Fprintf(&got, " %d", header.Size)
		}
		got.WriteString("\n")
	}
	want := strings.Replace(wantTree, "-rw-r--r-- usr/share/doc/slipway/docs/we",
		"Lrwxrwxrwx usr/share/doc/slipway/docs/latest -> a/deep/page.md\n-rw-r--r-- usr/share/doc/slipway/docs/we", 1)
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	left, err := os.ReadDir(filepath.Dir(output))
	must(t, err)
	if len(left) != 1 {
		t.Errorf("other files beside the bundle: %v", left)
	}
	run(t, dir, "tar", "-tzf", output)
}

func TestZip(t *testing.T) {
	skipWithoutModes(t)
	dir, files := testTree(t)
	output := filepath.Join(t.TempDir(), "slipway.zip")
	must(t, pack(t.Context(), output, files, testPackage(), epoch))

	archive, err := zip.OpenReader(output)
	must(t, err)
	defer archive.Close()
	var got strings.Builder
	for _, f := range archive.File {
		body, err := f.Open()
		must(t, err)
		n, err := io.Copy(io.Discard, body)
		must(t, err)
		fmt.Fprintf(&got, "%v %s", f.Mode(), f.Name)
		if !f.Mode().IsDir() {
			fmt.Fprintf(&got, " %d", n)
		}
		got.WriteString("\n")
		if !f.Modified.Equal(epoch) {
			t.Errorf("%s: time is %v, want %v", f.Name, f.Modified, epoch)
		}
	}
	if diff := cmp.Diff(wantTree, got.String()); diff != "" {
		t.Error(diff)
	}
	run(t, dir, "unzip", "-t", output)
}

func TestZipBeginsIn1980(t *testing.T) {
	_, files := testTree(t)
	output := filepath.Join(t.TempDir(), "slipway.zip")
	must(t, pack(t.Context(), output, files[:1], Package{}, time.Time{}))
	archive, err := zip.OpenReader(output)
	must(t, err)
	defer archive.Close()
	if got := archive.File[0].Modified; !got.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("time is %v", got)
	}
}

func TestZipRefusesSymbolicLinks(t *testing.T) {
	dir, files := testTree(t)
	testfile.Symlink(t, "a", filepath.Join(dir, "docs", "latest"))
	testfile.Symlink(t, "b", filepath.Join(dir, "docs", "older"))
	output := filepath.Join(t.TempDir(), "slipway.zip")
	err := pack(t.Context(), output, files, testPackage(), epoch)
	for _, want := range []string{filepath.Join("docs", "latest") + ": a symbolic link (to a)", filepath.Join("docs", "older"), "write a .tar.gz"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func TestDeb(t *testing.T) {
	skipWithoutModes(t)
	dir, files := testTree(t)
	testfile.Symlink(t, "./a/deep/page.md", filepath.Join(dir, "docs", "latest"))
	pkg := testPackage()
	pkg.Scripts = map[string]string{"preinstall": filepath.Join(dir, "preinstall.sh")}
	output := filepath.Join(t.TempDir(), "slipway.deb")
	must(t, pack(t.Context(), output, files, pkg, epoch))

	got := run(t, dir, "dpkg-deb", "--info", output)
	for _, want := range []string{"Package: slipway", "Version: 0.1.0+dev.1a2b3c4d.dirty\n", "Architecture: amd64", "Section: misc",
		"Depends: iptables (>= 1.8), tar", "Recommends: zstd (>> 1.4)", "Description: Packs releases\n  And does so again.", "preinst"} {
		if !strings.Contains(got, want) {
			t.Errorf("dpkg-deb prints %s\nwant %q", got, want)
		}
	}
	if got := run(t, dir, "dpkg-deb", "--info", output, "conffiles"); got != "/etc/slipway/config.yaml\n" {
		t.Errorf("the configuration files are %q", got)
	}
	listing := run(t, dir, "dpkg-deb", "--contents", output)
	for _, want := range []string{"-rwxr-xr-x root/root   3000000 2026-03-04 05:06 ./usr/bin/tool\n", "-rwsr-xr-x root/root   3000000 2026-03-04 05:06 ./usr/bin/tool-root\n",
		"-rw-r----- root/root        11 2026-03-04 05:06 ./etc/slipway/config.yaml\n", "drwxr-xr-x root/root         0 2026-03-04 05:06 ./usr/share/doc/slipway/docs/empty/\n",
		"./usr/share/doc/slipway/docs/we [1] *.md\n", "./usr/share/doc/slipway/docs/latest -> a/deep/page.md\n"} {
		if !strings.Contains(listing, want) {
			t.Errorf("dpkg-deb lists %s\nwant %q", listing, want)
		}
	}
	run(t, dir, "dpkg", "--validate-version", "0.1.0+dev.1a2b3c4d.dirty")
}

func TestRPM(t *testing.T) {
	skipWithoutModes(t)
	dir, files := testTree(t)
	testfile.Symlink(t, "a/deep/page.md", filepath.Join(dir, "docs", "latest"))
	must(t, os.MkdirAll(filepath.Join(dir, "root", "usr", "lib", "systemd", "system", "slipway.d"), 0o755))
	files = append(files, File{Source: filepath.Join(dir, "root"), Path: "/"})
	pkg := testPackage()
	pkg.Scripts = map[string]string{"preinstall": filepath.Join(dir, "preinstall.sh")}
	output := filepath.Join(t.TempDir(), "slipway.rpm")
	must(t, pack(t.Context(), output, files, pkg, epoch))

	want := `/etc/slipway
/etc/slipway/config.yaml
/usr/bin/tool
/usr/bin/tool-root
/usr/lib/systemd/system/slipway.d
/usr/share/doc/slipway
/usr/share/doc/slipway/docs
/usr/share/doc/slipway/docs/a
/usr/share/doc/slipway/docs/a-b.md
/usr/share/doc/slipway/docs/a/deep
/usr/share/doc/slipway/docs/a/deep/page.md
/usr/share/doc/slipway/docs/empty
/usr/share/doc/slipway/docs/index.md
/usr/share/doc/slipway/docs/latest
/usr/share/doc/slipway/docs/we [1] *.md
`
	if diff := cmp.Diff(want, run(t, dir, "rpm", "-qpl", output)); diff != "" {
		t.Error(diff)
	}
	run(t, dir, "rpm", "--checksig", "--nosignature", output)
	head := run(t, dir, "rpm", "-qp", "--qf", `%{NEVRA} %{BUILDHOST} %{BUILDTIME} %{SUMMARY}\n`, output)
	if want := fmt.Sprintf("slipway-0.1.0+dev.1a2b3c4d.dirty-1.x86_64 reproducible %d Packs releases\n", epoch.Unix()); head != want {
		t.Errorf("rpm prints %q, want %q", head, want)
	}
	dump := run(t, dir, "rpm", "-qp", "--dump", output)
	for _, want := range []string{"/usr/bin/tool-root 3000000 " + fmt.Sprint(epoch.Unix()), "0104755 root root 0 0", "0100640 root root 1 0"} {
		if !strings.Contains(dump, want) {
			t.Errorf("rpm lists %s\nwant %q", dump, want)
		}
	}
	if requires := run(t, dir, "rpm", "-qpR", output); !strings.Contains(requires, "iptables >= 1.8\n") {
		t.Errorf("it requires %s", requires)
	}
	if scripts := run(t, dir, "rpm", "-qp", "--scripts", output); !strings.Contains(scripts, "exit 0") {
		t.Errorf("its scripts are %s", scripts)
	}
}

// run runs a program in the time zone UTC, and returns its output. A missing program skips the test, or fails it with
// SLIPWAY_REQUIRE_ENGINES=1.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), imagetest.Program(t, name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
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

func TestDeflater(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, deflateBlock - 1, deflateBlock, deflateBlock + 1, 3*deflateBlock + 12345} {
		body := make([]byte, size)
		random.Read(body)
		copy(body[size/2:], body) // half of it can be compressed
		var out bytes.Buffer
		w, err := newGzipper(&out)
		must(t, err)
		for rest := body; len(rest) > 0; {
			n, err := w.Write(rest[:min(len(rest), 100_000)])
			must(t, err)
			rest = rest[n:]
		}
		must(t, w.Close())
		r, err := gzip.NewReader(&out)
		must(t, err)
		got, err := io.ReadAll(r)
		must(t, err)
		if !bytes.Equal(got, body) {
			t.Errorf("%d bytes are decompressed to %d different ones", size, len(got))
		}
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

func TestTooLargeForRPM(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sparse")
	must(t, os.WriteFile(file, nil, 0o644))
	must(t, os.Truncate(file, 1<<31))
	err := pack(t.Context(), filepath.Join(t.TempDir(), "x.rpm"), []File{{Source: file, Path: "/sparse"}}, testPackage(), epoch)
	if err == nil || !strings.Contains(err.Error(), "2147483648 bytes, but an rpm can hold at most 2147483647") {
		t.Errorf("error is %v", err)
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

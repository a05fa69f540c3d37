package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

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

func TestTooLargeForRPM(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sparse")
	must(t, os.WriteFile(file, nil, 0o644))
	must(t, os.Truncate(file, 1<<31))
	err := pack(t.Context(), filepath.Join(t.TempDir(), "x.rpm"), []File{{Source: file, Path: "/sparse"}}, testPackage(), epoch)
	if err == nil || !strings.Contains(err.Error(), "2147483648 bytes, but an rpm can hold at most 2147483647") {
		t.Errorf("error is %v", err)
	}
}

package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

func otherPackage(dir string) Package {
	p := testPackage()
	p.Version, p.Conflicts = "v1.36.4-rc2+rke2r1", []string{"other"}
	p.Scripts = map[string]string{"postinstall": filepath.Join(dir, "preinstall.sh")}
	return p
}

// TestAPK reads an apk as apk-tools do. They find .PKGINFO in the first gzip member, compare its datahash with the
// second, and compare the checksum of each file with its content.
func TestAPK(t *testing.T) {
	skipWithoutModes(t)
	dir, files := testTree(t)
	testfile.Symlink(t, "a/deep/page.md", filepath.Join(dir, "docs", "latest"))
	output := filepath.Join(t.TempDir(), "slipway.apk")
	must(t, pack(t.Context(), output, files, otherPackage(dir), epoch))
	data, err := os.ReadFile(output)
	must(t, err)
	reader := bytes.NewReader(data)
	control, err := gzip.NewReader(reader)
	must(t, err)
	control.Multistream(false)
	head, err := io.ReadAll(control)
	must(t, err)
	second := data[len(data)-reader.Len():]
	hash := sha256.Sum256(second)

	got := map[string]string{}
	for archive := tar.NewReader(bytes.NewReader(head)); ; {
		h, err := archive.Next()
		if err != nil { // the tar of the control has no end, since apk-tools join it with the next
			break
		}
		body, err := io.ReadAll(archive)
		must(t, err)
		got[h.Name] = string(body)
	}
	want := "pkgname = slipway\npkgver = 1.36.4_rc2_p1-r0\narch = x86_64\nsize = SIZE\npkgdesc = Packs releases\n  And does so again.\nurl = https://example.com\n" +
		"maintainer = The authors <authors@example.com>\ndepend = iptables>=1.8\ndepend = tar\ndepend = !other\nlicense = Apache-2.0\ndatahash = " + hex.EncodeToString(hash[:]) + "\n"
	info := regexp.MustCompile(`size = [0-9]+`).ReplaceAllString(got[".PKGINFO"], "size = SIZE")
	if diff := cmp.Diff(want, info); diff != "" {
		t.Error(diff)
	}
	if got[".post-install"] != "#!/bin/sh\nexit 0\n" {
		t.Errorf("scripts: %q", got)
	}

	content, err := gzip.NewReader(bytes.NewReader(second))
	must(t, err)
	checked := 0
	for archive := tar.NewReader(content); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		body, err := io.ReadAll(archive)
		must(t, err)
		sum := sha1.Sum(body)
		if h.Typeflag == tar.TypeReg && h.PAXRecords["APK-TOOLS.checksum.SHA1"] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: checksum is %q", h.Name, h.PAXRecords)
		}
		if h.Name == "usr/share/doc/slipway/docs/latest" && h.Linkname != "a/deep/page.md" {
			t.Errorf("the target of the link is %q", h.Linkname)
		}
		checked++
	}
	if checked < len(files) {
		t.Errorf("only %d entries", checked)
	}
}

// TestArchlinux reads a package of Arch Linux with libarchive, which pacman uses.
func TestArchlinux(t *testing.T) {
	skipWithoutModes(t)
	bsdtar := imagetest.Program(t, "bsdtar")
	dir, files := testTree(t)
	output := filepath.Join(t.TempDir(), "slipway.pkg.tar.zst")
	must(t, pack(t.Context(), output, files, otherPackage(dir), epoch))
	info := run(t, dir, bsdtar, "-xOf", output, ".PKGINFO")
	for _, want := range []string{"pkgname = slipway\n", "pkgver = 1.36.4rc2+rke2r1-1\n", "arch = x86_64\n", "pkgdesc = Packs releases And does so again.\n", "builddate = 1772600767\n",
		"packager = The authors <authors@example.com>\n", "conflict = other\n", "depend = iptables>=1.8\n", "backup = etc/slipway/config.yaml\n"} {
		if !strings.Contains(info, want) {
			t.Errorf(".PKGINFO is %s\nwant %q", info, want)
		}
	}
	if script := run(t, dir, bsdtar, "-xOf", output, ".INSTALL"); !strings.HasPrefix(script, "function post_install() {\n#!/bin/sh") {
		t.Errorf(".INSTALL is %q", script)
	}
	listing := run(t, dir, bsdtar, "-tvf", output)
	for _, want := range []string{"-rwsr-xr-x", "usr/bin/tool-root", "etc/slipway/config.yaml", ".MTREE"} {
		if !strings.Contains(listing, want) {
			t.Errorf("bsdtar lists %s\nwant %q", listing, want)
		}
	}
}

func TestVersionsOfAPK(t *testing.T) {
	day := time.Date(2023, 11, 14, 0, 0, 0, 0, time.UTC)
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2": "1.2", "v1.2.3-rc1": "1.2.3_rc1", "v1.2.3-alpha.2": "1.2.3_alpha2", "v1.2.3-beta": "1.2.3_beta",
		"v1.36.4+rke2r1": "1.36.4_p1", "v1.36.4-rc2+rke2r10": "1.36.4_rc2_p10", "v0.0.0+dev.1a2b3c4d-dirty": "0.0.0_git20231114",
		"v1.2.3-nightly": "", "v1.2.3+final": "", "nightly": "", "v1.2.3-rc1.2": "",
	} {
		if got, err := apkVersion(version, day); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %q, %v; want %q", version, got, err, want)
		}
	}
}

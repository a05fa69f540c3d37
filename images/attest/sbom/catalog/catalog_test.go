package catalog

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// readFiles reads a tar of files and returns the facts by name.
func readFiles(t *testing.T, files imagetest.Files) (facts map[string]*Facts, l *Layer) {
	t.Helper()
	content := imagetest.Tar(t, files.Entries()...)
	ar := &fstree.Archive{ID: "test", Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
	l, err := Read(t.Context(), ar, fstree.Limits{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	facts = map[string]*Facts{}
	for i, f := range l.Facts {
		facts[l.Headers[i].Name] = f
	}
	return facts, l
}

func TestWhatFilesSay(t *testing.T) {
	deb := Package{Type: Deb, Name: "libc6", Version: "2.36-9", Arch: "amd64", Source: "glibc", SourceVersion: "2.36", Supplier: "GNU Libc <x@y>",
		Homepage: "https://gnu.org", Summary: "GNU C Library"}
	paragraph := "Package: libc6\nStatus: install ok installed\nMaintainer: GNU Libc <x@y>\nArchitecture: amd64\nSource: glibc (2.36)\n" +
		"Version: 2.36-9\nHomepage: https://gnu.org\nDescription: GNU C Library\n Long text: with a colon.\n"
	distroless := deb
	for _, c := range []struct {
		name, content string
		want          *Facts
	}{
		{"var/lib/dpkg/status", paragraph + "\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n" + paragraph,
			&Facts{Packages: []Package{deb, deb}}},
		{"var/lib/dpkg/status.d/libc6", strings.Replace(paragraph, "Status: install ok installed\n", "", 1), &Facts{Packages: []Package{distroless}}},
		{"var/lib/dpkg/status.d/libc6.md5sums", "0123  lib/x\n4567  usr/share/a b\n", &Facts{Paths: []string{"lib/x", "usr/share/a b"}}},
		{"var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib\n/lib/x\n", &Facts{Paths: []string{"lib", "lib/x"}}},
		{"usr/share/doc/libc6/copyright", "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: LGPL-2.1+\n text\n\nFiles: x\nLicense: Expat\n",
			&Facts{Licences: []string{"Expat", "LGPL-2.1+"}}},
		{"usr/share/doc/x/copyright", "See /usr/share/common-licenses/GPL-2.\n", &Facts{Licences: []string{"GPL-2"}}},
		{"lib/apk/db/installed", "C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\nT:C library\nU:https://musl\no:musl\nm:A <a@b>\nF:lib\nR:ld.so\nF:\nR:root\n\n",
			&Facts{Packages: []Package{{Type: APK, Name: "musl", Version: "1.2.4-r2", Arch: "x86_64", Licence: "MIT", Summary: "C library",
				Homepage: "https://musl", Source: "musl", Supplier: "A <a@b>", Files: []string{"lib/ld.so", "root"}}}}},
		{"etc/os-release", "NAME=x\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"A \\\"B\\\"\"\nCPE_NAME='cpe:/o:x'\n",
			&Facts{OS: &OS{ID: "debian", VersionID: "12", PrettyName: `A "B"`, CPE: "cpe:/o:x"}}},
		{".PKGINFO", "# comment\npkgname = app\npkgver = 1-r0\narch = x86_64\nlicense = MIT\norigin = src\n",
			&Facts{Packages: []Package{{Type: APK, Name: "app", Version: "1-r0", Arch: "x86_64", Licence: "MIT", Source: "src"}}}},
		{"var/lib/rpm/Packages", strings.Repeat("x", 200), &Facts{Problem: "reading an rpm database: not a database of rpm"}},
		{"var/lib/dpkg/status", strings.Repeat("x", 2*maxLine), &Facts{Problem: "bufio.Scanner: token too long"}},
		{"bin/sh", "\x7fELF and more", nil},
		{"README", "text", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts, l := readFiles(t, imagetest.Files{c.name: c.content})
			if diff := cmp.Diff(c.want, facts[c.name]); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			want := Digests{sha1.Sum([]byte(c.content)), sha256.Sum256([]byte(c.content))}
			if got := l.Digests[len(l.Headers)-1]; got != want {
				t.Errorf("digests %x, want %x", got, want)
			}
		})
	}
}

// A small file cannot make large facts.
func TestFactsAreLimited(t *testing.T) {
	for name, content := range map[string]string{
		"var/lib/dpkg/status":      strings.Repeat("Package: a\n\n", maxText/packageSize+10),
		"var/lib/dpkg/info/a.list": strings.Repeat("a\n", maxText/stringSize),
		"lib/apk/db/installed":     "P:a\nF:" + strings.Repeat("d", maxLine-10) + "\n" + strings.Repeat("R:x\n", 200),
		".PKGINFO":                 "pkgname = a\n" + strings.Repeat("license = "+strings.Repeat("x", 10_000)+"\n", maxText/10_000),
	} {
		s := NewScan("")
		if err := s.Add(&fstree.Header{Name: name, Type: tar.TypeReg, Size: int64(len(content))}, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if f := s.Layer().Facts[0]; f.Problem != errTooMuch.Error() || f.size() > maxText+2*maxLine {
			t.Errorf("%s: facts of %d bytes, problem %q", name, f.size(), f.Problem)
		}
	}
	s := NewScan("")
	s.kept = maxLayer - 10
	if err := s.Add(&fstree.Header{Name: "etc/os-release", Type: tar.TypeReg, Size: 9}, strings.NewReader("ID=debian")); err != nil {
		t.Fatal(err)
	}
	if f := s.Layer().Facts[0]; f.Problem != errTooMuch.Error() || f.OS != nil {
		t.Errorf("in a layer with many facts: %+v", f)
	}
}

// The test is a Go program itself.
func TestGoProgramsSayTheirModules(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	facts, _ := readFiles(t, imagetest.Files{"bin/test": string(content)})
	b := facts["bin/test"].Go
	if b.Main.Path != "github.com/slipway-build/slipway" || "go"+b.GoVersion != strings.Fields(runtime.Version())[0] {
		t.Errorf("main module %q, Go %q", b.Main.Path, b.GoVersion)
	}
}

func TestStrippedAndForeignProgramsSayTheirModules(t *testing.T) {
	command := imagetest.Program(t, "go")
	for _, goos := range []string{"linux", "windows"} {
		dir := t.TempDir()
		testfile.Write(t, filepath.Join(dir, "go.mod"), "module example.com/app\n\ngo 1.26\n")
		testfile.Write(t, filepath.Join(dir, "main.go"), "package main\n\nvar version, token string\n\nfunc main() { print(version, token) }\n")
		out := filepath.Join(dir, "app")
		build := exec.Command(command, "build", "-trimpath=false", "-ldflags=-s -w -X main.token=secret -X main.version=v1.2.3", "-o", out, ".")
		build.Dir = dir
		build.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		facts, _ := readFiles(t, imagetest.Files{"Files/app": string(content)})
		if f := facts["Files/app"]; f == nil || f.Go.Main.Path != "example.com/app" || f.Go.Main.Version != "v1.2.3" {
			t.Errorf("%s: found %+v", goos, f)
		}
	}
}

func TestLargeFilesGoThroughADisk(t *testing.T) {
	dir := t.TempDir()
	r := newFileReader(dir)
	content := "\x7fELF" + strings.Repeat("x", inMemory)
	got, _, err := r.read("bin/large", int64(len(content)), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256([]byte(content)); got.SHA256 != want {
		t.Errorf("digest %x, want %x", got.SHA256, want)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("there are %d temporary files, want one", len(names))
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("%v is left", names)
	}
}

func TestLayersAreEncodedWhole(t *testing.T) {
	_, want := readFiles(t, imagetest.Files{"etc/os-release": "ID=x\n", "a": "b", "empty": "", "bin/": ""})
	var text bytes.Buffer
	if err := want.Encode(&text); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
	for cut := range text.Len() {
		if _, err := Decode(text.Bytes()[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes were read", cut, text.Len())
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("var/lib/dpkg/status", "Package: a\nVersion: 1\n\n")
	f.Add("lib/apk/db/installed", "P:a\nF:../..\nR:x\n")
	f.Add("usr/share/doc/a/copyright", "License: MIT\n")
	f.Add("etc/os-release", "ID=\"a\\")
	f.Add("bin/a", "\x7fELF\x02\x01\x01")
	f.Add("bin/a.exe", "MZ\x90")
	f.Fuzz(func(t *testing.T, name, content string) {
		s := NewScan(t.TempDir())
		defer s.Close()
		if err := s.Add(&fstree.Header{Name: name, Type: tar.TypeReg, Size: int64(len(content))}, strings.NewReader(content)); err != nil {
			t.Error(err)
		}
		for _, facts := range s.Layer().Facts {
			for _, p := range facts.Packages {
				for _, file := range p.Files {
					if strings.HasPrefix(file, "/") || strings.HasPrefix(file, "../") {
						t.Errorf("%q leads out of the root", file)
					}
				}
			}
		}
	})
}

package sbom

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/testfile"
)

// debian is a layer of a small Debian, whose lib is a symlink.
func debian(t *testing.T) v1.Layer {
	files := imagetest.Files{
		"usr/lib/os-release":                 "ID=debian\nVERSION_ID=\"12\"\n",
		"var/lib/dpkg/status":                "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\nSource: glibc\n\nPackage: old\nStatus: install ok installed\nVersion: 1\n",
		"var/lib/dpkg/info/libc6:amd64.list": "/lib\n/lib/libc.so.6\n/usr/share/doc/libc6/copyright\n",
		"usr/lib/libc.so.6":                  "libc",
		"usr/share/doc/libc6/copyright":      "License: LGPL-2.1+\n",
		"etc/app/hidden":                     "x",
	}
	entries := append(files.Entries(), imagetest.Entry{Header: tar.Header{Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib"}})
	return imagetest.LayerOf(t, "application/vnd.oci.image.layer.v1.tar+gzip", entries...)
}

func find(t *testing.T, in *Inventory, name string) *Component {
	t.Helper()
	i := slices.IndexFunc(in.Components, func(c *Component) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("%s is not among %d components", name, len(in.Components))
	}
	return in.Components[i]
}

func paths(in *Inventory) (all []string) {
	for _, f := range in.Files {
		all = append(all, f.Path)
	}
	return all
}

// What a later layer hides or replaces does not count, and owned files are found through symlinks.
func TestImageIsItsFileSystem(t *testing.T) {
	image := imagetest.Image(t, "linux/amd64", debian(t), imagetest.Layer(t, imagetest.Files{
		"var/lib/dpkg/status": "Package: libc6\nStatus: install ok installed\nVersion: 2.36-10\nArchitecture: amd64\nSource: glibc\n",
		"etc/app/.wh.hidden":  "",
	}))
	var c Catalog
	in, err := c.Image(t.Context(), "registry.example.com/app:v1", image)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Components) != 2 {
		t.Errorf("found %d components, want the distribution and libc6", len(in.Components))
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	want := Subject{Kind: ImageKind, Name: "registry.example.com/app", Version: "v1", Digest: digest.Hex, Time: imagetest.Created(),
		PURL: "pkg:oci/app@" + digest.String() + "?arch=amd64&os=linux&repository_url=registry.example.com%2Fapp&tag=v1"}
	if diff := cmp.Diff(want, in.Subject); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
	libc := &Component{Type: "deb", Name: "libc6", Version: "2.36-10", Arch: "amd64", Licences: []string{"LGPL-2.1+"},
		PURL:    "pkg:deb/debian/libc6@2.36-10?arch=amd64&distro=debian-12&upstream=glibc",
		FoundIn: []string{"var/lib/dpkg/status"}, Files: []string{"usr/lib/libc.so.6", "usr/share/doc/libc6/copyright"}}
	if diff := cmp.Diff(libc, find(t, in, "libc6")); diff != "" {
		t.Errorf("libc6 (-want +got):\n%s", diff)
	}
	if slices.Contains(paths(in), "etc/app/hidden") {
		t.Error("a file that a whiteout hides is listed")
	}
}

func TestPackagesOfOtherDistributions(t *testing.T) {
	for _, c := range []struct {
		name, purl string
		files      imagetest.Files
	}{
		{"musl", "pkg:apk/alpine/musl@1.2-r0?arch=x86_64&distro=alpine-3.19.1", imagetest.Files{
			"etc/os-release": "ID=alpine\nVERSION_ID=3.19.1\n", "lib/apk/db/installed": "P:musl\nV:1.2-r0\nA:x86_64\no:musl\nF:lib\nR:ld.so\n", "lib/ld.so": "x"}},
		{"base-files", "pkg:deb/debian/base-files@12?arch=all", imagetest.Files{
			"var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12\nArchitecture: all\n", "var/lib/dpkg/status.d/base-files.md5sums": "00  etc/x\n", "etc/x": "x"}},
	} {
		var catalog Catalog
		in, err := catalog.Image(t.Context(), "", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, c.files)))
		if err != nil {
			t.Fatal(err)
		}
		if p := find(t, in, c.name); p.PURL != c.purl || len(p.Files) != 1 {
			t.Errorf("%s: package URL %s, files %q; want %s and one file", c.name, p.PURL, p.Files, c.purl)
		}
	}
}

// A database that repeats the name of a package does not repeat its files.
func TestAListOfFilesIsUsedOnce(t *testing.T) {
	files := imagetest.Files{}
	var list, status strings.Builder
	for i := range 100 {
		name := fmt.Sprintf("usr/%d", i)
		files[name] = ""
		fmt.Fprintf(&list, "/%s\n", name)
		fmt.Fprintf(&status, "Package: a\nStatus: install ok installed\nVersion: %d\n\n", i)
	}
	files["var/lib/dpkg/info/a.list"], files["var/lib/dpkg/status"] = list.String(), status.String()
	var c Catalog
	in, err := c.Image(t.Context(), "", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, files)))
	if err != nil {
		t.Fatal(err)
	}
	owned := 0
	for _, c := range in.Components {
		owned += len(c.Files)
	}
	if len(in.Components) != 100 || owned != 100 {
		t.Errorf("%d components own %d files, want 100 and 100", len(in.Components), owned)
	}
	s, p := newSurvey(), catalog.Package{Type: catalog.Deb, Name: "a"}
	s.addPackage("status", &p)
	s.addPackage("status", &p)
	for _, c := range s.components.known {
		if len(c.FoundIn) != 1 {
			t.Errorf("an identical package was added again: %+v", c)
		}
	}
}

func TestWindowsImages(t *testing.T) {
	var c Catalog
	image := imagetest.Image(t, "windows/amd64:10.0.20348.4294",
		imagetest.Layer(t, imagetest.Files{"Files/Windows/base.dll": "x", "Hives/System_Base": "x"}),
		imagetest.Layer(t, imagetest.Files{"Files/app.exe": "y", "Files/Windows/.wh.base.dll": "", "Hives/": ""}))
	in, err := c.Image(t.Context(), "", image)
	if err != nil {
		t.Fatal(err)
	}
	if got := paths(in); !slices.Equal(got, []string{"app.exe"}) {
		t.Errorf("files %q, want app.exe", got)
	}
	if os := find(t, in, "windows"); os.Version != "10.0.20348.4294" || os.Type != OS {
		t.Errorf("operating system %+v", os)
	}
}

// broken is a layer that cannot be read.
type broken struct{ v1.Layer }

func (broken) Uncompressed() (io.ReadCloser, error) { return nil, errors.New("read again") }

type brokenImage struct{ v1.Image }

func (b brokenImage) Layers() ([]v1.Layer, error) {
	layers, err := b.Image.Layers()
	for i := range layers {
		layers[i] = broken{layers[i]}
	}
	return layers, err
}

func TestALayerIsReadOnce(t *testing.T) {
	cache, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	image := imagetest.Image(t, "linux/amd64", debian(t))
	want, err := (&Catalog{Store: cache, Jobs: 2}).Image(t.Context(), "app", image)
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&Catalog{Store: cache}).Image(t.Context(), "app", brokenImage{image})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("from the cache (-made +remembered):\n%s", diff)
	}
	if _, err := (&Catalog{}).Image(t.Context(), "app", brokenImage{image}); err == nil || !strings.Contains(err.Error(), "layer 1 (sha256:") {
		t.Errorf("a layer that cannot be read: %v", err)
	}
}

// relabelled has the diff ID of another layer.
type relabelled struct {
	v1.Layer
	diffID v1.Hash
}

func (l relabelled) DiffID() (v1.Hash, error) { return l.diffID, nil }

// A config that names a layer which others have, too, does not change what is known of that one.
func TestALayerWithAnotherDiffIDIsRefused(t *testing.T) {
	cache, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	c := &Catalog{Store: cache}
	base := debian(t)
	diffID, err := base.DiffID()
	if err != nil {
		t.Fatal(err)
	}
	wrong := imagetest.Image(t, "linux/amd64", relabelled{imagetest.Layer(t, imagetest.Files{"x": "y"}), diffID})
	if _, err := c.Image(t.Context(), "", wrong); err == nil || !strings.Contains(err.Error(), "layer 1 ("+diffID.String()+"): it has the diff ID sha256:") {
		t.Errorf("a layer with other content: %v", err)
	}
	in, err := c.Image(t.Context(), "", imagetest.Image(t, "linux/amd64", base))
	if err != nil {
		t.Fatal(err)
	}
	find(t, in, "libc6")
}

func TestImagesOfAnArchiveShareComponents(t *testing.T) {
	base := debian(t)
	var c Catalog
	list := []NamedImage{
		{[]string{"registry.example.com/a:v1"}, imagetest.Image(t, "linux/amd64", base)},
		{[]string{"registry.example.com/b:v1"}, imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"x": "y"}))},
	}
	in, err := c.Images(t.Context(), Subject{Kind: ArchiveKind, Name: "x.tar"}, list)
	if err != nil {
		t.Fatal(err)
	}
	libc := find(t, in, "libc6")
	for _, name := range []string{"registry.example.com/a", "registry.example.com/b"} {
		if image := find(t, in, name); image.Type != OCI || !slices.Contains(image.Uses, libc) || len(image.Uses) != 3 {
			t.Errorf("%s uses %d components, want the three of the base", name, len(image.Uses))
		}
	}
	if len(in.Components) != 5 || len(in.Files) != 0 || !in.Subject.Time.Equal(imagetest.Created()) {
		t.Errorf("%d components, %d files, time %v", len(in.Components), len(in.Files), in.Subject.Time)
	}
}

// The same version of a package differs between distributions, which the PURL says.
func TestPackagesOfDistributionsAreNotMerged(t *testing.T) {
	var c Catalog
	var list []NamedImage
	for _, version := range []string{"3.21.0", "3.20.0"} {
		list = append(list, NamedImage{[]string{"example.com/alpine:" + version}, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{
			"etc/os-release": "ID=alpine\nVERSION_ID=" + version + "\n", "lib/apk/db/installed": "P:zlib\nV:1.3.1-r2\nA:x86_64\n"}))})
	}
	in, err := c.Images(t.Context(), Subject{Kind: ArchiveKind, Name: "x.tar"}, list)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, c := range in.Components {
		if c.Name == "zlib" {
			found = append(found, c.PURL)
		}
	}
	want := []string{"pkg:apk/alpine/zlib@1.3.1-r2?arch=x86_64&distro=alpine-3.20.0", "pkg:apk/alpine/zlib@1.3.1-r2?arch=x86_64&distro=alpine-3.21.0"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("zlib (-want +got):\n%s", diff)
	}
}

func TestThePackageItselfIsInOrder(t *testing.T) {
	in := &Inventory{Components: []*Component{{Type: catalog.Deb, Name: "a"}, {Type: Golang, Name: "a"}}, Files: []File{{Path: "x"}}}
	for range 2 { // the second time, it is known
		in.describe(&catalog.Package{Type: catalog.Deb, Name: "b"})
		if len(in.Components) != 3 || !slices.IsSortedFunc(in.Components, (*Component).compare) || in.Components[1].Name != "b" {
			t.Errorf("components %+v", in.Components)
		}
	}
}

func TestFiles(t *testing.T) {
	files := imagetest.Files{"usr/bin/app": "x", "README": "y"}
	content := imagetest.Tar(t, files.Entries()...)
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	for _, name := range []string{"usr/bin/app", "README"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		want    []string
	}{
		"a.tar":     {content, []string{"README", "usr/bin/app"}},
		"a.zip":     {zipped.Bytes(), []string{"README", "usr/bin/app"}},
		"a.txt":     {[]byte("text"), []string{"a.txt"}},
		"empty":     {nil, []string{"empty"}},
		"PK":        {[]byte("PK"), []string{"PK"}},
		"a.gz":      {gzipped(t, "text"), []string{"a.gz"}},
		"signed.gz": {append(gzipped(t, "text"), "and more"...), []string{"signed.gz"}},
		"a.tar.gz":  {gzipped(t, string(content)), []string{"README", "usr/bin/app"}},
		"a.lz4":     {[]byte("\x04\x22\x4d\x18 cannot be read"), []string{"a.lz4"}},
		"a.alpine":  {imagetest.Tar(t, imagetest.Files{".PKGINFO": "pkgname = app\npkgver = 1-r0\n", "bin/app": "x"}.Entries()...), []string{".PKGINFO", "bin/app"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			testfile.Write(t, path, string(c.content))
			var catalog Catalog
			in, err := catalog.File(t.Context(), path, Known{})
			if err != nil {
				t.Fatal(err)
			}
			if got := paths(in); !slices.Equal(got, c.want) {
				t.Errorf("files %q, want %q", got, c.want)
			}
			if in.Subject.Name != name || in.Subject.Kind != FileKind || in.Subject.Digest != fmt.Sprintf("%x", sha256.Sum256(c.content)) {
				t.Errorf("subject %+v", in.Subject)
			}
			if name == "a.alpine" {
				if p := find(t, in, "app"); p.Type != "apk" || len(p.Files) != 2 || in.Subject.Version != "1-r0" {
					t.Errorf("package %+v", p)
				}
			}
		})
	}
}

func gzipped(t *testing.T, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, content)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The digest of a plain file is that which the scan has made.
func TestAPlainFileIsHashedOnce(t *testing.T) {
	var c Catalog
	b := &bundle{catalog: &c, ctx: t.Context(), name: "app", scan: catalog.NewScan("")}
	path := filepath.Join(t.TempDir(), "app")
	testfile.Write(t, path, "text")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(b.read(f), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := b.subject(f); err != nil || s.Digest != fmt.Sprintf("%x", sha256.Sum256([]byte("text"))) {
		t.Errorf("subject %+v: %v", s, err)
	}
}

func TestDamagedFilesAreErrors(t *testing.T) {
	for name, content := range map[string]string{
		"a.deb":     "!<arch>\nx",
		"b.deb":     "!<arch>\n" + strings.Repeat(" ", 60),
		"c.deb":     "!<arch>\ndebian-binary   0           0     0     100644  -4        `\n2.0\n",
		"d.deb":     "!<arch>\ncontrol.tar     0           0     0     100644  4         `\n2.0\n",
		"a.rpm":     "\xed\xab\xee\xdb" + strings.Repeat("x", 200),
		"a.zip":     "PK\x03\x04 and more",
		"a.tar.gz":  string(gzipped(t, strings.Repeat("x", 2000))[:14]),
		"b.tar.gz":  "\x1f\x8b\x08 is no gzip",
		"a.tar.zst": "\x28\xb5\x2f\xfd is no zstd",
		"a.tar.bz2": "BZh9 is no bzip2",
		"a.tar.xz":  "\xfd7zXZ\x00 is no xz",
	} {
		path := filepath.Join(t.TempDir(), name)
		testfile.Write(t, path, content)
		var c Catalog
		if _, err := c.File(t.Context(), path, Known{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var c Catalog
	if _, err := c.File(t.Context(), filepath.Join(t.TempDir(), "missing"), Known{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// Whatever a file contains, reading it ends, and does not panic.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{"!<arch>\ncontrol.tar     0           0     0     100644  4         `\n2.0\n", "\xed\xab\xee\xdb",
		"PK\x03\x04", "\x1f\x8b\x08", "\x7fELF", "070701"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c := Catalog{Limits: fstree.Limits{Bytes: 1 << 20, Entries: 100}}
		in, err := c.File(t.Context(), path, Known{})
		if err == nil && in.Subject.Digest == "" {
			t.Error("the file has no digest")
		}
	})
}

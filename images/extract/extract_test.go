package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// packed returns the only image of an archive.
func packed(t testing.TB, path string) *airgap.PackedImage {
	t.Helper()
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	list, err := a.Images(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d images: %v", len(list), err)
	}
	return list[0]
}

// source returns the Source for an image of an archive.
func source(t testing.TB, img *airgap.PackedImage) Source {
	t.Helper()
	image, err := img.Image(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return Source{Name: img.String(), Image: image, Platform: img.Platform}
}

// layered returns the Source for an image of layers.
func layered(t testing.TB, platform string, layers ...v1.Layer) Source {
	t.Helper()
	return Source{Name: "acme/runtime:v1", Image: imagetest.Image(t, platform, layers...), Platform: imagetest.Platform(t, platform)}
}

// onDisk lists the files below dir, one per line, as FormatListing does but without owners.
func onDisk(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm()
		switch rel = filepath.ToSlash(rel); {
		case d.IsDir():
			fmt.Fprintf(&b, "%o %s/\n", mode, rel)
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s -> %s\n", rel, filepath.ToSlash(to))
		default:
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%o %s %q\n", mode, rel, content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hostModes(b.String())
}

// hostModes makes all modes of a listing the same on Windows, which does not have modes.
func hostModes(listing string) string {
	if runtime.GOOS != "windows" {
		return listing
	}
	return regexp.MustCompile(`(?m)^[0-7]{3} `).ReplaceAllString(listing, "755 ")
}

// needLinks skips a test if links cannot be created, as on Windows by default.
func needLinks(t testing.TB) {
	t.Helper()
	testfile.Symlink(t, "there", filepath.Join(t.TempDir(), "link"))
}

// Each layer is a listing, in the form of imagetest.ParseListing.
func TestExtractAppliesLayersInOrder(t *testing.T) {
	tests := map[string]struct {
		platform string // linux/amd64
		layers   []string
		path     string // /bin
		want     string
		count    int
		said     string // part of the error
	}{
		"one layer, one folder": {
			layers: []string{"drwxr-xr-x 0:0 bin/\n-rwxr-xr-x 0:0 bin/tool \"tool\"\ndrwxr-xr-x 0:0 bin/aux/\n-rw-r--r-- 0:0 bin/aux/a \"a\"\n-rw-r--r-- 0:0 etc/passwd \"x\"\n-rw-r--r-- 0:0 binary \"x\""},
			want:   "755 aux/\n644 aux/a \"a\"\n755 tool \"tool\"\n", count: 2,
		},
		"modes are 0755 at most, folders' always": {
			layers: []string{"drwx------ 0:0 bin/d/\n-rwsrwxrwx 0:0 bin/suid \"\"\n-rw-rw-rw- 0:0 bin/all \"\"\n-r-------- 0:0 bin/d/own \"\"\n-rwxrwxrwt 5:5 bin/sticky \"\""},
			want:   "644 all \"\"\n755 d/\n400 d/own \"\"\n755 sticky \"\"\n755 suid \"\"\n", count: 4,
		},
		"an upper layer wins": {
			layers: []string{"-rwxr-xr-x 0:0 bin/a \"old\"\n-rwxr-xr-x 0:0 bin/b \"kept\"", "-rw-r--r-- 0:0 bin/a \"new\""},
			want:   "644 a \"new\"\n755 b \"kept\"\n", count: 2,
		},
		"a whiteout": {
			layers: []string{"-rwxr-xr-x 0:0 bin/a \"a\"\n-rwxr-xr-x 0:0 bin/d/b \"b\"", "-rw-r--r-- 0:0 bin/.wh.a \"\"\n-rw-r--r-- 0:0 bin/.wh.d \"\""},
			want:   "",
		},
		"a whiteout hides lower layers only": {
			layers: []string{"-rwxr-xr-x 0:0 bin/d/old \"b\"", "-rw-r--r-- 0:0 bin/d/new \"n\"\n-rw-r--r-- 0:0 bin/.wh.d \"\""},
			want:   "755 d/\n644 d/new \"n\"\n", count: 1,
		},
		"an opaque folder, wherever its mark stands": {
			layers: []string{"-rwxr-xr-x 0:0 bin/a \"a\"\n-rwxr-xr-x 0:0 bin/d/b \"b\"", "-rw-r--r-- 0:0 bin/new \"n\"\n-rw-r--r-- 0:0 bin/.wh..wh..opq \"\"\n-rw-r--r-- 0:0 bin/new2 \"n\""},
			want:   "644 new \"n\"\n644 new2 \"n\"\n", count: 2,
		},
		"a whiteout of a folder above": {
			layers: []string{"-rwxr-xr-x 0:0 usr/bin/a \"a\"", "-rw-r--r-- 0:0 .wh.usr \"\"\n-rwxr-xr-x 0:0 usr/bin/b \"b\""},
			path:   "/usr/bin/", want: "755 b \"b\"\n", count: 1,
		},
		"an opaque root, which overlayfs does not have": {
			layers: []string{"-rwxr-xr-x 0:0 usr/bin/a \"a\"\n-rwxr-xr-x 0:0 lib/x \"a\"", "-rw-r--r-- 0:0 .wh..wh..opq \"\"\ndrwxr-xr-x 0:0 usr/bin/"},
			path:   "usr/bin", want: "755 a \"a\"\n", count: 1,
		},
		"files that AUFS kept under another name": {
			layers: []string{"-rwxr-xr-x 0:0 .wh..wh.plnk/5.6 \"old\"\n-rwxr-xr-x 0:0 .wh..wh.plnk/5.6 \"a\"\nhrw-r--r-- 0:0 bin/a -> .wh..wh.plnk/5.6\nhrw-r--r-- 0:0 bin/b -> /.wh..wh.plnk/5.6\nhrw-r--r-- 0:0 lib/c -> .wh..wh.plnk/5.6"},
			want:   "755 a \"a\"\n755 b \"a\"\n", count: 2,
		},
		"such a file of a lower layer": {
			layers: []string{"-rwxr-xr-x 0:0 .wh..wh.plnk/5.6 \"a\"", "hrwxr-xr-x 0:0 bin/a -> .wh..wh.plnk/5.6"},
			said:   "not a file in the extracted folder",
		},
		"a whiteout, and then the folder": {
			layers: []string{"-rwxr-xr-x 0:0 bin/d/old \"b\"", "-rw-r--r-- 0:0 bin/.wh.d \"\"\ndrwxr-xr-x 0:0 bin/d/\n-rw-r--r-- 0:0 bin/d/new \"n\""},
			want:   "755 d/\n644 d/new \"n\"\n755 d/old \"b\"\n", count: 2,
		},
		"what AUFS kept": {
			layers: []string{"-rwxr-xr-x 0:0 a \"a\"\ndrwxr-xr-x 0:0 .wh..wh.plnk/\n-rwxr-xr-x 0:0 .wh..wh.plnk/5.6 \"a\"\n-rwxr-xr-x 0:0 .wh..wh.aufs \"a\""},
			path:   "/", want: "755 a \"a\"\n", count: 1,
		},
		"a file below a link of a lower layer": {
			layers: []string{"-rwxr-xr-x 0:0 usr/lib/a \"a\"\nlrwxrwxrwx 0:0 lib -> usr/lib", "-rw-r--r-- 0:0 lib/x \"x\"\n-rw-r--r-- 0:0 lib/sub/z \"z\""},
			path:   "/", want: "755 lib/\n755 lib/sub/\n644 lib/sub/z \"z\"\n644 lib/x \"x\"\n755 usr/\n755 usr/lib/\n755 usr/lib/a \"a\"\n", count: 3,
		},
		"such a folder is extracted": {
			layers: []string{"-rwxr-xr-x 0:0 usr/lib/a \"a\"\nlrwxrwxrwx 0:0 lib -> usr/lib", "-rw-r--r-- 0:0 lib/x \"x\""},
			path:   "/lib", want: "644 x \"x\"\n", count: 1,
		},
		"such a folder holds nothing that is extracted": {
			layers: []string{"lrwxrwxrwx 0:0 a -> b\n-rw-r--r-- 0:0 b/bin/x \"x\"", "-rw-r--r-- 0:0 a/other \"\"", "drwxr-xr-x 0:0 a/bin/"},
			path:   "/a/bin", want: "",
		},
		"a file below a lower file": {
			layers: []string{"-rwxr-xr-x 0:0 bin/d \"file\"", "-rw-r--r-- 0:0 bin/d/x \"x\""},
			want:   "755 d/\n644 d/x \"x\"\n", count: 1,
		},
		"a file below a lower link, where that led in": {
			layers: []string{"drwxr-xr-x 0:0 bin/d/", "lrwxrwxrwx 0:0 bin/d -> .", "-rw-r--r-- 0:0 bin/d/x \"\""},
			want:   "755 d/\n644 d/x \"\"\n", count: 1,
		},
		"a file below a link of its own layer": {
			layers: []string{"-rwxr-xr-x 0:0 usr/bin/a \"a\"", "lrwxrwxrwx 0:0 bin -> usr/bin\n-rw-r--r-- 0:0 bin/x \"x\"\nlrwxrwxrwx 0:0 sbin -> /nowhere/../bin\nhrwxrwxrwx 0:0 l -> sbin\n-rw-r--r-- 0:0 l/y \"y\"\nhrwxr-xr-x 0:0 usr/bin/z -> sbin/x"},
			path:   "/usr/bin", want: "755 a \"a\"\n755 x \"x\"\n644 y \"y\"\n755 z \"x\"\n", count: 4,
		},
		"a link that a folder replaced leads nowhere": {
			layers: []string{"lrwxrwxrwx 0:0 bin/a -> b\ndrwxr-xr-x 0:0 bin/a/\n-rw-r--r-- 0:0 bin/a/x \"x\"\nlrwxrwxrwx 0:0 bin/c/d -> ../b\n-rw-r--r-- 0:0 bin/c \"c\"\ndrwxr-xr-x 0:0 bin/c/\n-rw-r--r-- 0:0 bin/c/d/e \"e\""},
			want:   "755 a/\n644 a/x \"x\"\n755 c/\n755 c/d/\n644 c/d/e \"e\"\n", count: 2,
		},
		"a whiteout below a lower link": {
			layers: []string{"-rwxr-xr-x 0:0 bin/real/a \"a\"\nlrwxrwxrwx 0:0 bin/l -> real", "-rw-r--r-- 0:0 bin/l/.wh.a \"\""},
			want:   "755 l/\n755 real/\n755 real/a \"a\"\n", count: 1,
		},
		"a hard link's own mode": {
			layers: []string{"-rwxr-xr-x 0:0 bin/a \"a\"\nhrw-r--r-- 0:0 bin/b -> bin/a"},
			want:   "644 a \"a\"\n644 b \"a\"\n", count: 2,
		},
		"a file in place of a folder, and back": {
			layers: []string{"-rwxr-xr-x 0:0 bin/a/x \"x\"\n-rwxr-xr-x 0:0 bin/b \"b\"", "-rw-r--r-- 0:0 bin/a \"file\"\ndrwxr-xr-x 0:0 bin/b/\n-rw-r--r-- 0:0 bin/b/y \"y\""},
			want:   "644 a \"file\"\n755 b/\n644 b/y \"y\"\n", count: 2,
		},
		"hard links": {
			layers: []string{"-rwxr-xr-x 0:0 bin/busybox \"bb\"\nhrwxr-xr-x 0:0 bin/sh -> bin/busybox", "hrwxr-xr-x 0:0 bin/ls -> /bin/sh"},
			want:   "755 busybox \"bb\"\n755 ls \"bb\"\n755 sh \"bb\"\n", count: 3,
		},
		"one of the names is replaced": {
			layers: []string{"-rwxr-xr-x 0:0 bin/busybox \"bb\"\nhrwxr-xr-x 0:0 bin/sh -> bin/busybox", "-rwxr-xr-x 0:0 bin/sh \"bash\""},
			want:   "755 busybox \"bb\"\n755 sh \"bash\"\n", count: 2,
		},
		"links": {
			layers: []string{"-rwxr-xr-x 0:0 bin/busybox \"bb\"\nlrwxrwxrwx 0:0 bin/sh -> busybox\nlrwxrwxrwx 0:0 bin/sub/sh -> ../sh\nlrwxrwxrwx 0:0 bin/gone -> nowhere\nhrwxrwxrwx 0:0 bin/sh2 -> bin/sh"},
			want:   "755 busybox \"bb\"\ngone -> nowhere\nsh -> busybox\nsh2 -> busybox\n755 sub/\nsub/sh -> ../sh\n", count: 5,
		},
		"links by way of folders above are made relative": {
			layers: []string{"-rwxr-xr-x 0:0 bin/busybox \"bb\"\nlrwxrwxrwx 0:0 bin/sh -> /bin/busybox\nlrwxrwxrwx 0:0 bin/sub/sh -> ../../bin/sh"},
			want:   "755 busybox \"bb\"\nsh -> busybox\n755 sub/\nsub/sh -> ../sh\n", count: 3,
		},
		"everything": {
			layers: []string{"drwxr-xr-x 0:0 ./\n-rwxr-xr-x 0:0 /bin/a \"a\"\n-rw-r--r-- 0:0 ./etc/b \"b\"\nlrwxrwxrwx 0:0 etc/a -> /bin/a"},
			path:   "/", want: "755 bin/\n755 bin/a \"a\"\n755 etc/\netc/a -> ../bin/a\n644 etc/b \"b\"\n", count: 3,
		},
		"an empty folder": {layers: []string{"drwxr-xr-x 0:0 bin/"}, want: ""},
		"devices elsewhere": {
			layers: []string{"crw-rw-rw- 0:0 dev/null 1,3\nprw-r--r-- 0:0 pipe\n-rwxr-xr-x 0:0 bin/a \"a\""},
			want:   "755 a \"a\"\n", count: 1,
		},
		"scratch images of Windows": {
			platform: "windows/amd64:10.0.20348.4294", layers: []string{"-rwxr-xr-x 0:0 bin/a.exe \"MZ\""},
			want: "755 a.exe \"MZ\"\n", count: 1,
		},
		"layers in Windows form": {
			platform: "windows/amd64:10.0.20348.4294",
			layers: []string{"drwxr-xr-x 0:0 Hives/\ndrwxr-xr-x 0:0 Files/\n-rwxr-xr-x 0:0 Files/bin/a.exe \"MZ\"\n-rwxr-xr-x 0:0 Files/bin/b.exe \"MZ\"\n-rwxr-xr-x 0:0 Hives/bin/c \"regf\"",
				"-rw-r--r-- 0:0 Files/bin/.wh.a.exe \"\"\nlrwxrwxrwx 0:0 Files/bin/c.exe -> \"C:\\\\bin\\\\b.exe\"\nhrwxr-xr-x 0:0 Files/bin/d.exe -> Files/bin/b.exe"},
			want: "755 b.exe \"MZ\"\nc.exe -> b.exe\n755 d.exe \"MZ\"\n", count: 3,
		},

		"a folder called Files in a scratch image of Windows": {
			platform: "windows/amd64:10.0.20348.4294",
			layers:   []string{"-rwxr-xr-x 0:0 Files/bin/a.exe \"MZ\"\n-rwxr-xr-x 0:0 Hives/b \"b\"\n-rwxr-xr-x 0:0 bin/c.exe \"MZ\"", "-rwxr-xr-x 0:0 bin/d.exe \"MZ\"\n-rwxr-xr-x 0:0 Files/bin/e.exe \"MZ\""},
			path:     "/", want: "755 Files/\n755 Files/bin/\n755 Files/bin/a.exe \"MZ\"\n755 Files/bin/e.exe \"MZ\"\n755 Hives/\n755 Hives/b \"b\"\n755 bin/\n755 bin/c.exe \"MZ\"\n755 bin/d.exe \"MZ\"\n", count: 5,
		},
		"a folder called Files in an image of Linux": {
			layers: []string{"-rwxr-xr-x 0:0 Files/bin/a \"a\"\n-rwxr-xr-x 0:0 Hives/b \"b\""},
			path:   "/", want: "755 Files/\n755 Files/bin/\n755 Files/bin/a \"a\"\n755 Hives/\n755 Hives/b \"b\"\n", count: 2,
		},

		"a folder that does not exist":     {layers: []string{"-rw-r--r-- 0:0 sbin/a \"\"\n-rw-r--r-- 0:0 etc/a \"\"\n-rw-r--r-- 0:0 top \"\""}, said: "no folder /bin; its top folders are: /etc, /sbin"},
		"a folder that was taken away":     {layers: []string{"-rw-r--r-- 0:0 bin/a \"\"", "-rw-r--r-- 0:0 .wh.bin \"\""}, said: "no folder /bin; its top folders are: none"},
		"a folder that is a link":          {layers: []string{"-rw-r--r-- 0:0 usr/bin/a \"\"\nlrwxrwxrwx 0:0 bin -> usr/bin"}, said: "/bin is a link to usr/bin"},
		"a folder below a link":            {layers: []string{"lrwxrwxrwx 0:0 bin -> usr/bin"}, path: "/bin/x", said: "/bin is a link to usr/bin"},
		"a folder that is a file":          {layers: []string{"-rw-r--r-- 0:0 bin \"\""}, said: "/bin is a file"},
		"a name that leads upwards":        {layers: []string{"-rw-r--r-- 0:0 bin/../../evil \"\""}, said: `contains ".."`},
		"such a name elsewhere":            {layers: []string{"-rw-r--r-- 0:0 bin/a \"\"\n-rw-r--r-- 0:0 ../evil \"\""}, said: `contains ".."`},
		"a file below a link":              {layers: []string{"lrwxrwxrwx 0:0 bin/d -> /etc\n-rw-r--r-- 0:0 bin/d/evil \"\""}, said: `/bin/d is a link to /etc, which leads out of the folder`},
		"a file below links in a circle":   {layers: []string{"lrwxrwxrwx 0:0 bin/a -> b\nlrwxrwxrwx 0:0 bin/b -> a\n-rw-r--r-- 0:0 bin/a/x \"\""}, said: "in a cycle of links"},
		"a file below a file":              {layers: []string{"-rw-r--r-- 0:0 bin/d \"\"\n-rw-r--r-- 0:0 bin/d/evil \"\""}, said: `it is below "bin/d", which is a file`},
		"an absolute link outside":         {layers: []string{"lrwxrwxrwx 0:0 bin/evil -> /etc/passwd"}, said: "leads out of the folder"},
		"a relative link outside":          {layers: []string{"lrwxrwxrwx 0:0 bin/evil -> ../etc/passwd"}, said: "leads out of the folder"},
		"a link to a sibling by prefix":    {layers: []string{"lrwxrwxrwx 0:0 bin/evil -> ../bin2/x"}, said: "leads out of the folder"},
		"a link outside by way of another": {layers: []string{"lrwxrwxrwx 0:0 bin/d/l -> ..\nlrwxrwxrwx 0:0 bin/d/e/evil -> ../l/../x"}, said: "/bin/d/e/evil is a link"},
		"links in a circle":                {layers: []string{"lrwxrwxrwx 0:0 bin/a -> b\nlrwxrwxrwx 0:0 bin/b -> a"}, said: "leads out of the folder"},
		"a hard link outside":              {layers: []string{"-rw-r--r-- 0:0 etc/shadow \"\"\nhrw-r--r-- 0:0 bin/evil -> etc/shadow"}, said: "not a file in the extracted folder"},
		"a hard link upwards":              {layers: []string{"hrw-r--r-- 0:0 bin/evil -> ../../etc/shadow"}, said: "not a path in the image"},
		"a hard link to nothing":           {layers: []string{"hrw-r--r-- 0:0 bin/evil -> bin/none"}, said: "not a file in the extracted folder"},
		"a hard link to itself":            {layers: []string{"-rw-r--r-- 0:0 bin/a \"\"\nhrw-r--r-- 0:0 bin/a -> bin/a"}, said: "not a file in the extracted folder"},
		"a hard link to a folder":          {layers: []string{"drwxr-xr-x 0:0 bin/d/\nhrw-r--r-- 0:0 bin/a -> bin/d"}, said: "not a file in the extracted folder"},
		"a device":                         {layers: []string{"crw-rw-rw- 0:0 bin/null 1,3"}, said: "a device"},
		"a pipe":                           {layers: []string{"prw-r--r-- 0:0 bin/pipe"}, said: "a device"},
		"a whiteout of nothing":            {layers: []string{"-rw-r--r-- 0:0 bin/.wh. \"\""}, said: "a whiteout without the name of a file"},
		"a whiteout of the folder above":   {layers: []string{"-rw-r--r-- 0:0 bin/.wh... \"\""}, said: "a whiteout without the name of a file"},
		"a root that is a file":            {layers: []string{"-rw-r--r-- 0:0 . \"\""}, said: "the root of an image must be a folder"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var layers []v1.Layer
			for _, listing := range tt.layers {
				layers = append(layers, imagetest.LayerOf(t, types.OCILayer, imagetest.ParseListing(t, listing)...))
			}
			if strings.Contains(tt.want, " -> ") {
				needLinks(t)
			}
			if tt.platform == "" {
				tt.platform = "linux/amd64"
			}
			if tt.path == "" {
				tt.path = "/bin"
			}
			if runtime.GOOS == "windows" && strings.Contains(strings.Join(tt.layers, ""), "bin/aux/") {
				tt.said = "the name of a device"
			}
			img := layered(t, tt.platform, layers...)
			parent := t.TempDir()
			dest := filepath.Join(parent, "data", "out")
			count, err := Folders(t.Context(), img, []Folder{{Path: tt.path, Dest: dest}}, Limits{})
			if tt.said != "" {
				if err == nil || !strings.Contains(err.Error(), tt.said) {
					t.Errorf("missing in error %v: %q", err, tt.said)
				}
				if got := onDisk(t, parent); got != "755 data/\n" {
					t.Errorf("remaining files:\n%s", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hostModes(tt.want), onDisk(t, dest)); diff != "" {
				t.Errorf("other files (-want +got):\n%s", diff)
			}
			if count != tt.count {
				t.Errorf("%d files and links instead of %d", count, tt.count)
			}
			if left, err := os.ReadDir(filepath.Dir(dest)); err != nil || len(left) != 1 {
				t.Errorf("beside the folder: %v, %v", left, err)
			}
		})
	}
}

// Whatever the layers are, the result is that of imagetest.Flatten.
func TestExtractAgreesWithFlatten(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		var (
			layers  []v1.Layer
			entries [][]imagetest.Entry
		)
		for range 1 + r.IntN(4) {
			listing := randomLayer(r)
			entries = append(entries, imagetest.ParseListing(t, listing))
			layers = append(layers, imagetest.LayerOf(t, types.OCILayer, entries[len(entries)-1]...))
		}
		var want strings.Builder
		for _, e := range withParents(imagetest.Flatten(t, entries)) {
			rel := strings.TrimPrefix(e.Name, "a/")
			switch {
			case rel == e.Name || rel == "":
			case strings.HasSuffix(rel, "/"):
				fmt.Fprintf(&want, "755 %s\n", rel)
			default:
				fmt.Fprintf(&want, "644 %s %q\n", rel, e.Body)
			}
		}
		dest := filepath.Join(t.TempDir(), "out")
		_, err := Folders(t.Context(), layered(t, "linux/amd64", layers...), []Folder{{Path: "a", Dest: dest}}, Limits{})
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) || want.Len() > 0 {
				t.Fatalf("seed %d: %v", seed, err)
			}
			continue
		}
		if diff := cmp.Diff(hostModes(want.String()), onDisk(t, dest)); diff != "" {
			t.Fatalf("seed %d: other files (-want +got):\n%s\nlayers: %v", seed, diff, entries)
		}
	}
}

// randomLayer returns a layer of files and whiteouts with few names. No name is used twice, below a
// file, or both for a file and a whiteout.
func randomLayer(r *rand.Rand) string {
	names := []string{"a", "b", "c"}
	taken := map[string]bool{} // files and whiteouts of this layer
	folder := map[string]bool{}
	var lines []string
	for range 1 + r.IntN(8) {
		p := "a"
		for range 1 + r.IntN(3) {
			p = path.Join(p, names[r.IntN(len(names))])
		}
		free := !taken[p] && !folder[p]
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			free = free && !taken[dir]
		}
		if !free {
			continue
		}
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if !folder[dir] {
				folder[dir] = true
				lines = append(lines, fmt.Sprintf("drwxr-xr-x 0:0 %s/", dir))
			}
		}
		switch r.IntN(6) {
		case 0:
			lines = append(lines, fmt.Sprintf(`-rw-r--r-- 0:0 %s/.wh.%s ""`, path.Dir(p), path.Base(p)))
		case 1:
			if opq := path.Dir(p) + "/.wh..wh..opq"; !taken[opq] {
				taken[opq] = true
				lines = append(lines, fmt.Sprintf(`-rw-r--r-- 0:0 %s ""`, opq))
			}
			continue
		default:
			lines = append(lines, fmt.Sprintf(`-rw-r--r-- 0:0 %s "%d"`, p, r.IntN(1000)))
		}
		taken[p] = true
	}
	// Folders before their files.
	slices.SortStableFunc(lines, func(a, b string) int {
		return strings.Count(a, "/") - strings.Count(b, "/")
	})
	return strings.Join(lines, "\n")
}

// withParents marks folders with a slash, and sorts as WalkDir does.
func withParents(entries []imagetest.Entry) []imagetest.Entry {
	for i := range entries {
		if entries[i].Typeflag == '5' {
			entries[i].Name += "/"
		}
	}
	slices.SortFunc(entries, func(a, b imagetest.Entry) int {
		return slices.Compare(strings.Split(strings.TrimSuffix(a.Name, "/"), "/"), strings.Split(strings.TrimSuffix(b.Name, "/"), "/"))
	})
	return entries
}

func TestExtractReplacesFolders(t *testing.T) {
	dir := t.TempDir()
	bin, charts := filepath.Join(dir, "bin"), filepath.Join(dir, "charts")
	for _, file := range []string{filepath.Join(bin, "old"), filepath.Join(bin, "tool", "old")} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := onDisk(t, dir)
	what := []Folder{{Path: "/bin", Dest: bin}, {Path: "/charts", Dest: charts}}
	layer := imagetest.Layer(t, imagetest.Files{"bin/tool": imagetest.Words(1, 100_000), "bin/cni": "cni", "charts/": ""})

	// After an error, nothing has changed.
	failing := func(how, said string, img Source, limits Limits, what ...Folder) {
		t.Helper()
		if _, err := Folders(t.Context(), img, what, limits); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: missing in error %v: %q", how, err, said)
		}
		if diff := cmp.Diff(before, onDisk(t, dir)); diff != "" {
			t.Errorf("%s: it has changed (-want +got):\n%s", how, diff)
		}
	}
	good := layered(t, "linux/amd64", layer)
	failing("one folder is missing", "no folder /etc", good, Limits{}, append(what, Folder{"/etc", filepath.Join(dir, "etc")})...)
	failing("too large", "the limit", good, Limits{Bytes: 100_002}, what...)
	failing("too many", "more than the limit of 3 entries", good, Limits{Entries: 3}, what...)
	failing("twice", "are nested", good, Limits{}, what[0], what[0])
	failing("in one another", "are nested", good, Limits{}, what[0], Folder{"/bin/x", charts})
	failing("to one place", "one would replace the other", good, Limits{}, what[0], Folder{"/charts", bin})
	failing("to places in one another", "one would replace the other", good, Limits{}, what[0], Folder{"/charts", filepath.Join(bin, "charts")})
	alias := filepath.Join(t.TempDir(), "alias")
	t.Run("to one place by way of a link", func(t *testing.T) {
		testfile.Symlink(t, dir, alias)
		failing("by way of a link", "one would replace the other", good, Limits{}, what[0], Folder{"/charts", filepath.Join(alias, "bin")})
	})
	failing("nothing", "no folder to extract", good, Limits{})
	failing("nowhere", "no target folder", good, Limits{}, Folder{Path: "/bin"})
	failing("a file is there", "not a folder", good, Limits{}, Folder{"/bin", filepath.Join(bin, "old")})
	damaged := source(t, packed(t, damage(t, layer)))
	failing("a layer is damaged", "is damaged", damaged, Limits{}, what...)
	another := good
	another.Image = otherConfig{good.Image}
	failing("the config is another image's", "diff ID", another, Limits{}, what...)

	count, err := Folders(t.Context(), good, what, Limits{})
	if err != nil || count != 2 {
		t.Fatalf("Extract: %d, %v", count, err)
	}
	want := fmt.Sprintf("755 bin/\n755 bin/cni \"cni\"\n755 bin/tool %q\n755 charts/\n", imagetest.Words(1, 100_000))
	if runtime.GOOS != "windows" {
		if diff := cmp.Diff(want, onDisk(t, dir)); diff != "" {
			t.Errorf("other files (-want +got):\n%s", diff)
		}
	}
}

// otherConfig is an image whose layers have the diff IDs of another config.
type otherConfig struct{ v1.Image }

func (i otherConfig) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	for n := range layers {
		layers[n] = otherLayer{layers[n]}
	}
	return layers, err
}

type otherLayer struct{ v1.Layer }

func (otherLayer) DiffID() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, nil
}

// damage packs a layer as a plain tar and changes a byte of its content.
func damage(t testing.TB, layer v1.Layer) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "damaged.tar")
	airgaptest.PackOne(t, airgaptest.NewStore(t), path, pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/runtime:v1")}, Image: imagetest.Image(t, "linux/amd64", layer)})
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(raw, []byte(imagetest.Words(1, 1000)))
	if i < 0 {
		t.Fatal("the archive does not contain the layer unchanged")
	}
	raw[i+500] ^= 1
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExtractReplacesNoLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "bin")
	testfile.Symlink(t, t.TempDir(), link)
	img := layered(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/a": "a"}))
	if _, err := Folders(t.Context(), img, []Folder{{"/bin", link}}, Limits{}); err == nil || !strings.Contains(err.Error(), "is a link") {
		t.Errorf("Extract: %v", err)
	}
}

// If the second folder fails, the previous content of the first one is restored.
func TestTempFolderIsReverted(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "bin")
	if err := os.Mkdir(final, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(final, "old"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	before := onDisk(t, dir)
	folder, err := newTempFolder(final)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.root.WriteFile("new", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := folder.commit(); err != nil {
		t.Fatal(err)
	}
	if got := onDisk(t, final); !strings.Contains(got, "new") || strings.Contains(got, "old") {
		t.Errorf("after commit: %s", got)
	}
	revertErr := folder.revert()
	_, discardErr := folder.discard()
	if err := errors.Join(revertErr, discardErr); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, onDisk(t, dir)); diff != "" {
		t.Errorf("after revert (-want +got):\n%s", diff)
	}
	// A commit that fails in its last step undoes the first.
	if folder, err = newTempFolder(final); err != nil {
		t.Fatal(err)
	}
	// Windows cannot remove an open folder.
	if err := errors.Join(folder.root.Close(), os.Remove(folder.path)); err != nil {
		t.Fatal(err)
	}
	if err := folder.commit(); err == nil {
		t.Error("a folder that is gone was committed")
	}
	if _, err := folder.discard(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, onDisk(t, dir)); diff != "" {
		t.Errorf("after a commit that failed (-want +got):\n%s", diff)
	}
}

// All forms of layers, and archives that can only be read from their beginning.
func TestExtractFromEveryArchive(t *testing.T) {
	all := airgaptest.SampleImages(t)
	for codec, path := range airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{}) {
		t.Run(string(codec), func(t *testing.T) {
			for _, file := range []string{path, airgaptest.Foreign(t, path, codec)} {
				found, err := airgap.Find(t.Context(), airgaptest.Ref(t, "quay.io/a/b:v2"), nil, []string{file})
				if err != nil {
					t.Fatal(err)
				}
				defer found.Close()
				dest := filepath.Join(t.TempDir(), "bin")
				if _, err := Folders(t.Context(), source(t, found.Image), []Folder{{"bin", dest}}, Limits{}); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(dest, "zstd"))
				if err != nil || string(got) != imagetest.Words(3, 60_000) {
					t.Errorf("the file has %d bytes: %v", len(got), err)
				}
			}
		})
	}
}

func TestExtractEndsWithItsContext(t *testing.T) {
	img := layered(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/a": "a"}))
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	dir := t.TempDir()
	if _, err := Folders(ctx, img, []Folder{{"/bin", filepath.Join(dir, "bin")}}, Limits{}); !errors.Is(err, reason) {
		t.Errorf("Extract: %v", err)
	}
	if got := onDisk(t, dir); got != "" {
		t.Errorf("remaining files:\n%s", got)
	}
}

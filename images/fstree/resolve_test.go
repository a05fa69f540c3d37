package fstree

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/continuity/fs"

	"github.com/slipway-build/slipway/images"
)

// FuzzResolve writes links and files to disk, and compares the result of Resolve with that of
// BuildKit, which uses containerd's RootPath. Each line of layout is a link NAME -> TARGET, or a
// file.
func FuzzResolve(f *testing.F) {
	for _, c := range []struct{ layout, path string }{
		{"a/b\nl -> a\n", "l/b"}, {"a/b\nl -> /a/../a\n", "l/./b/.."}, {"l -> ../../x\n", "l"}, {"l -> l\n", "l/a"},
		{"a -> b\nb -> c\nc -> a\n", "/a"}, {"a/l -> ../b\nb/c\n", "a/l/c/"}, {"l -> nowhere/at/all\n", "l/x/../y"},
		{"d/up -> ../..\nd/x\n", "d/up/d/up/d/x"}, {"a\n", "a/b"}, {"a\nl -> a/../b\nb/c\n", "l/c"}, {"l -> .\n", "l/l/l"}, {"l -> /\nx/y\n", "l/x/../../x/y"},
	} {
		f.Add(c.layout, c.path)
	}
	f.Fuzz(func(t *testing.T, layout, p string) {
		if len(layout) > 400 || len(p) > 100 || strings.ContainsAny(layout+p, "\x00\\") {
			t.Skip()
		}
		dir := t.TempDir()
		layOut(dir, layout)
		want, wantErr := fs.RootPath(dir, p)
		root, err := OpenFolder(dir, nil, images.NormalModes)
		if err != nil {
			t.Fatal(err)
		}
		at, err := Resolve(root, p, true)
		if err != nil {
			// A path that Resolve refuses must be refused, or not exist, on disk.
			if wantErr == nil {
				if _, statErr := os.Lstat(want); statErr == nil {
					t.Fatalf("%q: %v; it leads to %s", p, err, want)
				}
			}
			return
		}
		if path.Join("/", at.Path) != at.Path {
			t.Fatalf("%q leads to %q, which is not clean", p, at.Path)
		}
		info, statErr := os.Lstat(filepath.Join(dir, filepath.FromSlash(at.Path)))
		if (at.Node != nil) != (statErr == nil) {
			t.Fatalf("%q leads to %q, of which is known %v; on disk: %v", p, at.Path, at.Node, statErr)
		}
		if at.Node != nil && (at.Node.IsDir() != info.IsDir() || at.Node.isLink()) {
			t.Fatalf("%q leads to a %s at %q; on disk it is %v", p, at.Node.kind(), at.Path, info.Mode())
		}
		if wantErr == nil && filepath.Join(dir, filepath.FromSlash(at.Path)) != want {
			if _, statErr := os.Lstat(want); statErr == nil || at.Node != nil {
				t.Fatalf("%q leads to %q, BuildKit to %q", p, at.Path, strings.TrimPrefix(want, dir))
			}
		}
	})
}

// layOut writes the links and files of layout below dir, as far as possible.
func layOut(dir, layout string) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	defer root.Close()
	for line := range strings.Lines(layout) {
		name, target, isLink := strings.Cut(strings.TrimSuffix(line, "\n"), " -> ")
		if !filepath.IsLocal(name) {
			continue
		}
		if folder := path.Dir(name); root.MkdirAll(folder, 0o755) != nil {
			continue
		}
		if isLink {
			root.Symlink(target, name)
		} else if file, err := root.Create(name); err == nil {
			file.Close()
		}
	}
}

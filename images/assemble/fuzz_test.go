package assemble_test

import (
	"archive/tar"
	"errors"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/imagetest"
)

// outside is the content of a file that no build may read.
const outside = "this file lies outside of every context"

// newFuzzed returns an Assembler with a base full of links, small limits and no network.
func newFuzzed(t testing.TB) *assemble.Assembler {
	base := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, "", imagetest.ParseListing(t, `
drwxr-xr-x 0:0 etc/
-rw-r--r-- 0:0 etc/passwd "me:x:1:2::/:\n"
drwxr-xr-x 0:0 real/
-rw-r--r-- 0:0 real/file "file"
hrw-r--r-- 0:0 real/hard -> real/file
lrwxrwxrwx 0:0 abs -> /real
lrwxrwxrwx 0:0 up -> ../../../real
lrwxrwxrwx 0:0 circle -> circle2
lrwxrwxrwx 0:0 circle2 -> circle
lrwxrwxrwx 0:0 nowhere -> not/there
`)...)))
	return assemble.New(assemble.Options{
		Layers: inMemory{}, Sources: bases{"base": base}, Client: &http.Client{Transport: noNetwork{}},
		TempDir: t.TempDir(), Limits: assemble.Limits{Bytes: 1 << 20, Entries: 1000},
	})
}

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network")
}

// checkLayers checks that names do not lead out of a layer's root, that content from outside of the
// context is missing, and that entries can be unpacked in their order.
func checkLayers(t testing.TB, img v1.Image) {
	t.Helper()
	for _, entries := range imagetest.LayerEntries(t, img) {
		seen := map[string]byte{}
		for _, e := range entries {
			name := strings.TrimSuffix(e.Name, "/")
			if !filepath.IsLocal(name) || e.Typeflag == tar.TypeLink && !filepath.IsLocal(e.Linkname) {
				t.Fatalf("%q -> %q leads out of the root", e.Name, e.Linkname)
			}
			if _, ok := seen[name]; ok {
				t.Fatalf("duplicate entry %q", name)
			}
			for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
				if seen[dir] != tar.TypeDir {
					t.Fatalf("%q comes before its folder %q", name, dir)
				}
			}
			seen[name] = e.Typeflag
			if strings.Contains(e.Body, outside) {
				t.Fatalf("%q has content from outside of the context", e.Name)
			}
		}
	}
}

// FuzzAssemble evaluates complete Dockerfiles with their ignore files, in a context that is full of
// links to the outside.
func FuzzAssemble(f *testing.F) {
	dir := f.TempDir()
	contextDir := filepath.Join(dir, "context")
	must := func(err error) {
		if err != nil {
			f.Fatal(err)
		}
	}
	write := func(name, content string) {
		must(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	write("secret", outside)
	write("context/a.txt", "a")
	write("context/dir/b", "b")
	write("context/dir/sub/c.go", "c")
	write("context/plain.tar", string(imagetest.Tar(f, imagetest.ParseListing(f, "drwxr-xr-x 0:0 d/\nlrwxrwxrwx 0:0 d/l -> ../../x\n-rw-r--r-- 0:0 d/f \"f\"\nhrw-r--r-- 0:0 h -> d/f\n")...)))
	for name, target := range map[string]string{
		"up": "../secret", "abs": filepath.Join(dir, "secret"), "dir/back": "../../secret", "parent": "..", "root": "/",
		"in": "dir/sub", "circle": "circle",
	} {
		must(os.Symlink(target, filepath.Join(contextDir, name)))
	}
	assembler := newFuzzed(f)

	cases, err := filepath.Glob("testdata/*.txt")
	must(err)
	for i, file := range cases {
		if i%4 == 0 {
			dockerfile, ignored := seedOf(f, file)
			f.Add(dockerfile, ignored)
		}
	}
	f.Add("FROM base\nCOPY up abs dir/back parent/secret root/../up /x/\nCOPY . /all\n", "")
	f.Add("FROM base AS b\nCOPY --from=base --parents /up/./f* /abs/file /\nADD plain.tar /circle/\n", "*\n!dir/**\n!**/b\n")
	f.Add("FROM scratch\nCOPY --link --chown=me:2 --chmod=u+X,g=o --exclude=**/c* dir /\nADD --unpack plain.tar /up/\n", "a*\n")
	f.Fuzz(func(t *testing.T, dockerfile, ignored string) {
		if strings.Contains(dockerfile, outside) || len(dockerfile) > 4096 || len(ignored) > 1024 {
			t.Skip()
		}
		own := t.TempDir()
		build := images.BuildContext{
			Dir: contextDir, Dockerfile: filepath.Join(own, "Dockerfile"),
			Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Epoch: time.Unix(1700000000, 0).UTC(),
		}
		if strings.Contains(dockerfile, "windows") {
			build.Platform = v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1"}
		}
		for name, content := range map[string]string{"Dockerfile": dockerfile, "Dockerfile.dockerignore": ignored} {
			if err := os.WriteFile(filepath.Join(own, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		img, err := assembler.Assemble(t.Context(), build)
		if err != nil {
			if strings.Contains(err.Error(), outside) {
				t.Fatalf("an error contains content from outside: %v", err)
			}
			return
		}
		checkLayers(t, img)
	})
}

// seedOf returns the Dockerfile and the ignore file of a case.
func seedOf(f *testing.F, file string) (dockerfile, ignored string) {
	data, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(data), "\n-- ") {
		if text, ok := strings.CutPrefix(part, "Dockerfile --\n"); ok {
			dockerfile = text
		}
		if text, ok := strings.CutPrefix(part, "context/.dockerignore --\n"); ok {
			ignored = text
		}
	}
	return dockerfile, ignored
}

// FuzzUnpack makes ADD unpack any bytes to a folder beside other folders.
func FuzzUnpack(f *testing.F) {
	for _, listing := range []string{
		"drwxr-xr-x 0:0 d/\n-rw-r--r-- 0:0 d/f \"f\"\nhrw-r--r-- 0:0 h -> d/f\nlrwxrwxrwx 0:0 l -> d\n-rw-r--r-- 0:0 l/g \"g\"\n",
		"lrwxrwxrwx 0:0 up -> ../../keep\n-rw-r--r-- 0:0 up/f \"f\"\nlrwxrwxrwx 0:0 root -> /\n-rw-r--r-- 0:0 root/keep/own \"f\"\n",
		"-rw-r--r-- 0:0 ../keep/own \"f\"\n", "hrw-r--r-- 0:0 a -> ../keep/own\n", "hrw-r--r-- 0:0 a -> /../keep/own\n",
		"drwx------ 7:7 /\n-rw-r--r-- 0:0 /abs \"x\"\ncrw-r--r-- 0:0 dev 1,3\nprw-r--r-- 0:0 pipe\n",
		"-rw-r--r-- 0:0 twice \"1\"\ndrwxr-xr-x 0:0 twice/\n-rw-r--r-- 0:0 twice \"2\"\n-rw-r--r-- 0:0 .wh.x \"\"\n",
	} {
		data := imagetest.Tar(f, imagetest.ParseListing(f, listing)...)
		f.Add(data)
		f.Add(gzipped(f, data))
		f.Add(data[:len(data)-1300])
	}
	assembler := newFuzzed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			t.Skip()
		}
		build := project(t, map[string]string{
			"Dockerfile":  "FROM scratch\nCOPY own /keep/own\nCOPY own /to/own\nADD --chown=3 any /to/\nADD any /two/\n",
			"context/own": "own",
			"context/any": string(data),
		})
		img, err := assembler.Assemble(t.Context(), build)
		if err != nil {
			return
		}
		checkLayers(t, img)
		layers := imagetest.LayerEntries(t, img)
		for i, into := range map[int]string{2: "to", 3: "two"} {
			for _, e := range layers[i] {
				if name := strings.TrimSuffix(e.Name, "/"); name != into && !strings.HasPrefix(name, into+"/") {
					t.Fatalf("%q was unpacked outside of %s", e.Name, into)
				}
			}
		}
	})
}

// FuzzIgnore compares the files that an ignore file keeps with those that BuildKit's client would
// send.
func FuzzIgnore(f *testing.F) {
	for _, patterns := range []string{
		"*\n!a\n", "dir\n!dir/sub\n", "**/c*\n!**/c.go\n", "d?r/s*\n", "/a/\n../a\n./dir/../a\n",
		"dir/**\n!dir/*/c.go\ndir/sub/c.go\n", "[a-c]\n!\n", "dir/sub\n!dir/sub/c.go\n!**/b", "**b\n!*\n", "dir\n!x*|c.go\n",
	} {
		f.Add(patterns)
	}
	files := map[string]string{}
	for _, p := range []string{"a", "b", "dir/b", "dir/c", "dir/sub/b", "dir/sub/c.go", "dir/sub/deep/c.go", "other/sub/b", "other/x"} {
		files["context/"+p] = p
	}
	build := project(f, files)
	assembler := newFuzzed(f)
	f.Fuzz(func(t *testing.T, patterns string) {
		own := t.TempDir()
		build := build
		build.Dockerfile = filepath.Join(own, "Dockerfile")
		for name, content := range map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "Dockerfile.dockerignore": patterns} {
			if err := os.WriteFile(filepath.Join(own, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, wantErr := notIgnored(t.Context(), patterns, build.Dir)
		img, err := assembler.Assemble(t.Context(), build)
		if wantErr != nil {
			return // an invalid pattern is found when it is first compared with a path
		}
		if strings.Contains(patterns, "\x00") && err != nil && strings.Contains(err.Error(), "save it as UTF-8") {
			return // text that looks like UTF-16 is refused, which BuildKit reads as patterns of one letter
		}
		if err != nil {
			t.Fatalf("%q: %v; BuildKit's client accepts it", patterns, err)
		}
		var got []string
		for _, e := range imagetest.LayerEntries(t, img)[0] {
			got = append(got, strings.TrimSuffix(e.Name, "/"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %q, the files are %q, want %q", patterns, got, want)
		}
	})
}

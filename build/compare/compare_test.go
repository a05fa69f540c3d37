package compare

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images/imagetest"
)

// A file of a tar for tests: "NAME=CONTENT", with a header that edit may change.
func tarOf(t *testing.T, edit func(*tar.Header), files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		name, content, _ := strings.Cut(f, "=")
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
		if edit != nil {
			edit(h)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipOf(t *testing.T, level int, modified time.Time, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	w.ModTime = modified
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipOf(t *testing.T, edit func(*zip.FileHeader), files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		name, content, _ := strings.Cut(f, "=")
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Unix(1e9, 0).UTC()}
		h.SetMode(0o644)
		if edit != nil {
			edit(h)
		}
		member, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// arOf is an ar archive of one member.
func arOf(modified int, content []byte) []byte {
	out := fmt.Appendf(nil, "!<arch>\n%-16s%-12d%-6d%-6d%-8s%-10d`\n", "data.tar.gz", modified, 0, 0, "100644", len(content))
	out = append(out, content...)
	if len(content)%2 == 1 {
		out = append(out, '\n')
	}
	return out
}

func differences(t *testing.T, clues []Clue, first, second []byte) []string {
	t.Helper()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for file, content := range map[string][]byte{a: first, b: second} {
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New(clues, 0)
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.Files(t.Context(), "x", a, b)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(c.temp); err != nil || len(left) > 0 {
		t.Errorf("%d temporary files are left (%v)", len(left), err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, d := range found {
		out = append(out, d.String())
	}
	return out
}

func TestFiles(t *testing.T) {
	long := strings.Repeat("all work and no play ", 5000)
	epoch, later := time.Unix(1700000000, 0), time.Unix(1800000000, 0)
	mode := func(m int64) func(*tar.Header) { return func(h *tar.Header) { h.Mode = m } }
	old := bytes.Repeat([]byte{1, 0, 2}, 1<<20)
	changed := bytes.Clone(old)
	changed[2000000]++
	changed[2000005]++
	for _, c := range []struct {
		name          string
		clues         []Clue
		first, second []byte
		want          []string
	}{
		{"equal files", nil, []byte("x"), []byte("x"), []string{}},
		{"a byte of many", nil, old, changed, []string{"x: byte 2000000 differs, and 1 more: 02010002010002010002010002010002 and 03010002010102010002010002010002"}},
		{"a longer file", nil, []byte("\x00abc"), []byte("\x00abcdef"), []string{`x: byte 4 differs; the sizes are 4 and 7 bytes: the end and "abcdef"`}},
		{"other formats", nil, []byte("{}"), gzipOf(t, 6, epoch, nil), []string{"x: the first is JSON, the second compressed"}},
		{"the clock in a text", nil, []byte("built 2026-11-27T20:00\n"), []byte("built 2026-11-27T21:00\n"),
			[]string{`x: line 1 differs: "built 2026-11-27T20:00" and "built 2026-11-27T21:00"; it contains a time, perhaps of the clock (use SOURCE_DATE_EPOCH or ${DATE})`}},
		{"the host in a text", []Clue{{"the name of the host", "mars", "venus"}}, []byte("on mars\n"), []byte("on venus\n"),
			[]string{`x: line 1 differs: "on mars" and "on venus"; it contains the name of the host`}},
		{"lines in another order", nil, []byte("a\nb\nc\n"), []byte("c\nb\na\n"), []string{"x: both have the same lines, in another order; sort what comes out of a map"}},
		{"checksums", nil, []byte(strings.Repeat("1", 64) + "  app.tar\n" + strings.Repeat("2", 64) + "  b\n"), []byte(strings.Repeat("3", 64) + "  app.tar\n" + strings.Repeat("2", 64) + "  b\n"),
			[]string{"x: the listed digests differ: app.tar"}},
		{"values of JSON", nil, []byte(`{"created":"2026-01-01T00:00:00Z","a":{"b":[1,2,3]},"c":1,"gone":true}`), []byte(`{"created":"2026-01-02T00:00:00Z","a":{"b":[3,1,2]},"c":2,"new":1}`),
			[]string{"x: a.b has the same values in another order; sort what comes out of a map", "x: c differs: 1 and 2",
				`x: created differs: "2026-01-01T00:00:00Z" and "2026-01-02T00:00:00Z"; it contains a time, perhaps of the clock (use SOURCE_DATE_EPOCH or ${DATE})`,
				"x: gone is only in the first: true", "x: new is only in the second: 1"}},
		{"the order of members of JSON", nil, []byte(`{"a":1,"b":2}`), []byte(`{"b":2,"a":1}`), []string{"x: the values are equal, but the order of members or the white space is not"}},
		{"the level of gzip", nil, gzipOf(t, 1, epoch, []byte(long)), gzipOf(t, 9, epoch, []byte(long)),
			[]string{`x: compression level in the gzip header differs: "fastest" and "best"`, "x: the uncompressed content is equal"}},
		{"another encoder of gzip", nil, gzipOf(t, 5, epoch, []byte(long+old10())), gzipOf(t, 0, epoch, []byte(long+old10())),
			[]string{"x: the content is equal, but the gzip stream is not: another level or another version of the encoder compressed it"}},
		{"the time of gzip", nil, gzipOf(t, 6, epoch, []byte(long)), gzipOf(t, 6, later, []byte(long)),
			[]string{"x: time in the gzip header differs: 2023-11-14T22:13:20Z and 2027-01-15T08:00:00Z", "x: the uncompressed content is equal"}},
		{"the umask in a tar", nil, tarOf(t, mode(0o644), "bin/x=x", "bin/y=y"), tarOf(t, mode(0o600), "bin/x=x", "bin/y=y"),
			[]string{"x > bin/x: mode differs: 0644 and 0600; this looks like the umask", "x > bin/y: mode differs: 0644 and 0600; this looks like the umask"}},
		{"a mode, owner and time in a tar", nil, tarOf(t, nil, "x=x"), tarOf(t, func(h *tar.Header) { h.Mode, h.Uid, h.Uname, h.ModTime = 0o755, 1000, "me", epoch }, "x=x"),
			[]string{"x > x: mode differs: 0644 and 0755; owner differs: 0 and 1000 (me); modification time differs: 1970-01-01T00:00:00Z and 2023-11-14T22:13:20Z"}},
		{"many members", nil, tarOf(t, nil, "a=", "b=", "c=", "d="), tarOf(t, func(h *tar.Header) { h.ModTime = epoch }, "a=", "b=", "c=", "d="),
			[]string{"x: a and 3 more members: modification time differs: 1970-01-01T00:00:00Z and 2023-11-14T22:13:20Z"}},
		{"the order of a tar", nil, tarOf(t, nil, "a=1", "b=2"), tarOf(t, nil, "b=2", "a=1"),
			[]string{"x: the members come in another order, from number 1: a and b; sort what comes out of a map or a folder"}},
		{"members of a tar", nil, tarOf(t, nil, "a=1", "b=2", "n=\x00"), tarOf(t, nil, "b=3", "c=4", "n=\x00\x01"),
			[]string{"x: only the first has a", "x: only the second has c", `x > b: line 1 differs: "2" and "3"`, "x > n: byte 1 differs; the sizes are 1 and 2 bytes: the end and 01"}},
		{"one content twice", nil, tarOf(t, nil, "a=1", "b=1"), tarOf(t, nil, "a=2", "b=2"), []string{`x > a: line 1 differs: "1" and "2"`, "x > b: differs like x > a"}},
		{"a zip", nil, zipOf(t, nil, "a=1", "b="+long), zipOf(t, func(h *zip.FileHeader) { h.Modified = epoch.UTC(); h.SetMode(0o600) }, "a=2", "b="+long),
			[]string{"x > a: mode differs: -rw-r--r-- and -rw-------; this looks like the umask; modification time differs: 2001-09-09T01:46:40Z and 2023-11-14T22:13:20Z",
				"x > b: mode differs: -rw-r--r-- and -rw-------; this looks like the umask; modification time differs: 2001-09-09T01:46:40Z and 2023-11-14T22:13:20Z", `x > a: line 1 differs: "1" and "2"`}},
		{"a deb", nil, arOf(1, gzipOf(t, 6, epoch, tarOf(t, nil, "./usr/bin/x=1"))), arOf(2, gzipOf(t, 6, epoch, tarOf(t, nil, "./usr/bin/x=2"))),
			[]string{"x > data.tar.gz: modification time differs: 1970-01-01T00:00:01Z and 1970-01-01T00:00:02Z", `x > data.tar.gz > ./usr/bin/x: line 1 differs: "1" and "2"`}},
		{"a damaged zip", nil, []byte("PK\x03\x04abc"), []byte("PK\x03\x04abd"), []string{"x: the first cannot be read: zip: not a valid zip file"}},
		{"a damaged program", nil, []byte("\x7fELFabc"), []byte("\x7fELFabd"), []string{"x: the first cannot be read: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			have := differences(t, c.clues, c.first, c.second)
			for i := range min(len(have), len(c.want)) {
				if strings.HasSuffix(c.want[i], "read: ") && strings.HasPrefix(have[i], c.want[i]) {
					have[i] = c.want[i]
				}
			}
			if diff := cmp.Diff(c.want, have); diff != "" {
				t.Errorf("differences (-want +have):\n%s", diff)
			}
		})
	}
}

func old10() string { return string(imagetest.Noise(1, 1000)) }

// Blobs of an archive are named after their digests; they are compared by what refers to them.
func TestArchivesOfImages(t *testing.T) {
	archive := func(layer string) []byte {
		return tarOf(t, nil, `manifest.json=[{"Config":"`+layer+`c.json","RepoTags":["docker.io/acme/app:v1"],"Layers":["blobs/sha256/`+layer+`"]}]`,
			layer+`c.json={"os":"windows","architecture":"amd64","os.version":"10.0.20348.1","created":"`+layer+`"}`, "blobs/sha256/"+layer+"="+string(tarOf(t, nil, "bin/x="+layer)))
	}
	want := []string{
		`x > manifest.json: [0].Config differs: "1c.json" and "2c.json"`,
		`x > manifest.json: [0].Layers[0] differs: "blobs/sha256/1" and "blobs/sha256/2"`,
		`x > docker.io/acme/app:v1 windows/amd64:10.0.20348.1 config: created differs: "1" and "2"`,
		`x > docker.io/acme/app:v1 windows/amd64:10.0.20348.1 layer 1 > bin/x: line 1 differs: "1" and "2"`,
	}
	if diff := cmp.Diff(want, differences(t, nil, archive("1"), archive("2"))); diff != "" {
		t.Errorf("differences (-want +have):\n%s", diff)
	}
}

func TestImagesAndIndexes(t *testing.T) {
	c, err := New(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	image := func(content string) v1.Image {
		return imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/x": content}))
	}
	other := imagetest.Image(t, "linux/arm64")
	check := func(found []Difference, err error, want ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		have := []string{}
		for _, d := range found {
			have = append(have, d.String())
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("differences (-want +have):\n%s", diff)
		}
	}
	found, err := c.Images(t.Context(), "app", image("1"), image("2"))
	check(found, err, `app > layer 1 > bin/x: line 1 differs: "1" and "2"`)
	found, err = c.Indexes(t.Context(), "app", imagetest.Index(t, image("3"), other), imagetest.Index(t, other, image("4")))
	check(found, err, "app: the members come in another order, from number 1: linux/amd64 and linux/arm64; sort what comes out of a map or a folder",
		`app > linux/amd64 > layer 1 > bin/x: line 1 differs: "3" and "4"`)
	titled := mutate.Annotations(imagetest.Index(t, other), map[string]string{"title": "t"}).(v1.ImageIndex)
	found, err = c.Indexes(t.Context(), "app", imagetest.Index(t, other), titled)
	check(found, err, `app: annotation title differs: "" and "t"`)
}

// Programs that go has built with other flags, on another host, or in another folder.
func TestPrograms(t *testing.T) {
	goTool := imagetest.Program(t, "go")
	build := func(goos, dir string, flags ...string) []byte {
		t.Helper()
		for name, content := range map[string]string{"go.mod": "module example.com/x\n\ngo 1.26\n", "main.go": "package main\n\nvar host = \"none\"\n\nfunc main() { println(host); panic(1) }\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(t.TempDir(), "x")
		cmd := exec.Command(goTool, append(append([]string{"build", "-buildvcs=false", "-o", out}, flags...), ".")...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+goos, "GOARCH=amd64")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, goos := range []string{"linux", "windows"} {
		t.Run(goos, func(t *testing.T) {
			one, two := t.TempDir(), t.TempDir()
			trimmed := build(goos, one, "-trimpath")
			has := func(first, second []byte, clues []Clue, texts ...string) {
				t.Helper()
				have := strings.Join(differences(t, clues, first, second), "\n")
				for _, want := range texts {
					if !strings.Contains(have, want) {
						t.Errorf("want %q in\n%s", want, have)
					}
				}
			}
			if !bytes.Equal(trimmed, build(goos, two, "-trimpath")) {
				t.Error("with -trimpath, the folder matters")
			}
			has(build(goos, one), build(goos, two), nil, "x: build ID differs: the inputs of the linker differ", "; -trimpath is missing, so that the paths of the build machine")
			has(trimmed, build(goos, one), nil, "-trimpath is missing in the second")
			has(trimmed, build(goos, one, "-trimpath", "-tags=abc"), nil, "-tags: none and abc")
			has(build(goos, one, "-trimpath", "-ldflags=-X main.host=from-mars"), build(goos, one, "-trimpath", "-ldflags=-X main.host=from-venus"),
				[]Clue{{"the name of the host", "mars", "venus"}}, "x: build ID differs", "; it contains the name of the host")
		})
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("!<arch>\n"), []byte("!<arch>\n"))
	f.Add(arOf(1, []byte("abc")), arOf(2, []byte("abd")))
	f.Add([]byte("\xed\xab\xee\xdb"+strings.Repeat("\x00", 92)+"\x8e\xad\xe8\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04"), []byte("\xed\xab\xee\xdb"))
	f.Add([]byte("PK\x03\x04"), []byte("PK\x05\x06"))
	f.Add([]byte("\x7fELF"), []byte("MZ"))
	f.Add([]byte(`{"a":[1,{"b":2}]}`), []byte(`{"a":[{"b":3},1]}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if found := differences(t, []Clue{{"a clue", "a", "b"}}, a, b); (len(found) == 0) != bytes.Equal(a, b) {
			t.Errorf("%d differences", len(found))
		}
	})
}

package layer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slipway-build/slipway/images/layer"
)

// A text is content whose ID is the text.
type text string

func (s text) ID() string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }
func (s text) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(s))), nil
}

func file(path, content string) layer.Entry {
	return layer.Entry{Path: path, Type: tar.TypeReg, Mode: 0o644, Size: int64(len(content)), Content: text(content)}
}

func folder(path string) layer.Entry {
	return layer.Entry{Path: path, Type: tar.TypeDir, Mode: 0o700, UID: 1, GID: 2}
}

func link(typ byte, path, target string) layer.Entry {
	return layer.Entry{Path: path, Type: typ, Mode: 0o777, Link: target}
}

func describe(t testing.TB, form layer.Form, entries ...layer.Entry) *layer.Archive {
	t.Helper()
	a, err := layer.Describe(form, entries)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func write(t testing.TB, a *layer.Archive) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := a.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func headers(t testing.TB, data []byte) []*tar.Header {
	t.Helper()
	var all []*tar.Header
	for tr := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
}

func names(headers []*tar.Header) []string {
	var all []string
	for _, h := range headers {
		all = append(all, h.Name)
	}
	return all
}

func TestParentsAreAddedBeforeTheirContent(t *testing.T) {
	a := describe(t, layer.Plain, file("a-b", "1"), file("a/b/c", "2"), file("a.b", "3"), folder("a/b"), file("a/b-", "4"), file("Z", "5"))
	all := headers(t, write(t, a))
	if diff := cmp.Diff([]string{"Z", "a/", "a/b/", "a/b/c", "a/b-", "a-b", "a.b"}, names(all)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	// a was added; a/b was described.
	if h := all[1]; h.Mode != 0o755 || h.Uid != 0 || h.ModTime.Unix() != 0 {
		t.Errorf("a/ is %o of %d at %v; want 0755 of root at the epoch", h.Mode, h.Uid, h.ModTime)
	}
	if h := all[2]; h.Mode != 0o700 || h.Uid != 1 || h.Gid != 2 {
		t.Errorf("a/b/ is %o of %d:%d; want the described 0700 of 1:2", h.Mode, h.Uid, h.Gid)
	}
}

func TestComparePathsIsTheOrderOfAWalk(t *testing.T) {
	want := []string{"A", "a", "a/a", "a/a/z", "a/b", "a!", "a-b", "a.b", "ab", "b"}
	got := slices.Clone(want)
	rand.New(rand.NewSource(1)).Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, layer.ComparePaths)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for _, a := range want {
		for _, b := range want {
			if x, y := layer.ComparePaths(a, b), layer.ComparePaths(b, a); (x < 0) != (y > 0) || (x == 0) != (a == b) {
				t.Errorf("%q, %q: %d and %d", a, b, x, y)
			}
		}
	}
}

func TestEntriesKeepTheirMetadata(t *testing.T) {
	now := time.Unix(1500000000, 999)
	a := describe(t, layer.Plain,
		layer.Entry{Path: "bin/su", Type: tar.TypeReg, Mode: 0o6755, UID: 70000, GID: 3, ModTime: now, Size: 1, Content: text("x"),
			Xattrs: map[string]string{"security.capability": "\x01\x00", "user.b": "2"}},
		layer.Entry{Path: "bin/su2", Type: tar.TypeLink, Mode: 0o6755, Link: "bin/su"},
		layer.Entry{Path: "dev/null", Type: tar.TypeChar, Mode: 0o666, Major: 1, Minor: 3},
		layer.Entry{Path: "dev/sda", Type: tar.TypeBlock, Mode: 0o660, Major: 8},
		layer.Entry{Path: "run/pipe", Type: tar.TypeFifo, Mode: 0o600},
		link(tar.TypeSymlink, "up", "../../anywhere/"),
		folder("tmp"), file("empty", ""),
		layer.Entry{Path: ".wh.gone", Type: tar.TypeReg, Mode: 0o644, Whiteout: true},
		layer.Entry{Path: "tmp/.wh..wh..opq", Type: tar.TypeReg, Mode: 0o644, Whiteout: true},
	)
	if a.Size() != 1 {
		t.Errorf("Size() = %d, want 1", a.Size())
	}
	found := map[string]*tar.Header{}
	for _, h := range headers(t, write(t, a)) {
		found[h.Name] = h
	}
	su := found["bin/su"]
	if su.Mode != 0o6755 || su.Uid != 70000 || su.Gid != 3 || !su.ModTime.Equal(time.Unix(1500000000, 0)) || su.Uname != "" {
		t.Errorf("bin/su: %+v", su)
	}
	if su.PAXRecords["SCHILY.xattr.security.capability"] != "\x01\x00" || su.PAXRecords["SCHILY.xattr.user.b"] != "2" {
		t.Errorf("the attributes of bin/su: %q", su.PAXRecords)
	}
	for name, want := range map[string]tar.Header{
		"bin/su2":  {Typeflag: tar.TypeLink, Linkname: "bin/su"},
		"dev/null": {Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
		"dev/sda":  {Typeflag: tar.TypeBlock, Devmajor: 8},
		"run/pipe": {Typeflag: tar.TypeFifo},
		"up":       {Typeflag: tar.TypeSymlink, Linkname: "../../anywhere/"},
		"tmp/":     {Typeflag: tar.TypeDir},
		"empty":    {Typeflag: tar.TypeReg},
		".wh.gone": {Typeflag: tar.TypeReg},
	} {
		h := found[name]
		if h == nil || h.Typeflag != want.Typeflag || h.Linkname != want.Linkname || h.Devmajor != want.Devmajor || h.Devminor != want.Devminor {
			t.Errorf("%s: %+v, want %+v", name, h, want)
		}
	}
}

func TestOrdinaryEntriesAreOfTheOldestFormat(t *testing.T) {
	for _, h := range headers(t, write(t, describe(t, layer.Plain, file("usr/bin/tool", "x"), link(tar.TypeSymlink, "l", "t")))) {
		if h.Format&tar.FormatUSTAR == 0 {
			t.Errorf("%s is in format %v, want USTAR", h.Name, h.Format)
		}
	}
	long := strings.Repeat("ü/", 200) + "name"
	all := headers(t, write(t, describe(t, layer.Plain, file(long, "x"))))
	if last := all[len(all)-1]; last.Name != long {
		t.Errorf("a long name is written as %q", last.Name)
	}
}

func TestBadEntriesAreRefusedTogether(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []layer.Entry
		want    []string
	}{
		{"paths", []layer.Entry{file("/abs", "x"), file("../up", "x"), file("a/../b", "x"), file("", "x"), file(".", "x"), file("..", "x"), file("a//b", "x"), folder("a/")},
			[]string{`"/abs"`, `"../up"`, `"a/../b"`, `""`, `"."`, `".."`, `"a//b"`, `"a/"`, "want a clean path below the root"}},
		{"zero bytes", []layer.Entry{file("a\x00b", "x"), link(tar.TypeSymlink, "l", "a\x00")}, []string{`"a\x00b"`, `"l": a name cannot contain a zero byte`}},
		{"twice", []layer.Entry{file("a", "x"), folder("a")}, []string{`"a": duplicate path`}},
		{"a file with children", []layer.Entry{file("a", "x"), file("a/b", "x")}, []string{`"a/b": "a" is not a folder`}},
		{"a link with children", []layer.Entry{link(tar.TypeSymlink, "a", "b"), file("a/b/c", "x")}, []string{`"a/b/c": "a" is not a folder`}},
		{"a hard link to what comes later", []layer.Entry{link(tar.TypeLink, "a", "b"), file("b", "x")}, []string{`"a": hard link to "b", which is not an earlier file`}},
		{"a hard link to a folder", []layer.Entry{folder("a"), link(tar.TypeLink, "b", "a")}, []string{`"b": hard link to "a"`}},
		{"a hard link to itself", []layer.Entry{link(tar.TypeLink, "a", "a")}, []string{`"a": hard link to "a"`}},
		{"a link to nothing", []layer.Entry{link(tar.TypeSymlink, "a", ""), link(tar.TypeLink, "b", "")}, []string{`"a": missing target of the link`, `"b": missing target`}},
		{"names of whiteouts", []layer.Entry{file(".wh.a", ""), {Path: "b", Type: tar.TypeReg, Whiteout: true}}, []string{`".wh.a": names that start with .wh.`, `"b": names`}},
		{"modes", []layer.Entry{{Path: "a", Type: tar.TypeReg, Mode: 0o100644}}, []string{`"a": mode 0100644 has more than permission bits`}},
		{"types", []layer.Entry{{Path: "a", Type: tar.TypeXGlobalHeader}, {Path: "b"}}, []string{`"a": invalid type 'g'`, `"b": invalid type '\x00'`}},
		{"content", []layer.Entry{{Path: "a", Type: tar.TypeReg, Size: 1}, {Path: "b", Type: tar.TypeDir, Content: text("")}, {Path: "c", Type: tar.TypeReg, Size: -1},
			{Path: "d", Type: tar.TypeSymlink, Link: "x", Size: 1, Content: text("x")}},
			[]string{`"a": missing content of 1 bytes`, `"b": only a regular file has content`, `"c": invalid size -1`, `"d": only`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := layer.Describe(layer.Plain, c.entries)
			if err == nil {
				t.Fatal("it was described")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("missing %s in the error:\n%v", want, err)
				}
			}
		})
	}
}

func TestAHardLinkMayLeadToALowerLayer(t *testing.T) {
	if all := headers(t, write(t, describe(t, layer.Plain, link(tar.TypeLink, "b", "lower/a")))); all[0].Linkname != "lower/a" {
		t.Errorf("%+v", all[0])
	}
}

// sample returns entries of every type.
func sample() []layer.Entry {
	return []layer.Entry{
		file("bin/a", "a"), link(tar.TypeLink, "bin/b", "bin/a"), link(tar.TypeSymlink, "bin/c", "a"), folder("etc"), file("etc/conf", "x=1\n"),
		{Path: "dev/null", Type: tar.TypeChar, Mode: 0o666, Major: 1, Minor: 3},
		{Path: "etc/.wh.old", Type: tar.TypeReg, Mode: 0o644, Whiteout: true},
		{Path: "bin/caps", Type: tar.TypeReg, Mode: 0o755, Xattrs: map[string]string{"user.a": "1", "user.b": "2", "security.capability": "c"}},
	}
}

func TestTheOrderOfTheEntriesDoesNotMatter(t *testing.T) {
	for _, form := range []layer.Form{layer.Plain, layer.Windows} {
		want := describe(t, form, sample()...)
		wantBytes := write(t, want)
		r := rand.New(rand.NewSource(7))
		for range 20 {
			entries := sample()
			r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
			got := describe(t, form, entries...)
			if got.Key() != want.Key() {
				t.Fatalf("%v: the key depends on the order", form)
			}
			if !bytes.Equal(write(t, got), wantBytes) {
				t.Fatalf("%v: the bytes depend on the order", form)
			}
		}
	}
}

func TestEqualKeysMeanEqualBytes(t *testing.T) {
	change := func(path string, f func(*layer.Entry)) []layer.Entry {
		entries := sample()
		for i := range entries {
			if entries[i].Path == path {
				f(&entries[i])
			}
		}
		return entries
	}
	at := time.Unix(5, 0)
	variants := map[string][]layer.Entry{
		"as it is":       sample(),
		"added parent":   append(sample(), layer.Entry{Path: "bin", Type: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0)}),
		"parent's mode":  append(sample(), layer.Entry{Path: "bin", Type: tar.TypeDir, Mode: 0o700, ModTime: time.Unix(0, 0)}),
		"nanoseconds":    change("bin/a", func(e *layer.Entry) { e.ModTime = time.Unix(5, 1) }),
		"seconds":        change("bin/a", func(e *layer.Entry) { e.ModTime = at }),
		"mode":           change("bin/a", func(e *layer.Entry) { e.Mode = 0o755 }),
		"setuid":         change("bin/a", func(e *layer.Entry) { e.Mode = 0o4644 }),
		"user":           change("bin/a", func(e *layer.Entry) { e.UID = 1 }),
		"group":          change("bin/a", func(e *layer.Entry) { e.GID = 1 }),
		"content":        change("bin/a", func(e *layer.Entry) { e.Content = text("b") }),
		"size":           change("bin/a", func(e *layer.Entry) { e.Content, e.Size = text("aa"), 2 }),
		"target":         change("bin/c", func(e *layer.Entry) { e.Link = "b" }),
		"kind of link":   change("bin/b", func(e *layer.Entry) { e.Type = tar.TypeSymlink }),
		"device":         change("dev/null", func(e *layer.Entry) { e.Minor = 4 }),
		"kind of device": change("dev/null", func(e *layer.Entry) { e.Type = tar.TypeBlock }),
		"name":           change("etc/conf", func(e *layer.Entry) { e.Path = "etc/conf2" }),
		"attribute":      change("bin/caps", func(e *layer.Entry) { e.Xattrs["user.a"] = "12" }),
		"attributes":     change("bin/caps", func(e *layer.Entry) { e.Xattrs = map[string]string{"user.a1": "user.b2"} }),
		"no attributes":  change("bin/caps", func(e *layer.Entry) { e.Xattrs = map[string]string{} }),
		"no time":        change("etc/conf", func(e *layer.Entry) { e.ModTime = time.Unix(0, 0) }),
		"one less":       sample()[1:],
	}
	byKey := map[string]string{}
	byBytes := map[string]string{}
	for name, entries := range variants {
		for _, form := range []layer.Form{layer.Plain, layer.Windows} {
			if name == "one less" {
				entries = slices.DeleteFunc(slices.Clone(entries), func(e layer.Entry) bool { return e.Type == tar.TypeLink })
			}
			a := describe(t, form, entries...)
			data := string(write(t, a))
			if other, ok := byKey[a.Key()]; ok && other != data {
				t.Errorf("%v, %s: it has the key of other bytes", form, name)
			}
			if other, ok := byBytes[data]; ok && other != a.Key() {
				t.Errorf("%v, %s: equal bytes have two keys, so that a cache is missed", form, name)
			}
			byKey[a.Key()], byBytes[data] = data, a.Key()
		}
	}
	// A missing time is the epoch, nanoseconds are dropped, and an added parent equals the
	// described one.
	if want := 2 * (len(variants) - 3); len(byKey) != want {
		t.Errorf("%d archives differ, want %d", len(byKey), want)
	}
}

func TestWindowsForm(t *testing.T) {
	at := time.Unix(1600000000, 0)
	all := headers(t, write(t, describe(t, layer.Windows,
		layer.Entry{Path: "app/run.exe", Type: tar.TypeReg, Mode: 0o755, ModTime: at, Size: 2, Content: text("MZ")},
		layer.Entry{Path: "app/same.exe", Type: tar.TypeLink, Mode: 0o755, Link: "app/run.exe", ModTime: at},
		layer.Entry{Path: "app/link", Type: tar.TypeSymlink, Mode: 0o777, Link: `C:\app\run.exe`},
	)))
	if diff := cmp.Diff([]string{"Hives", "Files", "Files/app/", "Files/app/link", "Files/app/run.exe", "Files/app/same.exe"}, names(all)); diff != "" {
		t.Fatalf("names (-want +got):\n%s", diff)
	}
	records := func(h *tar.Header) map[string]string {
		m := map[string]string{}
		for key, value := range h.PAXRecords {
			if key == "MSWINDOWS.rawsd" {
				value = fmt.Sprintf("%d bytes", len(value))
			}
			m[key] = value
		}
		return m
	}
	for i, want := range []map[string]string{
		{"MSWINDOWS.fileattr": "16", "LIBARCHIVE.creationtime": "0.0"},
		{"MSWINDOWS.fileattr": "16", "LIBARCHIVE.creationtime": "0.0"},
		{"MSWINDOWS.fileattr": "16", "LIBARCHIVE.creationtime": "0.0", "MSWINDOWS.rawsd": "288 bytes"},
		{"LIBARCHIVE.creationtime": "0.0"},
		{"MSWINDOWS.fileattr": "32", "LIBARCHIVE.creationtime": "1600000000.0", "MSWINDOWS.rawsd": "168 bytes"},
		{"LIBARCHIVE.creationtime": "1600000000.0"},
	} {
		if diff := cmp.Diff(want, records(all[i])); diff != "" {
			t.Errorf("records of %s (-want +got):\n%s", all[i].Name, diff)
		}
		if all[i].Format != tar.FormatPAX {
			t.Errorf("%s is in format %v, want PAX", all[i].Name, all[i].Format)
		}
	}
	if all[2].Mode != 1<<14|0o755 || all[4].Mode != 1<<15|0o755 {
		t.Errorf("the modes of a folder and a file are %o and %o; want the bits of their types in them", all[2].Mode, all[4].Mode)
	}
	if all[3].Linkname != `C:\app\run.exe` || all[5].Linkname != "Files/app/run.exe" {
		t.Errorf("links lead to %q and %q", all[3].Linkname, all[5].Linkname)
	}
}

// broken is content whose size has changed.
type broken struct {
	text
	err error
}

func (b broken) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader(string(b.text)), failing{b.err})), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func TestChangedContentIsAnError(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int64
		content layer.Content
		want    string
	}{
		{"shorter", 5, text("abc"), "it has 3 bytes instead of the 5 that it had"},
		{"longer", 2, text("abc"), "it is larger than the 2 bytes"},
		{"failing at its end", 3, broken{"abc", errors.New("it changed")}, "it changed"},
		{"failing midway", 5, broken{"abc", errors.New("disk on fire")}, "disk on fire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := describe(t, layer.Plain, layer.Entry{Path: "dir/file", Type: tar.TypeReg, Size: c.size, Content: c.content})
			err := a.Write(t.Context(), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"dir/file"`) {
				t.Errorf("Write: %v; want %q of \"dir/file\"", err, c.want)
			}
		})
	}
}

func TestWithContentsReadsElsewhere(t *testing.T) {
	a := describe(t, layer.Plain, layer.Entry{Path: "a", Type: tar.TypeReg, Size: 3, Content: broken{"abc", errors.New("not to be read")}}, folder("d"))
	b := a.WithContents(func(e *layer.Entry) layer.Content { return text("abc") })
	if a.Key() != b.Key() {
		t.Error("the key changed")
	}
	if all := headers(t, write(t, b)); len(all) != 2 {
		t.Errorf("%d entries, want 2", len(all))
	}
}

func TestWriteEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := describe(t, layer.Plain, file("a", "x")).Write(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v, want %v", err, context.Canceled)
	}
}

func TestAnEmptyLayerIsATar(t *testing.T) {
	if data := write(t, describe(t, layer.Plain)); len(data) != 1024 || len(headers(t, data)) != 0 {
		t.Errorf("an empty layer has %d bytes, want 1024 zeros", len(data))
	}
}

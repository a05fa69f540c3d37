package imagetest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A listing is a readable form of tar entries, one per line:
//
//	drwxr-xr-x 0:0 dir/
//	-rw-r--r-- 0:0 dir/file "content\n"
//	-rwsr-xr-x 0:1000 dir/program "#!/bin/sh\n" @1700000000
//	lrwxrwxrwx 0:0 dir/link -> file
//	hrw-r--r-- 0:0 dir/second -> dir/file
//	crw-rw-rw- 0:0 dev/null 1,3
//	prw-r--r-- 0:0 pipe
//
// h is a hard link. A time follows an @, unless it is 1970's first second. If the content of a file
// is long or not text, its size and digest replace it. Names with blanks are quoted.

// entryLine matches a line of a listing.
var entryLine = regexp.MustCompile(`^([-dlhcbp])([-rwxsStT]{9}) (\d+):(\d+) ("(?:[^"\\]|\\.)*"|\S+)(?: -> ("(?:[^"\\]|\\.)*"|\S+)| (\d+),(\d+)| ("(?:[^"\\]|\\.)*"))?((?: xattr:\S+="(?:[^"\\]|\\.)*")*)(?: @(-?\d+))?$`)

var entryTypes = map[string]byte{
	"-": tar.TypeReg, "d": tar.TypeDir, "l": tar.TypeSymlink, "h": tar.TypeLink, "c": tar.TypeChar, "b": tar.TypeBlock, "p": tar.TypeFifo,
}

// ParseListing returns the entries of a listing, with the content in it.
func ParseListing(t testing.TB, listing string) []Entry {
	t.Helper()
	var entries []Entry
	for line := range strings.Lines(listing) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := entryLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("listing: %q is not a line such as -rw-r--r-- 0:0 file \"content\"", line)
		}
		number := func(s string) int64 {
			n, _ := strconv.ParseInt("0"+s, 10, 64)
			return n
		}
		e := Entry{Header: tar.Header{
			Typeflag: entryTypes[m[1]], Mode: parseMode(m[2]), Uid: int(number(m[3])), Gid: int(number(m[4])),
			Name: unquote(t, m[5]), Linkname: unquote(t, m[6]), Devmajor: number(m[7]), Devminor: number(m[8]),
			ModTime: time.Unix(0, 0),
		}, Body: unquote(t, m[9])}
		for xattr := range strings.FieldsSeq(m[10]) {
			name, value, _ := strings.Cut(strings.TrimPrefix(xattr, "xattr:"), "=")
			if e.PAXRecords == nil {
				e.PAXRecords = map[string]string{}
			}
			e.PAXRecords["SCHILY.xattr."+name] = unquote(t, value)
		}
		if m[11] != "" {
			seconds, err := strconv.ParseInt(m[11], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			e.ModTime = time.Unix(seconds, 0)
		}
		entries = append(entries, e)
	}
	return entries
}

func unquote(t testing.TB, s string) string {
	t.Helper()
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	u, err := strconv.Unquote(s)
	if err != nil {
		t.Fatalf("listing: %s: %v", s, err)
	}
	return u
}

// parseMode parses rwxr-xr-x, with s, S, t and T for the special bits.
func parseMode(s string) (mode int64) {
	for i, letter := range []byte(s) {
		bit := int64(1) << (8 - i)
		special := int64(0o4000) >> (i / 3)
		switch letter {
		case 's', 't':
			mode |= bit | special
		case 'S', 'T':
			mode |= special
		case '-':
		default:
			mode |= bit
		}
	}
	return mode
}

func formatMode(mode int64) string {
	letters := []byte("rwxrwxrwx")
	for i := range letters {
		set := mode&(int64(1)<<(8-i)) != 0
		special := i%3 == 2 && mode&(int64(0o4000)>>(i/3)) != 0
		switch {
		case special && set:
			letters[i] = "sst"[i/3]
		case special:
			letters[i] = "SST"[i/3]
		case !set:
			letters[i] = '-'
		}
	}
	return string(letters)
}

// FormatListing returns the listing of entries, in their order.
func FormatListing(entries []Entry) string {
	var b strings.Builder
	for i := range entries {
		e := &entries[i]
		letter := "?"
		for l, typ := range entryTypes {
			if typ == e.Typeflag {
				letter = l
			}
		}
		name := path.Clean(e.Name)
		if e.Typeflag == tar.TypeDir {
			name += "/"
		}
		fmt.Fprintf(&b, "%s%s %d:%d %s", letter, formatMode(e.Mode&0o7777), e.Uid, e.Gid, quoteName(name))
		switch e.Typeflag {
		case tar.TypeReg:
			fmt.Fprintf(&b, " %s", formatBody(e.Body))
		case tar.TypeSymlink, tar.TypeLink:
			fmt.Fprintf(&b, " -> %s", quoteName(e.Linkname))
		case tar.TypeChar, tar.TypeBlock:
			fmt.Fprintf(&b, " %d,%d", e.Devmajor, e.Devminor)
		}
		for _, key := range slices.Sorted(maps.Keys(e.PAXRecords)) {
			if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
				fmt.Fprintf(&b, " xattr:%s=%q", name, e.PAXRecords[key])
			}
		}
		if seconds := e.ModTime.Unix(); seconds != 0 {
			fmt.Fprintf(&b, " @%d", seconds)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func quoteName(s string) string {
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '"' || !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

func formatBody(s string) string {
	if len(s) > 200 || !utf8.ValidString(s) {
		return fmt.Sprintf(`"%d bytes of sha256 %x"`, len(s), sha256.Sum256([]byte(s)))
	}
	return strconv.Quote(s)
}

// TarEntries returns the entries of an uncompressed tar.
func TarEntries(t testing.TB, r io.Reader) []Entry {
	t.Helper()
	var entries []Entry
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(tr); err != nil {
			t.Fatalf("reading %s: %v", h.Name, err)
		}
		entries = append(entries, Entry{*h, body.String()})
	}
}

// LayerEntries returns the entries of each layer of img, the lowest first.
func LayerEntries(t testing.TB, img v1.Image) [][]Entry {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]Entry
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, TarEntries(t, r))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Flatten applies layers to one another, the lowest first, as overlayfs does with layers that were
// unpacked separately. It returns the resulting entries, sorted by name. Of several hard links to a
// file, the first one has the content.
func Flatten(t testing.TB, layers [][]Entry) []Entry {
	t.Helper()
	all := map[string]*flatFile{}
	for _, layer := range layers {
		own := unpackFlat(t, layer, all)
		for name := range all {
			if own.hides(name) {
				delete(all, name)
			}
		}
		maps.Copy(all, own.files)
	}
	var flat []Entry
	names := map[*flatFile]string{}
	for _, p := range slices.Sorted(maps.Keys(all)) {
		f := all[p]
		if f.implied {
			continue
		}
		e := f.entry
		e.Name = p
		if earlier, ok := names[f]; ok {
			e.Typeflag, e.Linkname, e.Body = tar.TypeLink, earlier, ""
		}
		names[f] = p
		flat = append(flat, e)
	}
	return flat
}

// A flatFile is a file, folder or link under one of its names.
type flatFile struct {
	entry Entry
	// implied is a folder that no layer lists.
	implied bool
}

func (f *flatFile) isDir() bool { return f.entry.Typeflag == tar.TypeDir }

// A flatLayer is one layer, unpacked separately.
type flatLayer struct {
	files map[string]*flatFile
	gone  map[string]bool // by whiteouts
	empty map[string]bool // folders whose content in lower layers is hidden
}

// hides reports whether the layer hides the entry name of lower layers.
func (l *flatLayer) hides(name string) bool {
	if own := l.files[name]; own != nil && !own.implied {
		return true
	}
	for at := name; at != "."; at = path.Dir(at) {
		if l.gone[at] || l.empty[path.Dir(at)] {
			return true
		}
		if own := l.files[at]; own != nil && !own.isDir() {
			return true
		}
	}
	return false
}

func unpackFlat(t testing.TB, layer []Entry, lower map[string]*flatFile) *flatLayer {
	t.Helper()
	l := &flatLayer{map[string]*flatFile{}, map[string]bool{}, map[string]bool{}}
	for _, e := range layer {
		p := strings.TrimPrefix(path.Join("/", e.Name), "/")
		if p == "" || e.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		dir, base := path.Split(p)
		dir = l.follow(path.Clean(dir))
		l.imply(dir, lower)
		p = path.Join(dir, base)
		if base == ".wh..wh..opq" {
			l.empty[dir] = true
			continue
		}
		if hidden, ok := strings.CutPrefix(base, ".wh."); ok {
			l.gone[path.Join(dir, hidden)] = true
			continue
		}
		f := &flatFile{entry: e}
		if e.Typeflag == tar.TypeLink {
			target := strings.TrimPrefix(path.Join("/", e.Linkname), "/")
			at := path.Join(l.follow(path.Dir(target)), path.Base(target))
			if f = l.files[at]; f == nil {
				f = lower[at]
			}
			if f == nil {
				t.Errorf("%s is a hard link to %s, which does not exist", e.Name, e.Linkname)
				continue
			}
		}
		if old := l.files[p]; !f.isDir() || old != nil && !old.isDir() {
			for name := range l.files {
				if strings.HasPrefix(name, p+"/") {
					delete(l.files, name)
				}
			}
		}
		if f.isDir() {
			delete(l.gone, p)
			if under := lower[p]; under != nil && !under.isDir() {
				l.empty[p] = true
			}
		}
		l.files[p] = f
	}
	return l
}

// follow returns the path of the folder dir in the layer after following the symlinks of the layer.
func (l *flatLayer) follow(dir string) string {
	at := "."
	for todo := strings.Split(dir, "/"); len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		next := strings.TrimPrefix(path.Join("/", at, name), "/")
		if f := l.files[next]; f != nil && f.entry.Typeflag == tar.TypeSymlink {
			if path.IsAbs(f.entry.Linkname) {
				at = "."
			}
			todo = append(strings.Split(f.entry.Linkname, "/"), todo...)
			continue
		}
		at = path.Clean(next)
	}
	return at
}

// imply creates the folder dir and those above it. If a lower layer has a folder, that one is used
// unchanged.
func (l *flatLayer) imply(dir string, lower map[string]*flatFile) {
	for ; dir != "."; dir = path.Dir(dir) {
		if l.files[dir] != nil {
			continue
		}
		if under := lower[dir]; under != nil && under.isDir() {
			l.files[dir] = under
			continue
		}
		l.files[dir] = &flatFile{entry: Entry{Header: tar.Header{Typeflag: tar.TypeDir}}, implied: true}
		l.empty[dir] = true
	}
}

// HostModes returns a listing for comparisons on this host: on Windows, every file of a context is
// executable, so files get the mode of executables.
func HostModes(listing string) string {
	if runtime.GOOS != "windows" {
		return listing
	}
	return strings.ReplaceAll(listing, "rw-r--r--", "rwxr-xr-x")
}

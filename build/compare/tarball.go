package compare

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// An entry is an entry of a tar.
type entry struct {
	tar.Header
	sum string // of its content
	// id is the name by which it is compared: a role, or else the name, with a number if it occurs again.
	id string
	// json is the content of a small JSON document.
	json []byte
}

// tars compares two tars: which entries there are, in which order, their headers and their content.
func (r *run) tars(path []string, first, second string) error {
	a, err := r.listTar(first)
	if err != nil {
		return r.damaged("first", err)
	}
	b, err := r.listTar(second)
	if err != nil {
		return r.damaged("second", err)
	}
	identify(a)
	identify(b)
	inB := map[string]*entry{}
	for _, e := range b {
		inB[e.id] = e
	}
	r.sayMissing(path, slices.Collect(ids(a)), slices.Collect(ids(b)))
	differing := map[string]bool{}
	headers := map[string][]string{} // ids by the way in which their headers differ
	var ways []string
	for _, x := range a {
		y := inB[x.id]
		if y == nil {
			continue
		}
		if way := r.headers(&x.Header, &y.Header, x.id == x.Name); way != "" {
			if headers[way] == nil {
				ways = append(ways, way)
			}
			headers[way] = append(headers[way], x.id)
		}
		if x.sum != y.sum {
			differing[x.id] = true
		}
	}
	for _, way := range ways {
		names := headers[way]
		if len(names) > 3 {
			r.say(path, "%s and %d more members: %s", names[0], len(names)-1, way)
			continue
		}
		for _, name := range names {
			r.say(append(path, name), "%s", way)
		}
	}
	return r.members(path, differing, func(see func(id string, content io.Reader) error) error {
		return r.eachEntry(first, a, see)
	}, func(see func(id string, content io.Reader) error) error {
		return r.eachEntry(second, b, see)
	})
}

func ids(entries []*entry) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, e := range entries {
			if !yield(e.id) {
				return
			}
		}
	}
}

// sayMissing says which members only one of two has, and whether the others come in another order.
func (r *run) sayMissing(path, a, b []string) {
	only := func(x, y []string) (out []string) {
		has := map[string]bool{}
		for _, name := range y {
			has[name] = true
		}
		for _, name := range x {
			if !has[name] {
				out = append(out, name)
			}
		}
		return out
	}
	onlyA, onlyB := only(a, b), only(b, a)
	for _, c := range []struct {
		which string
		names []string
	}{{"first", onlyA}, {"second", onlyB}} {
		if n := len(c.names); n > maxSaid {
			r.say(path, "only the %s has %s, and %d more", c.which, strings.Join(c.names[:maxSaid], ", "), n-maxSaid)
		} else if n > 0 {
			r.say(path, "only the %s has %s", c.which, strings.Join(c.names, ", "))
		}
	}
	common := func(x, without []string) []string {
		gone := map[string]bool{}
		for _, name := range without {
			gone[name] = true
		}
		return slices.DeleteFunc(slices.Clone(x), func(name string) bool { return gone[name] })
	}
	x, y := common(a, onlyA), common(b, onlyB)
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			r.say(path, "the members come in another order, from number %d: %s and %s; sort what comes out of a map or a folder", i+1, x[i], y[i])
			return
		}
	}
}

// members compares the members with the given ids. Each of the functions passes the content of all members of one of the
// two. Members are copied to files, all at once, since the two may be in another order. Of several with one id, the last
// counts.
func (r *run) members(path []string, which map[string]bool, first, second func(see func(id string, content io.Reader) error) error) error {
	if len(which) == 0 {
		return nil
	}
	order := []string{}
	pairs := map[string]pair{}
	defer func() {
		for _, p := range pairs {
			p.remove()
		}
	}()
	copyTo := func(file func(pair) string) func(string, io.Reader) error {
		return func(id string, content io.Reader) error {
			if !which[id] {
				return nil
			}
			p, ok := pairs[id]
			if !ok {
				var err error
				if p, err = r.newPair(); err != nil {
					return err
				}
				pairs[id] = p
				order = append(order, id)
			}
			return r.spool(file(p), content)
		}
	}
	if err := first(copyTo(func(p pair) string { return p.first })); err != nil {
		return err
	}
	if err := second(copyTo(func(p pair) string { return p.second })); err != nil {
		return err
	}
	for _, id := range order {
		if err := r.files(append(path, id), pairs[id].first, pairs[id].second); err != nil {
			return err
		}
	}
	return nil
}

// listTar returns the entries of a tar, with the digests of their content.
func (r *run) listTar(file string) ([]*entry, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var all []*entry
	held, headers, content := 0, 0, excess{Comparer: r.Comparer, size: info.Size()}
	for t := tar.NewReader(streams.WithContext(r.ctx, f)); ; {
		h, err := t.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(all)+1, err)
		}
		if headers += headerSize(h); headers > maxHeaders || len(all) >= maxEntries {
			return nil, fmt.Errorf("entry %d: the limits are %d entries, and %d bytes in their headers", len(all)+1, maxEntries, maxHeaders)
		}
		if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse {
			if err := content.add(h.Size); err != nil {
				return nil, err
			}
		}
		e := &entry{Header: *h}
		sum := sha256.New()
		var data io.Reader = t
		if h.Size <= maxMetadata && held < maxHeld {
			raw, err := io.ReadAll(t)
			if err != nil {
				return nil, fmt.Errorf("entry %s: %w", h.Name, err)
			}
			if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
				e.json = raw
				held += len(raw)
			}
			data = bytes.NewReader(raw)
		}
		if _, err := io.Copy(sum, data); err != nil {
			return nil, fmt.Errorf("entry %s: %w", h.Name, err)
		}
		e.sum = hex.EncodeToString(sum.Sum(nil))
		all = append(all, e)
	}
}

// headerSize is the number of bytes of text in a header.
func headerSize(h *tar.Header) int {
	n := len(h.Name) + len(h.Linkname) + len(h.Uname) + len(h.Gname)
	for key, value := range h.PAXRecords {
		n += len(key) + len(value)
	}
	return n
}

// eachEntry passes the content of the files of a tar by id.
func (r *run) eachEntry(file string, entries []*entry, see func(string, io.Reader) error) error {
	f, err := regular.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	byName := map[string][]string{} // ids in the order of their entries
	for _, e := range entries {
		byName[e.Name] = append(byName[e.Name], e.id)
	}
	for t := tar.NewReader(streams.WithContext(r.ctx, f)); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		left := byName[h.Name]
		if len(left) == 0 {
			continue
		}
		byName[h.Name] = left[1:]
		if err := see(left[0], t); err != nil {
			return err
		}
	}
}

// headers says how two headers differ, or nothing. named says that the entries have the same name.
func (r *run) headers(a, b *tar.Header, named bool) string {
	var out []string
	differ := func(what string, x, y any) {
		if fmt.Sprint(x) != fmt.Sprint(y) {
			out = append(out, fmt.Sprintf("%s differs: %v and %v", what, x, y))
		}
	}
	if a.Typeflag != b.Typeflag {
		differ("type", typeName(a.Typeflag), typeName(b.Typeflag))
	}
	if a.Mode != b.Mode {
		way := fmt.Sprintf("mode differs: %04o and %04o", a.Mode, b.Mode)
		if (a.Mode^b.Mode)&^0o077 == 0 {
			way += "; this looks like the umask"
		}
		out = append(out, way)
	}
	differ("owner", owner(a.Uid, a.Uname), owner(b.Uid, b.Uname))
	differ("group", owner(a.Gid, a.Gname), owner(b.Gid, b.Gname))
	if !a.ModTime.Equal(b.ModTime) {
		differ("modification time", clock(a.ModTime), clock(b.ModTime))
	}
	differ("link", a.Linkname, b.Linkname)
	if a.Format != b.Format {
		differ("tar format", a.Format, b.Format)
	}
	if named && !maps.Equal(a.PAXRecords, b.PAXRecords) {
		for _, key := range sortedKeys(union(a.PAXRecords, b.PAXRecords)) {
			if follows(a.PAXRecords[key], b.PAXRecords[key]) {
				continue
			}
			if key != "mtime" && key != "path" && key != "size" && key != "linkpath" {
				differ("PAX record "+key, fmt.Sprintf("%q", a.PAXRecords[key]), fmt.Sprintf("%q", b.PAXRecords[key]))
			}
		}
	}
	return strings.Join(out, "; ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// union has the keys of both.
func union(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}

func owner(id int, name string) string {
	if name == "" {
		return fmt.Sprint(id)
	}
	return fmt.Sprintf("%d (%s)", id, name)
}

func typeName(flag byte) string {
	switch flag {
	case tar.TypeReg:
		return "a file"
	case tar.TypeDir:
		return "a folder"
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeLink:
		return "a hard link"
	}
	return fmt.Sprintf("type %q", flag)
}

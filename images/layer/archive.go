package layer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Form is the layout of the entries of a layer.
type Form int

const (
	// Plain is the form of Linux layers, and of Windows images FROM scratch.
	Plain Form = iota
	// Windows is the form of layers on a real Windows base: Files/ and Hives/.
	Windows
)

// FormOf returns the form that the name of an entry indicates, for a layer of an image for Windows.
// tells is false if the name fits both forms. A layer has the form Windows if at least one name
// indicates it and none indicates Plain: its top level then has only Files, Hives and UtilityVM.
func FormOf(name string) (form Form, tells bool) {
	switch top, _, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+name), "/"), "/"); top {
	case "Files", "Hives":
		return Windows, true
	case "", "UtilityVM":
		return Plain, false
	}
	return Plain, true
}

// String returns the form's name.
func (f Form) String() string {
	if f == Windows {
		return "windows"
	}
	return "plain"
}

// An Archive is a layer that has been described and checked, and can be written any number of
// times.
type Archive struct {
	form    Form
	entries []Entry
}

// Describe returns the archive of entries, in any order. It adds missing parent folders: 0755,
// owned by root, at the Unix epoch. All errors in the entries are reported together.
func Describe(form Form, entries []Entry) (*Archive, error) {
	var errs []error
	sorted := slices.Clone(entries)
	have := make(map[string]byte, len(sorted))
	for i := range sorted {
		e := &sorted[i]
		if err := e.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, ok := have[e.Path]; ok {
			errs = append(errs, fmt.Errorf("layer entry %q: duplicate path", e.Path))
			continue
		}
		have[e.Path] = e.Type
		if e.ModTime.IsZero() {
			e.ModTime = time.Unix(0, 0)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, e := range sorted[:len(sorted):len(sorted)] {
		for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) {
			switch typ, ok := have[dir]; {
			case !ok:
				have[dir] = tar.TypeDir
				sorted = append(sorted, Entry{Path: dir, Type: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0)})
				continue
			case typ != tar.TypeDir:
				errs = append(errs, fmt.Errorf("layer entry %q: %q is not a folder", e.Path, dir))
			}
			break
		}
	}
	slices.SortFunc(sorted, func(a, b Entry) int { return ComparePaths(a.Path, b.Path) })
	for _, e := range sorted {
		if e.Type != tar.TypeLink {
			continue
		}
		// A missing target is in a lower layer.
		if typ, ok := have[e.Link]; ok && (typ == tar.TypeDir || ComparePaths(e.Link, e.Path) >= 0) {
			errs = append(errs, fmt.Errorf("layer entry %q: hard link to %q, which is not an earlier file", e.Path, e.Link))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Archive{form: form, entries: sorted}, nil
}

// Entries returns the archive's entries in the order in which they are written. They must not be
// changed.
func (a *Archive) Entries() []Entry { return a.entries }

// WithContents returns a copy of a that reads files from elsewhere: open maps the content of an
// entry to another one with the same ID and bytes.
func (a *Archive) WithContents(open func(*Entry) Content) *Archive {
	c := &Archive{form: a.form, entries: slices.Clone(a.entries)}
	for i := range c.entries {
		if e := &c.entries[i]; e.Content != nil {
			e.Content = open(e)
		}
	}
	return c
}

// Size returns the total size of all files, in bytes.
func (a *Archive) Size() int64 {
	var size int64
	for i := range a.entries {
		size += a.entries[i].Size
	}
	return size
}

// keyVersion is part of every key and must change whenever Write would produce other bytes from the
// same entries.
const keyVersion = "slipway layer 1"

// Key identifies the bytes that Write produces: archives with the same key are written identically.
func (a *Archive) Key() string {
	h := sha256.New()
	field(h, keyVersion)
	field(h, a.form.String())
	for i := range a.entries {
		e := &a.entries[i]
		field(h, e.Path)
		field(h, string(e.Type))
		for _, n := range []int64{e.Mode, int64(e.UID), int64(e.GID), e.ModTime.Unix(), e.Major, e.Minor, e.Size} {
			field(h, strconv.FormatInt(n, 10))
		}
		field(h, e.Link)
		field(h, strconv.Itoa(len(e.Xattrs)))
		for _, name := range slices.Sorted(maps.Keys(e.Xattrs)) {
			field(h, name)
			field(h, e.Xattrs[name])
		}
		if e.Content != nil {
			field(h, e.Content.ID())
		}
	}
	return "layer:" + hex.EncodeToString(h.Sum(nil))
}

// field adds s to h unambiguously: no two lists of fields hash the same.
func field(h hash.Hash, s string) {
	h.Write(strconv.AppendInt(nil, int64(len(s)), 10))
	h.Write([]byte{':'})
	h.Write([]byte(s))
}

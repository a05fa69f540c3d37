package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images"
)

// An entry is one file, folder or symbolic link of a bundle.
type entry struct {
	// path is clean, relative and with slashes.
	path string
	// source is the file on disk; folders and links have none.
	source string
	// mode has Go's bits for the type, setuid, setgid and sticky.
	mode fs.FileMode
	// link is where a symbolic link points.
	link   string
	size   int64
	config bool
	// packed is set for what was asked for, and not for the folders above it.
	packed bool
	// origin is what messages name: the file, folder or link on disk.
	origin string
}

// A collector gathers the entries of a bundle and all that is wrong with them.
type collector struct {
	output  string
	entries map[string]entry
	missing []string
	errs    []error
}

// collect returns the entries that files become in the bundle output, with the
// folders above them, sorted by path.
func collect(output string, files []File) ([]entry, error) {
	c := &collector{output: output, entries: map[string]entry{}}
	for _, f := range files {
		if err := c.file(f); err != nil {
			c.errs = append(c.errs, err)
		}
	}
	if len(c.missing) > 0 {
		c.errs = append(c.errs, fmt.Errorf("missing: %s", strings.Join(c.missing, ", ")))
	}
	c.parents()
	if len(c.entries) == 0 && len(c.errs) == 0 {
		c.errs = append(c.errs, errors.New("there is no file to put into it"))
	}
	sorted := slices.SortedFunc(maps.Values(c.entries), byPath)
	return sorted, errors.Join(c.errs...)
}

// file adds one file, or what is below a folder.
func (c *collector) file(f File) error {
	where, err := cleanPath(f.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Source, err)
	}
	// With links resolved, since nfpm would pack a link for a link.
	source, err := filepath.EvalSymlinks(f.Source)
	if errors.Is(err, fs.ErrNotExist) {
		c.missing = append(c.missing, f.Source)
		return nil
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return c.folder(f, source, where)
	}
	if where == "." {
		return fmt.Errorf("%s: its path in the bundle, %q, names a folder", f.Source, f.Path)
	}
	return c.regular(f, source, f.Source, where, info)
}

// folder adds all that is below the folder source.
func (c *collector) folder(f File, source, where string) error {
	inside, err := isBelow(c.output, source)
	if err != nil {
		return err
	}
	if inside {
		return fmt.Errorf("%s: the bundle itself is written below this folder: pack the folders beside it, or write it elsewhere", f.Source)
	}
	return filepath.WalkDir(source, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, file)
		if err != nil {
			return err
		}
		name := path.Join(where, filepath.ToSlash(rel))
		origin := filepath.Join(f.Source, rel)
		if name == "." {
			return nil
		}
		if strings.ContainsAny(name, "\\\x00\n") {
			c.errs = append(c.errs, fmt.Errorf("%q: a backslash or line break in a name means something else to other systems: rename it", origin))
			return nil
		}
		switch d.Type() {
		case fs.ModeDir:
			c.add(entry{path: name, mode: fs.ModeDir | 0o755, packed: true, origin: origin})
		case fs.ModeSymlink:
			link, err := os.Readlink(file)
			if err != nil {
				return err
			}
			c.add(entry{path: name, mode: fs.ModeSymlink | 0o777, link: filepath.ToSlash(link), packed: true, origin: origin})
		default:
			info, err := d.Info()
			if err != nil {
				return err
			}
			if err := c.regular(f, file, origin, name, info); err != nil {
				c.errs = append(c.errs, err)
			}
		}
		return nil
	})
}

// regular adds one file.
func (c *collector) regular(f File, source, origin, where string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: want a file, folder or symbolic link, found %s", origin, info.Mode().Type())
	}
	absolute, err := filepath.Abs(source)
	if err != nil {
		return err
	}
	mode := images.ContextMode(info.Mode())
	if f.Mode != 0 {
		mode = goMode(f.Mode)
	}
	c.add(entry{path: where, source: absolute, mode: mode, size: info.Size(), config: f.Config, packed: true, origin: origin})
	return nil
}

// add adds e, unless something else is there.
func (c *collector) add(e entry) {
	have, ok := c.entries[e.path]
	if ok && !(have.mode.IsDir() && e.mode.IsDir()) {
		c.errs = append(c.errs, fmt.Errorf("%s and %s are both to stand at %s: give one of them another path", have.origin, e.origin, e.path))
		return
	}
	c.entries[e.path] = e
}

// parents adds the folders above the entries.
func (c *collector) parents() {
	for _, name := range slices.Sorted(maps.Keys(c.entries)) {
		e := c.entries[name]
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			have, ok := c.entries[dir]
			if !ok {
				c.entries[dir] = entry{path: dir, mode: fs.ModeDir | 0o755, origin: "the folder of " + e.origin}
			} else if !have.mode.IsDir() {
				c.errs = append(c.errs, fmt.Errorf("%s is to stand at %s, below %s, which is not a folder", e.origin, e.path, have.origin))
			}
		}
	}
}

// cleanPath is p without a leading slash and in its shortest form; "." is the
// bundle's own folder.
func cleanPath(p string) (string, error) {
	if p == "" {
		return "", errors.New("it has no path in the bundle")
	}
	if strings.ContainsAny(p, "\\\x00\n") {
		return "", fmt.Errorf("path %q: want slashes, and no backslash or line break", p)
	}
	if slices.Contains(strings.Split(p, "/"), "..") {
		return "", fmt.Errorf("path %q: want a path that has no .. in it", p)
	}
	return path.Clean(strings.TrimLeft(p, "/")), nil
}

// isBelow says whether file lies in the folder dir or below it.
func isBelow(file, dir string) (bool, error) {
	parent, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return false, err
	}
	if resolved, err := filepath.EvalSymlinks(parent); err == nil { // else it does not exist yet
		parent = resolved
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return false, err
	}
	rel, err := filepath.Rel(dir, parent)
	if err != nil { // another drive
		return false, nil
	}
	return rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)), nil
}

// goMode reads permissions in either form: as chmod spells them (04755), or with Go's
// own bits.
func goMode(m fs.FileMode) fs.FileMode {
	mode := m & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	for bit, own := range map[fs.FileMode]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= own
		}
	}
	return mode
}

// unixMode is the permissions of m as chmod spells them.
func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, own := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&own != 0 {
			mode |= bit
		}
	}
	return mode
}

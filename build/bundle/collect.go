package bundle

import (
	"cmp"
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
	"github.com/slipway-build/slipway/internal/regular"
)

// An entry is a file, folder or symbolic link of a bundle.
type entry struct {
	// path is clean, relative and has slashes.
	path string
	// source is the file on disk; empty for folders and links.
	source string
	// mode includes Go's bits for the type, setuid, setgid and sticky.
	mode fs.FileMode
	// link is the target of a symbolic link.
	link   string
	size   int64
	config bool
	// packed is true for requested entries, and false for folders above them.
	packed bool
	// origin is the file, folder or link on disk, for messages.
	origin string
}

// A collector gathers the entries of a bundle, and errors.
type collector struct {
	output  string
	entries map[string]entry
	missing []string
	errs    []error
}

// collect returns the entries for files in the bundle output, with the folders above them, sorted
// by path.
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
		c.errs = append(c.errs, errors.New("no files to pack"))
	}
	sorted := slices.SortedFunc(maps.Values(c.entries), byPath)
	return sorted, errors.Join(c.errs...)
}

// file adds one file, or the content of a folder.
func (c *collector) file(f File) error {
	where, err := cleanPath(f.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(f.Source, f.Link, "folder"), err)
	}
	switch {
	case where == "." && (f.Folder || f.Link != ""):
		return fmt.Errorf("path %q in the bundle is its root: name a path below it", f.Path)
	case f.Folder:
		mode := fs.FileMode(0o755)
		if f.Mode != 0 {
			mode = goMode(f.Mode)
		}
		c.add(entry{path: where, mode: fs.ModeDir | mode, packed: true, origin: "folder " + f.Path})
		return nil
	case f.Link != "":
		c.add(entry{path: where, mode: fs.ModeSymlink | 0o777, link: f.Link, packed: true, origin: "link " + f.Path})
		return nil
	}
	// Resolve links, since nfpm would pack a link as a link.
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
	if len(f.Include)+len(f.Exclude) > 0 {
		return fmt.Errorf("%s: want a folder, since only some of its files are wanted", f.Source)
	}
	if where == "." {
		return fmt.Errorf("%s: path %q in the bundle is a folder", f.Source, f.Path)
	}
	return c.regular(f, source, f.Source, where, info)
}

// folder adds the content of the folder source.
func (c *collector) folder(f File, source, where string) error {
	wanted, err := newSelection(f)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Source, err)
	}
	own, inside, err := below(c.output, source)
	if err != nil {
		return err
	}
	if inside && wanted.all() && !wanted.excludes(own) {
		return fmt.Errorf("%s: the bundle itself would be written to this folder: pack the subfolders separately, or write the bundle elsewhere", f.Source)
	}
	found := false
	err = filepath.WalkDir(source, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, file)
		if err != nil {
			return err
		}
		name := path.Join(where, filepath.ToSlash(rel))
		origin := filepath.Join(f.Source, rel)
		if inside && d.IsDir() && filepath.ToSlash(rel) == own {
			return fs.SkipDir // a pattern does not mean earlier bundles
		}
		if rel != "." {
			if has, err := wanted.has(filepath.ToSlash(rel), d.IsDir()); !has {
				return err
			}
		}
		if name == "." || rel == "." && len(f.Include) > 0 {
			return nil
		}
		found = found || rel != "."
		return c.member(f, file, origin, name, d)
	})
	if err == nil && !found && len(f.Include) > 0 {
		return fmt.Errorf("%s: no file of the folder matches %s", f.Source, strings.Join(f.Include, ", "))
	}
	return err
}

// member adds the entry of a folder at file. An error of member ends the walk; errors of single files are collected.
func (c *collector) member(f File, file, origin, name string, d fs.DirEntry) error {
	if strings.ContainsAny(name, "\\\x00\n") {
		c.errs = append(c.errs, fmt.Errorf("%q: a name with a backslash or line break is not portable: rename it", origin))
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
}

// regular adds one file.
func (c *collector) regular(f File, source, origin, where string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: want a file, folder or symbolic link, found a %s", origin, regular.Kind(info.Mode()))
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

// add adds e. It is an error if the path is taken.
func (c *collector) add(e entry) {
	have, ok := c.entries[e.path]
	if ok && !(have.mode.IsDir() && e.mode.IsDir()) {
		c.errs = append(c.errs, fmt.Errorf("%s and %s have the same path in the bundle, %s: change one of them", have.origin, e.origin, e.path))
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
				c.errs = append(c.errs, fmt.Errorf("%s: path %s in the bundle is below %s, which is not a folder", e.origin, e.path, have.origin))
			}
		}
	}
}

// cleanPath returns p in its shortest form, without a leading slash. "." is the root of the bundle.
func cleanPath(p string) (string, error) {
	if p == "" {
		return "", errors.New("missing path in the bundle")
	}
	if strings.ContainsAny(p, "\\\x00\n") {
		return "", fmt.Errorf("path %q: want slashes, without a backslash or line break", p)
	}
	if slices.Contains(strings.Split(p, "/"), "..") {
		return "", fmt.Errorf("path %q: \"..\" is not allowed", p)
	}
	return path.Clean(strings.TrimLeft(p, "/")), nil
}

// below returns the folder of file relative to the folder dir, and whether it is dir or below it.
func below(file, dir string) (string, bool, error) {
	parent, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return "", false, err
	}
	if resolved, err := filepath.EvalSymlinks(parent); err == nil { // else it does not exist yet
		parent = resolved
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, err
	}
	rel, err := filepath.Rel(dir, parent)
	if err != nil { // on another drive
		return "", false, nil
	}
	return filepath.ToSlash(rel), filepath.IsLocal(rel), nil
}

// goMode accepts permissions in both forms: those of chmod (04755), and Go's own bits.
func goMode(m fs.FileMode) fs.FileMode {
	mode := m & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	for bit, own := range map[fs.FileMode]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= own
		}
	}
	return mode
}

// unixMode returns the permissions of m in the form of chmod.
func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, own := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&own != 0 {
			mode |= bit
		}
	}
	return mode
}

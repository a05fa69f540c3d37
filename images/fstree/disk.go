package fstree

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/slipway-build/slipway/images"
)

// A diskFolder is a folder on disk that COPY reads from: the build context, or a
// named context. Each folder in it is read when its entries are first used. Symlinks
// are not followed.
type diskFolder struct {
	dir string
	// ignored is nil if nothing is excluded. It is not safe for concurrent use, so
	// that neither is the tree of a diskFolder.
	ignored *patternmatcher.PatternMatcher
	modes   images.Modes
	// linked holds the files that have several names, by inode.
	linked map[inode]*Node
}

// OpenFolder returns the folder dir on disk as the root of a tree, without the
// files that ignored, which may be nil, matches. Owners and times are root and the
// Unix epoch; modes come from modes. Files with several names in dir are hard links
// in the tree. Several goroutines must not use the tree at once.
func OpenFolder(dir string, ignored *patternmatcher.PatternMatcher, modes images.Modes) (*Node, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	d := &diskFolder{dir: dir, ignored: ignored, modes: modes, linked: map[inode]*Node{}}
	root := NewFolder()
	root.entries, root.read = nil, d.reader("", patternmatcher.MatchInfo{})
	return root, nil
}

// reader returns the function that reads the folder at rel. matched is the result
// of matching rel itself.
func (d *diskFolder) reader(rel string, matched patternmatcher.MatchInfo) func(*Node) error {
	return func(n *Node) error {
		dir := filepath.Join(d.dir, filepath.FromSlash(rel))
		list, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		entries := make(map[string]*Node, len(list))
		for _, entry := range list {
			child, err := d.node(path.Join(rel, entry.Name()), entry, matched)
			if err != nil {
				return err
			}
			if child != nil {
				entries[entry.Name()] = child
			}
		}
		n.entries = entries
		return nil
	}
}

// node returns the Node of the file at rel, or nil if it is excluded.
func (d *diskFolder) node(rel string, entry fs.DirEntry, parent patternmatcher.MatchInfo) (*Node, error) {
	var (
		excluded bool
		matched  patternmatcher.MatchInfo
		err      error
	)
	if d.ignored != nil {
		if excluded, matched, err = d.ignored.MatchesUsingParentResults(rel, parent); err != nil {
			return nil, fmt.Errorf("matching %q with .dockerignore: %w", rel, err)
		}
		if excluded && !(entry.IsDir() && d.mayHoldException(rel)) {
			return nil, nil
		}
	}
	name := filepath.Join(d.dir, filepath.FromSlash(rel))
	info, err := entry.Info()
	if err != nil {
		return nil, err
	}
	mode := d.modes.Of(info.Mode())
	n := &Node{Mode: tarMode(mode), ModTime: UnixEpoch}
	switch {
	case mode.IsDir():
		n.Type, n.read = tar.TypeDir, d.reader(rel, matched)
		if excluded {
			// The folder exists only if an exception, !path, keeps something in it.
			entries, err := n.list()
			if err != nil || len(entries) == 0 {
				return nil, err
			}
		}
	case mode.IsRegular():
		key, several := inodeOf(info)
		if several {
			if known := d.linked[key]; known != nil {
				return known, nil
			}
			d.linked[key] = n
		}
		n.Type, n.Size, n.Content = tar.TypeReg, info.Size(), &DiskFile{name, info}
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		if err != nil {
			return nil, err
		}
		n.Type, n.Link = tar.TypeSymlink, filepath.ToSlash(target)
	case mode&fs.ModeSocket != 0:
		n.what = "socket"
	case mode&fs.ModeNamedPipe != 0:
		n.what = "named pipe"
	case mode&fs.ModeDevice != 0:
		n.what = "device"
	default:
		n.what = "special file"
	}
	return n, nil
}

// mayHoldException reports whether an exception of .dockerignore could match a file
// below the excluded folder rel. It compares each pattern with rel name by name, up
// to the first wildcard.
func (d *diskFolder) mayHoldException(rel string) bool {
	if !d.ignored.Exclusions() {
		return false
	}
	names := strings.Split(rel, "/")
	for _, pattern := range d.ignored.Patterns() {
		if !pattern.Exclusion() {
			continue
		}
		possible := true
		if strings.ContainsAny(pattern.String(), `|(){}+^`) {
			return true // patternmatcher passes these to regexp as they are
		}
		for i, want := range strings.Split(filepath.ToSlash(pattern.String()), "/") {
			if i == len(names) || strings.ContainsAny(want, `*?[\`) {
				break
			}
			if want != names[i] {
				possible = false
				break
			}
		}
		if possible {
			return true
		}
	}
	return false
}

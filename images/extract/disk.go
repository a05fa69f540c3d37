package extract

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// maxFolders is the number of folders that openFolders keeps open. A few are enough, because a
// layer lists the entries of one folder one after another. Some systems allow only 256 open files.
const maxFolders = 32

// openFolders keeps the most recently used folders open. os.Root opens each element of a path, so
// without it the cost of an entry would grow with its depth.
type openFolders struct {
	nodes []*node // the most recently used one is at the end
	// opened counts the path elements that were opened, for tests.
	opened int
}

// open returns the folder n, which must be inside a target.
func (f *openFolders) open(n *node) (*os.Root, error) {
	if n.top {
		return n.target.folder.root, nil
	}
	if n.dir != nil {
		i := slices.Index(f.nodes, n)
		f.nodes = append(slices.Delete(f.nodes, i, i+1), n)
		return n.dir, nil
	}
	at := n.parent
	for !at.top && at.dir == nil {
		at = at.parent
	}
	// Open the folders halfway up as well. Callers that return from a deep folder then find an
	// open folder near each of them.
	for at != n {
		next := n
		for range (n.depth - at.depth) / 2 {
			next = next.parent
		}
		if err := f.openFrom(at, next); err != nil {
			return nil, err
		}
		at = next
	}
	return n.dir, nil
}

// openFrom opens the folder n, starting from above, an open folder above it.
func (f *openFolders) openFrom(above, n *node) (err error) {
	from := above.dir
	if above.top {
		from = above.target.folder.root
	}
	local, err := localize(n.pathBelow(above))
	if err != nil {
		return err
	}
	f.opened += n.depth - above.depth
	if n.dir, err = from.OpenRoot(local); err != nil {
		return err
	}
	f.nodes = append(f.nodes, n)
	if len(f.nodes) > maxFolders {
		oldest := f.nodes[0]
		f.nodes = f.nodes[1:]
		err = oldest.dir.Close()
		oldest.dir = nil
	}
	return err
}

// drop closes the folder n and those in it.
func (f *openFolders) drop(n *node) error {
	var errs []error
	f.nodes = slices.DeleteFunc(f.nodes, func(other *node) bool {
		if !other.within(n) {
			return false
		}
		errs = append(errs, other.dir.Close())
		other.dir = nil
		return true
	})
	return errors.Join(errs...)
}

// close closes all folders.
func (f *openFolders) close() error {
	var errs []error
	for _, n := range f.nodes {
		errs = append(errs, n.dir.Close())
		n.dir = nil
	}
	f.nodes = nil
	return errors.Join(errs...)
}

// within reports whether n is above or is inside it.
func (n *node) within(above *node) bool {
	for ; n != nil; n = n.parent {
		if n == above {
			return true
		}
	}
	return false
}

// commonFolder returns the deepest folder that contains both nodes.
func commonFolder(a, b *node) *node {
	a, b = a.parent, b.parent
	for a.depth > b.depth {
		a = a.parent
	}
	for b.depth > a.depth {
		b = b.parent
	}
	for a != b {
		a, b = a.parent, b.parent
	}
	return a
}

// onDisk reports whether a node is inside a target, and not the target itself.
func (n *node) onDisk() bool { return n.target != nil && !n.top }

// localize converts a path of the image to one of this system.
func localize(p string) (string, error) {
	local, err := filepath.Localize(p)
	if err != nil {
		return "", fmt.Errorf("%q is not a valid file name on this system", p)
	}
	return local, nil
}

// place returns the folder on disk that holds a node, and the node's name in it.
func (o *overlay) place(n *node) (*os.Root, string, error) {
	local, err := localize(n.name)
	if err != nil {
		return nil, "", err
	}
	folder, err := o.folders.open(n.parent)
	return folder, local, err
}

func (o *overlay) mkdir(n *node) error {
	folder, local, err := o.place(n)
	if err != nil {
		return err
	}
	if err := folder.Mkdir(local, 0o755); err != nil {
		return err
	}
	// All users run programs from there, whatever the umask.
	return folder.Chmod(local, 0o755)
}

// write creates the file or folder of a node, or a hard link to linked.
func (o *overlay) write(n, linked *node, h *tar.Header, body io.Reader) error {
	switch {
	case n.kind == tar.TypeDir:
		return o.mkdir(n)
	case n.kind == tar.TypeSymlink:
		return nil // made by finish
	case linked != nil:
		return o.linkFile(n, linked, h)
	}
	folder, local, err := o.place(n)
	if err != nil {
		return err
	}
	f, err := folder.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(o.copy(f, h.Size, body), f.Chmod(fs.FileMode(h.Mode)&0o755), f.Close())
}

// copy writes a file of size bytes, and counts them against the limit.
func (o *overlay) copy(f *os.File, size int64, body io.Reader) error {
	if size > o.limits.Bytes-o.bytes {
		return fmt.Errorf("with its %d bytes, more than the limit of %d bytes would be written", size, o.limits.Bytes)
	}
	o.bytes += size
	_, err := io.Copy(f, body)
	return err
}

// linkFile makes n a hard link to linked. The file gets the mode in the link's header.
func (o *overlay) linkFile(n, linked *node, h *tar.Header) error {
	above := commonFolder(n, linked)
	folder, err := o.folders.open(above)
	if err != nil {
		return err
	}
	from, err := localize(linked.pathBelow(above))
	if err != nil {
		return err
	}
	to, err := localize(n.pathBelow(above))
	if err != nil {
		return err
	}
	if err := folder.Link(from, to); err != nil {
		return err
	}
	return folder.Chmod(to, fs.FileMode(h.Mode)&0o755)
}

// linkAside creates the hard link n under a temporary name that no image uses. place renames it.
func (o *overlay) linkAside(n, linked *node, h *tar.Header) (place func() error, err error) {
	const aside = ".wh..wh.link"
	if n.kind == tar.TypeSymlink || !n.onDisk() {
		return func() error { return nil }, nil
	}
	name := n.name
	n.name = aside
	err = o.linkFile(n, linked, h)
	n.name = name
	return func() error {
		folder, local, err := o.place(n)
		if err != nil {
			return err
		}
		return folder.Rename(aside, local)
	}, err
}

// erase removes the files of a node from disk.
func (o *overlay) erase(n *node) error {
	if !n.onDisk() {
		for _, name := range slices.Sorted(maps.Keys(n.children)) {
			if err := o.erase(n.children[name]); err != nil {
				return err
			}
		}
		return nil
	}
	switch n.kind {
	case tar.TypeSymlink:
		return nil // finish creates it
	case tar.TypeDir:
		if err := o.folders.drop(n); err != nil {
			return err
		}
	}
	folder, local, err := o.place(n)
	if err != nil {
		return err
	}
	return folder.RemoveAll(local)
}

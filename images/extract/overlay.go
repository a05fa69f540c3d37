package extract

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/fstree"
	imagelayer "github.com/slipway-build/slipway/images/layer"
)

// A target is a folder to extract.
type target struct {
	path   string // in the image, clean, without a leading slash; empty for all files
	folder *tempFolder
}

// depth returns the number of elements of the path.
func (t *target) depth() int {
	if t.path == "" {
		return 0
	}
	return strings.Count(t.path, "/") + 1
}

// holds reports whether name is the target or is inside it.
func (t *target) holds(name string) bool {
	return t.path == "" || name == t.path || strings.HasPrefix(name, t.path+"/")
}

// An overlay lays layers over one another. It keeps the nodes in the targets, the folders above
// targets, and the names at the top of the image. The files and folders of targets are on disk.
// Symlinks are created last, once their destinations are known, so that nothing is written
// through a symlink.
type overlay struct {
	targets []*target
	limits  Limits
	windows bool // the image is for Windows
	// onWindows is set on a Windows host.
	onWindows bool

	root    *node
	layer   int // number of the current layer, from 0
	own     layerState
	entries int
	bytes   int64
	folders openFolders
	// steps counts the symlink elements that were followed, for tests.
	steps int
}

// A node is a file, folder or symlink of an overlay. It stores a name instead of a path, so that
// memory grows linearly with the depth of a tree, not quadratically.
type node struct {
	name     string // the last element of its path; empty for the root
	parent   *node
	depth    int              // number of elements of its path
	children map[string]*node // of folders
	// folded maps the names of children, as Windows compares them, to their actual names.
	folded map[string]string
	kind   byte    // tar.TypeDir, tar.TypeReg or tar.TypeSymlink
	link   string  // the text of a symlink
	layer  int     // the last layer with an entry for the node or inside it
	target *target // the target that contains the node or is the node; may be nil
	// top is set if the node is the target's own folder.
	top bool
	// made is set once finish has created the symlink, on a Windows host.
	made bool
	// dir is the folder on disk, while openFolders keeps it open.
	dir *os.Root
}

// path returns the path in the image, clean and without a leading slash.
func (n *node) path() string { return n.pathBelow(nil) }

// pathBelow returns the path relative to above, a folder above the node; nil means the root.
func (n *node) pathBelow(above *node) string {
	var names []string
	for at := n; at != above && at.parent != nil; at = at.parent {
		names = append(names, at.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

func newOverlay(targets []*target, limits Limits, windows bool) *overlay {
	if limits.Bytes == 0 {
		limits.Bytes = 64 << 30
	}
	if limits.Entries == 0 {
		limits.Entries = 1_000_000
	}
	o := &overlay{targets: targets, limits: limits, windows: windows, onWindows: runtime.GOOS == "windows"}
	o.root = &node{kind: tar.TypeDir, children: map[string]*node{}}
	o.assign(o.root, "")
	return o
}

// assign sets the target of a node with this path.
func (o *overlay) assign(n *node, path string) {
	n.target = o.targetOf(path)
	n.top = n.target != nil && n.target.path == path
}

// count counts an entry, or a folder without an entry, against the limit.
func (o *overlay) count() error {
	if o.entries++; o.entries > o.limits.Entries {
		return fmt.Errorf("the image has more than the limit of %d entries", o.limits.Entries)
	}
	return nil
}

func (o *overlay) targetOf(name string) *target {
	for _, t := range o.targets {
		if t.holds(name) {
			return t
		}
	}
	return nil
}

// known reports whether the overlay keeps nodes at this path.
func (o *overlay) known(name string) bool {
	return !strings.Contains(name, "/") || o.targetOf(name) != nil ||
		slices.ContainsFunc(o.targets, func(t *target) bool { return strings.HasPrefix(t.path, name+"/") })
}

// apply adds an entry of the current layer, or records what it hides.
func (o *overlay) apply(h *tar.Header, body io.Reader) error {
	if err := o.count(); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if err := o.tellForm(h.Name); err != nil {
		return err
	}
	name, ok, err := o.imagePath(h.Name)
	if err != nil || !ok {
		return err
	}
	if name, err = o.resolve(name); err != nil {
		return err
	}
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	hidden, isOpaque, isWhiteout := fstree.Whiteout(base)
	switch {
	case name == "" && h.Typeflag != tar.TypeDir:
		return errors.New("the root of an image must be a folder")
	case name == "":
		return nil
	case fstree.IsAUFS(name):
		return o.own.aufs.keep(o, name, h, body)
	case isOpaque:
		return o.makeOpaque(dir)
	case isWhiteout:
		return o.whiteOut(dir, hidden)
	}
	h, content, err := o.own.aufs.find(h, body)
	if err != nil {
		return err
	}
	defer content.Close()
	if err := o.own.links.add(o, name, h); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		// overlayfs loses a whiteout when a folder is made in its place.
		delete(o.own.hidden, name)
	}
	if o.known(name) {
		o.own.claimed = ""
		return o.add(name, h, content)
	}
	if dir == o.own.claimed {
		return nil
	}
	o.own.claimed = dir
	return o.claim(name)
}

// imagePath returns an entry's path in the image. Layers in the Windows form have the files of
// the image in Files, next to Hives and UtilityVM, for which ok is false.
func (o *overlay) imagePath(name string) (p string, ok bool, err error) {
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", false, errors.New("its name contains \"..\"")
	}
	p = strings.TrimPrefix(path.Clean("/"+name), "/")
	if o.own.form == imagelayer.Plain {
		return p, true, nil
	}
	top, rest, _ := strings.Cut(p, "/")
	return rest, top == "Files" || p == "", nil
}

func (o *overlay) lookup(name string) *node {
	n := o.root
	if name == "" {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}

// add adds the node of an entry, replacing a node of a lower layer.
func (o *overlay) add(name string, h *tar.Header, body io.Reader) error {
	parent, err := o.parent(name)
	if err != nil {
		return err
	}
	old := parent.children[path.Base(name)]
	if h.Typeflag == tar.TypeDir && old != nil && old.kind == tar.TypeDir {
		old.layer = o.layer
		return nil
	}
	n := &node{name: path.Base(name), parent: parent, depth: parent.depth + 1, kind: tar.TypeReg, layer: o.layer}
	o.assign(n, name)
	var linked *node
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
	case tar.TypeDir:
		n.kind, n.children = tar.TypeDir, map[string]*node{}
	case tar.TypeSymlink:
		n.kind, n.link = tar.TypeSymlink, o.linkName(h.Linkname)
	case tar.TypeLink:
		if linked, err = o.hardLink(n, h.Linkname); err != nil {
			return err
		}
	default:
		if n.target != nil {
			return fmt.Errorf("it is a device, a pipe or the like (type %q), and only files, folders and links are extracted", h.Typeflag)
		}
	}
	make := func() error {
		if !n.onDisk() {
			return nil
		}
		return o.write(n, linked, h, body)
	}
	if old != nil && linked.within(old) {
		// The hard link replaces a folder and leads to a file in it.
		make, err = o.linkAside(n, linked, h)
		if err != nil {
			return err
		}
	}
	if old != nil {
		if err := o.remove(old); err != nil {
			return err
		}
	}
	if err := o.hostName(parent, n); err != nil {
		return err
	}
	if err := make(); err != nil {
		return err
	}
	parent.children[path.Base(name)] = n
	return nil
}

// parent returns the folder that contains name. It creates folders that have no entry, and
// replaces files and symlinks of lower layers by folders.
func (o *overlay) parent(name string) (*node, error) {
	n := o.root
	for begin := 0; ; {
		length := strings.IndexByte(name[begin:], '/')
		if length < 0 {
			return n, nil
		}
		end := begin + length
		part := name[begin:end]
		child := n.children[part]
		if child != nil && child.kind != tar.TypeDir {
			if child.layer == o.layer {
				return nil, fmt.Errorf("it is below %q, which is a file", name[:end])
			}
			if err := o.remove(child); err != nil {
				return nil, err
			}
			child = nil
		}
		if child == nil {
			if err := o.count(); err != nil {
				return nil, err
			}
			child = &node{name: part, parent: n, depth: n.depth + 1, kind: tar.TypeDir, children: map[string]*node{}}
			o.assign(child, name[:end])
			if err := o.hostName(n, child); err != nil {
				return nil, err
			}
			if child.onDisk() {
				if err := o.mkdir(child); err != nil {
					return nil, err
				}
			}
			n.children[part] = child
		}
		child.layer = o.layer
		n, begin = child, end+1
	}
}

// hardLink returns the file or symlink that the hard link n leads to. n is not in place yet.
func (o *overlay) hardLink(n *node, to string) (*node, error) {
	if n.target == nil {
		return nil, nil
	}
	name, ok, err := o.imagePath(to)
	if err != nil || !ok {
		return nil, fmt.Errorf("it is a hard link to %q, which is not a path in the image", to)
	}
	if name, err = o.resolve(name); err != nil {
		return nil, err
	}
	linked := o.lookup(name)
	if !n.target.holds(name) || linked == nil || linked.kind == tar.TypeDir || name == n.path() {
		return nil, fmt.Errorf("it is a hard link to %q, which is not a file in the extracted folder", to)
	}
	n.kind, n.link = linked.kind, linked.link
	for up := linked; up != nil; up = up.parent {
		up.layer = o.layer // the file belongs to this layer now, as in package fstree
	}
	return linked, nil
}

// remove removes a node and all nodes in it.
func (o *overlay) remove(n *node) error {
	delete(n.parent.children, n.name)
	delete(n.parent.folded, foldedName(n.name))
	return o.erase(n)
}

// finish creates the symlinks, and returns the number of files and links in the targets.
func (o *overlay) finish() (files int, err error) {
	defer func() { err = errors.Join(err, o.folders.close()) }()
	var errs []error
	for _, t := range o.targets {
		base, err := o.base(t)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n, err := o.finishFolder(base)
		files += n
		errs = append(errs, err)
	}
	return files, errors.Join(errs...)
}

// base returns the node of a target.
func (o *overlay) base(t *target) (*node, error) {
	n := o.root
	if t.path == "" {
		return n, nil
	}
	for part := range strings.SplitSeq(t.path, "/") {
		if n = n.children[part]; n == nil {
			break
		}
		switch n.kind {
		case tar.TypeSymlink:
			return nil, fmt.Errorf("/%s is a link to %s in the image; name the folder that it leads to", n.path(), n.link)
		case tar.TypeReg:
			return nil, fmt.Errorf("/%s is a file in the image, and folders are extracted", n.path())
		}
	}
	if n != nil {
		return n, nil
	}
	var tops []string
	for _, name := range slices.Sorted(maps.Keys(o.root.children)) {
		if o.root.children[name].kind == tar.TypeDir {
			tops = append(tops, "/"+name)
		}
	}
	if len(tops) == 0 {
		tops = []string{"none"}
	}
	return nil, images.Absentf("it has no folder /%s; its top folders are: %s", t.path, strings.Join(tops, ", "))
}

func (o *overlay) finishFolder(n *node) (files int, err error) {
	switch n.kind {
	case tar.TypeReg:
		return 1, nil
	case tar.TypeSymlink:
		return 1, o.symlink(n)
	}
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		count, err := o.finishFolder(n.children[name])
		if err != nil {
			return 0, err
		}
		files += count
	}
	return files, nil
}

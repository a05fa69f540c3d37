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

// A target is a folder of an image on its way to disk.
type target struct {
	path   string // clean, without a leading slash; empty for all
	folder *tempFolder
}

// depth is how many names the path has.
func (t *target) depth() int {
	if t.path == "" {
		return 0
	}
	return strings.Count(t.path, "/") + 1
}

// holds says whether name is the folder or lies in it.
func (t *target) holds(name string) bool {
	return t.path == "" || name == t.path || strings.HasPrefix(name, t.path+"/")
}

// An overlay lays layers over one another. Of the image's file system it knows
// the folders to extract, what lies above them, and the names at the top; only
// what lies in the folders is on disk. Links are not: they are made at the end,
// when it is known where they lead, so that nothing can be written through them.
type overlay struct {
	targets []*target
	limits  Limits
	windows bool // the image's system
	// onWindows says that the folders are written on a Windows host.
	onWindows bool

	root    *node
	layer   int // the number of the layer that is applied
	own     layerState
	entries int
	bytes   int64
	folders openFolders
	// steps counts the names that links were followed through.
	steps int
}

// A node is a file, folder or link of an overlay. It keeps no path of its own, so
// that the memory for a deep tree does not grow with the square of its depth.
type node struct {
	name     string // the last element of its path; empty for the root
	parent   *node
	depth    int              // of its path, in names; 0 for the root
	children map[string]*node // of folders
	// folded are the names of children as Windows compares them, on a Windows host.
	folded map[string]string
	kind   byte    // tar.TypeDir, tar.TypeReg or tar.TypeSymlink
	link   string  // what a link says
	layer  int     // the last layer that named it or something in it
	target *target // whose folder it is, or lies in
	// top says that the node is the folder that target extracts.
	top bool
	// made says that finish has made the link, on a Windows host.
	made bool
	// dir is the folder on disk while openFolders keeps it open.
	dir *os.Root
}

// path is clean, without a leading slash.
func (n *node) path() string { return n.pathBelow(nil) }

// pathBelow is the path of a node from a folder above it; nil is the root.
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

// assign finds the target that a node of this path belongs to.
func (o *overlay) assign(n *node, path string) {
	n.target = o.targetOf(path)
	n.top = n.target != nil && n.target.path == path
}

// count adds an entry of a layer, or a folder that none names, to those that the
// image may have.
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

// known says whether the overlay keeps a name.
func (o *overlay) known(name string) bool {
	return !strings.Contains(name, "/") || o.targetOf(name) != nil ||
		slices.ContainsFunc(o.targets, func(t *target) bool { return strings.HasPrefix(t.path, name+"/") })
}

// apply adds an entry of a layer, or takes away what it hides.
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

// imagePath is where an entry of a layer lies in the file system. Layers in the form of
// Windows have it below Files, beside the registry's hives and the virtual machine's
// disk.
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

// add puts an entry in its place.
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
		// A file of the folder that it replaces.
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

// parent is the folder that holds name. It is made if no layer named it, and in
// the place of a file or link of a lower layer.
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
				return nil, fmt.Errorf("it lies below %q, which is a file", name[:end])
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

// hardLink is the file or link that n, which is not in place yet, is another name
// of.
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
		up.layer = o.layer // as if the layer had the file, as package fstree takes it
	}
	return linked, nil
}

// remove takes a node away, with all in it.
func (o *overlay) remove(n *node) error {
	delete(n.parent.children, n.name)
	delete(n.parent.folded, foldedName(n.name))
	return o.erase(n)
}

// finish makes the links, and says how many files and links the folders have.
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

// base is the node of the folder that is extracted.
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

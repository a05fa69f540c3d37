package extract

import (
	"archive/tar"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	imagelayer "github.com/slipway-build/slipway/images/layer"
)

// Package fstree documents the rules for layers. A test compares the two packages.

// A layerState is the state of the current layer.
type layerState struct {
	// links are the symlinks of the layer.
	links linkTree
	// hidden holds the paths that whiteouts hide, and opaque the folders with opaque markers. Both
	// hide nodes of lower layers only, and are applied at the end of the layer.
	hidden map[string]bool
	opaque map[string]bool
	aufs   aufsLinks
	// form is the form of the layer. told is set once an entry's name has shown it.
	form imagelayer.Form
	told bool
	// claimed is the folder of the last entry, if the overlay does not keep that folder. Further
	// entries in it need no work.
	claimed string
}

// begin starts the layer with this number. A layer of a Windows image is assumed to have the Windows
// form, unless plain is set.
func (o *overlay) begin(layer int, plain bool) {
	o.layer = layer
	o.own = layerState{hidden: map[string]bool{}, opaque: map[string]bool{}}
	if o.windows && !plain {
		o.own.form = imagelayer.Windows
	}
}

// A plainError reports a layer that was assumed to have the Windows form, and does not.
type plainError struct{ layer int }

func (e *plainError) Error() string {
	return fmt.Sprintf("layer %d is not in the form of Windows", e.layer+1)
}

// tellForm determines the form of the layer from the name of an entry.
func (o *overlay) tellForm(name string) error {
	told, tells := imagelayer.FormOf(name)
	if o.own.form == imagelayer.Plain || !tells {
		return nil
	}
	if told == imagelayer.Plain && o.own.told {
		return &plainError{o.layer}
	}
	o.own.form, o.own.told = told, true
	return nil
}

// end removes the files that the layer hides.
func (o *overlay) end() error {
	if err := o.own.aufs.forget(); err != nil {
		return err
	}
	for _, dir := range slices.Sorted(maps.Keys(o.own.opaque)) {
		if n := o.lookup(dir); n != nil {
			if err := o.hideChildren(n); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.own.hidden)) {
		if n := o.lookup(name); n != nil {
			if err := o.hide(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeOpaque applies an opaque marker in the folder dir. Like overlayfs, it ignores one at the root.
func (o *overlay) makeOpaque(dir string) error {
	if dir == "" {
		return nil
	}
	// Runtimes create the folder, too.
	err := o.claim(dir + "/")
	if err == nil && o.lookup(dir) != nil {
		o.own.opaque[dir] = true
	}
	return err
}

// whiteOut applies a whiteout of the entry named hidden in the folder dir.
func (o *overlay) whiteOut(dir, hidden string) error {
	if slices.Contains([]string{"", ".", ".."}, hidden) {
		return errors.New("a whiteout without the name of a file")
	}
	name := path.Join(dir, hidden)
	err := o.claim(name)
	if err == nil && o.lookup(name) != nil {
		o.own.hidden[name] = true
	}
	return err
}

// claim creates the folders above name that the overlay keeps, replacing files and symlinks of lower
// layers. The current layer has an entry called name.
func (o *overlay) claim(name string) error {
	known := 0
	for end := 0; ; {
		length := strings.IndexByte(name[end:], '/')
		if length < 0 || !o.known(name[:end+length]) {
			break
		}
		known = end + length
		end += length + 1
	}
	if known == 0 {
		return nil
	}
	_, err := o.parent(name[:known] + "/")
	return err
}

// hide removes the part of n that lower layers contributed.
func (o *overlay) hide(n *node) error {
	if n.layer < o.layer {
		return o.remove(n)
	}
	return o.hideChildren(n)
}

func (o *overlay) hideChildren(n *node) error {
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if err := o.hide(n.children[name]); err != nil {
			return err
		}
	}
	return nil
}

// resolve returns the path of an entry. It finds the entry's folder by following the symlinks of the
// layer.
func (o *overlay) resolve(name string) (string, error) {
	if o.own.links.below == nil {
		return name, nil
	}
	dir, base := path.Split(name)
	dir, err := o.own.links.follow(strings.TrimSuffix(dir, "/"))
	return path.Join(dir, base), err
}

// add records the entry h at name. A hard link to a symlink is a symlink.
func (t *linkTree) add(o *overlay, name string, h *tar.Header) error {
	kind, link := h.Typeflag, o.linkName(h.Linkname)
	if kind == tar.TypeLink && t.below != nil {
		if to, ok, err := o.imagePath(h.Linkname); err == nil && ok {
			if to, err = o.resolve(to); err != nil {
				return err
			}
			if link = t.at(to); link != "" {
				kind = tar.TypeSymlink
			}
		}
	}
	t.set(name, kind, link)
	return nil
}

// at returns the text of the symlink at name, or "".
func (t *linkTree) at(name string) string {
	for part := range strings.SplitSeq(name, "/") {
		if t = t.below[part]; t == nil {
			return ""
		}
	}
	return t.link
}

// A linkTree holds the symlinks of one layer, and the folders above them.
type linkTree struct {
	link  string
	below map[string]*linkTree
}

// set records the entry of a layer at name, replacing an earlier one.
func (t *linkTree) set(name string, kind byte, link string) {
	if kind != tar.TypeSymlink && t.below == nil {
		return
	}
	names := strings.Split(name, "/")
	last := len(names) - 1
	for _, part := range names[:last] {
		next := t.below[part]
		if next == nil {
			if kind != tar.TypeSymlink {
				return
			}
			next = &linkTree{}
			if t.below == nil {
				t.below = map[string]*linkTree{}
			}
			t.below[part] = next
		}
		t = next
	}
	old := t.below[names[last]]
	switch {
	case kind == tar.TypeSymlink:
		if t.below == nil {
			t.below = map[string]*linkTree{}
		}
		t.below[names[last]] = &linkTree{link: link}
	case old != nil && (kind != tar.TypeDir || old.link != ""):
		delete(t.below, names[last])
	}
}

// follow returns the path that the folder dir leads to. Symlinks cannot lead out of the root.
func (t *linkTree) follow(dir string) (string, error) {
	if t.below == nil {
		return dir, nil
	}
	type step struct {
		name string
		tree *linkTree // nil if there are no symlinks below
	}
	steps, links := []step{{"", t}}, 0
	for todo := strings.Split(dir, "/"); len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			steps = steps[:max(1, len(steps)-1)]
			continue
		}
		var next *linkTree
		if here := steps[len(steps)-1].tree; here != nil {
			next = here.below[name]
		}
		if next == nil || next.link == "" {
			steps = append(steps, step{name, next})
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("it is below /%s, which is in a cycle of links", dir)
		}
		if path.IsAbs(next.link) {
			steps = steps[:1]
		}
		todo = append(strings.Split(next.link, "/"), todo...)
	}
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return strings.TrimPrefix(strings.Join(names, "/"), "/"), nil
}

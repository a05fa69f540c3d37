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

// Runtimes unpack each layer into a folder of its own and let overlayfs lay those
// over one another. A path in a layer is therefore resolved by the symlinks of that
// layer alone: where a lower layer has a symlink lib, lib/x makes a folder in its
// place. Package fstree, by which the builder reads the layers of a base, has the same
// rules, and a test compares the two.

// A layerState is what must be known of the layer that is applied until its end.
type layerState struct {
	// links are the layer's own symlinks.
	links linkTree
	// hidden are the paths that whiteouts hide, and opaque the folders that hide all
	// that lower layers have in them. Both apply to lower layers alone, wherever
	// their entries stand in the layer.
	hidden map[string]bool
	opaque map[string]bool
	aufs   aufsLinks
	// form is what the layer is taken for; told says that a name told it.
	form imagelayer.Form
	told bool
	// claimed is the folder of the last entry, if that is not kept: for others in it,
	// nothing is left to do.
	claimed string
}

// begin starts the layer with this number. Of an image for Windows it is taken for one in
// the form of Windows unless plain says that it is not.
func (o *overlay) begin(layer int, plain bool) {
	o.layer = layer
	o.own = layerState{hidden: map[string]bool{}, opaque: map[string]bool{}}
	if o.windows && !plain {
		o.own.form = imagelayer.Windows
	}
}

// A plainError says that a layer was taken for one in the form of Windows, and is not.
type plainError struct{ layer int }

func (e *plainError) Error() string {
	return fmt.Sprintf("layer %d is not in the form of Windows", e.layer+1)
}

// tellForm learns the layer's form from the name of an entry.
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

// end takes away what the layer hides.
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

// makeOpaque takes the opaque marker of the folder dir. overlayfs has no opaque root.
func (o *overlay) makeOpaque(dir string) error {
	if dir == "" {
		return nil
	}
	// As runtimes do, the folder is made in which something is hidden.
	err := o.claim(dir + "/")
	if err == nil && o.lookup(dir) != nil {
		o.own.opaque[dir] = true
	}
	return err
}

// whiteOut takes the whiteout of the entry hidden in the folder dir.
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

// claim makes those folders above name, which the layer has, that the overlay
// knows, in the place of what lower layers have there.
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

// hide takes away what lower layers have of n.
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

// resolve returns where an entry of this name lies: its folder is reached by the
// layer's own links.
func (o *overlay) resolve(name string) (string, error) {
	if o.own.links.below == nil {
		return name, nil
	}
	dir, base := path.Split(name)
	dir, err := o.own.links.follow(strings.TrimSuffix(dir, "/"))
	return path.Join(dir, base), err
}

// add notes the entry h, which lies at name. A hard link to a link is one, too.
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

// at returns what the link at name says; empty if there is none.
func (t *linkTree) at(name string) string {
	for part := range strings.SplitSeq(name, "/") {
		if t = t.below[part]; t == nil {
			return ""
		}
	}
	return t.link
}

// A linkTree holds the symlinks of one layer, with the folders that they lie in.
type linkTree struct {
	link  string
	below map[string]*linkTree
}

// set notes the entry that a layer has at name, in the place of an earlier one.
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

// follow returns where the folder dir lies. No link leads out of the root.
func (t *linkTree) follow(dir string) (string, error) {
	if t.below == nil {
		return dir, nil
	}
	type step struct {
		name string
		tree *linkTree // nil where there are no links below
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
			return "", fmt.Errorf("it lies below /%s, which is in a cycle of links", dir)
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

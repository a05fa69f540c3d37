package assemble

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/moby/patternmatcher"
)

// keepParents makes c copy what source, of COPY --parents, names in the file
// system of root with the folders above it, and returns the folder from which on
// they are kept: that before /./, else the root. As in BuildKit, no symlink on the
// way is followed.
func (c *copier) keepParents(root *node, source, os string) (pivot string, err error) {
	pivot, pattern, ok := strings.Cut(source, "/./")
	if !ok {
		pivot, pattern = "/", source
	}
	if pattern, err = absolute("/", pattern, os); err != nil {
		return "", err
	}
	kept := relative(path.Clean(pattern))
	if kept == "." {
		return "", errors.New("it names no file or folder in its root, whose parents --parents would keep; to copy the root, leave --parents out")
	}
	if c.include, err = patternmatcher.New([]string{kept}); err != nil {
		return "", err
	}
	if pivot, err = absolute("/", pivot, os); err != nil {
		return "", err
	}
	if hasWildcards(pivot) || hasWildcards(pattern) {
		return pivot, nil
	}
	return pivot, requireWithoutLinks(root, path.Join(pivot, kept))
}

// requireWithoutLinks returns an error if nothing is at the path p, or if a symlink
// is on the way there.
func requireWithoutLinks(root *node, p string) error {
	n, rest := root, relative(p)
	for at := "/"; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if n.isLink() {
			return fmt.Errorf("%q is a symlink to %q, which --parents does not follow; name the folder that it leads to", relative(at), n.link)
		}
		if !n.isDir() {
			return &notFoundError{path: p, leadsTo: p}
		}
		entries, err := n.list()
		if err != nil {
			return err
		}
		if n = entries[name]; n == nil {
			return &notFoundError{path: p, leadsTo: p}
		}
		at = path.Join(at, name)
	}
	return nil
}

package fstree

import (
	"path"
	"strings"
)

// Glob returns the paths that match pattern, a source of COPY, in the file system
// of root. A pattern without wildcards matches itself, whether or not it exists.
// Entries of a folder that matches are not matched again.
func Glob(root *Node, pattern string) ([]string, error) {
	fixed, rest := splitWildcards(pattern)
	if rest == "" {
		return []string{pattern}, nil
	}
	at, err := Resolve(root, fixed, true)
	if err != nil || at.Node == nil {
		return nil, err
	}
	var matches []string
	depth := strings.Count(rest, "/")
	var walk func(n *Node, rel string, level int) error
	walk = func(n *Node, rel string, level int) error {
		names, err := n.Names()
		if err != nil {
			return err
		}
		for _, name := range names {
			p := path.Join(rel, name)
			// As in BuildKit, an invalid pattern matches nothing.
			if ok, _ := path.Match(rest, p); ok {
				matches = append(matches, path.Join(at.Path, p))
				continue
			}
			if child := n.entries[name]; child.IsDir() && level < depth {
				if err := walk(child, p, level+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if !at.Node.IsDir() {
		return nil, nil
	}
	return matches, walk(at.Node, "", 0)
}

// splitWildcards splits a path before its first name that has a wildcard.
func splitWildcards(p string) (fixed, rest string) {
	names := strings.Split(path.Join("/", p), "/")
	for i, name := range names {
		if HasWildcards(name) {
			return "/" + path.Join(names[:i]...), path.Join(names[i:]...)
		}
	}
	return p, ""
}

// HasWildcards reports whether s has a *, ? or [ without a backslash before it.
func HasWildcards(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '*', '?', '[':
			return true
		case '\\':
			i++
		}
	}
	return false
}

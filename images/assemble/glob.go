package assemble

import (
	"path"
	"strings"
)

// expandWildcards returns the paths that pattern, a source of COPY, stands for
// in the file system of root: itself if it has no wildcard, even if it is not
// there. What a matched folder holds is not matched again.
func expandWildcards(root *node, pattern string) ([]string, error) {
	fixed, rest := splitWildcards(pattern)
	if rest == "" {
		return []string{pattern}, nil
	}
	at, err := resolve(root, fixed, true)
	if err != nil || at.node == nil {
		return nil, err
	}
	var matches []string
	depth := strings.Count(rest, "/")
	var walk func(n *node, rel string, level int) error
	walk = func(n *node, rel string, level int) error {
		names, err := n.names()
		if err != nil {
			return err
		}
		for _, name := range names {
			p := path.Join(rel, name)
			// A bad pattern matches nothing, as in BuildKit.
			if ok, _ := path.Match(rest, p); ok {
				matches = append(matches, path.Join(at.path, p))
				continue
			}
			if child := n.entries[name]; child.isDir() && level < depth {
				if err := walk(child, p, level+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if !at.node.isDir() {
		return nil, nil
	}
	return matches, walk(at.node, "", 0)
}

// splitWildcards splits a path before its first name that has a wildcard.
func splitWildcards(p string) (fixed, rest string) {
	names := strings.Split(path.Join("/", p), "/")
	for i, name := range names {
		if hasWildcards(name) {
			return "/" + path.Join(names[:i]...), path.Join(names[i:]...)
		}
	}
	return p, ""
}

// hasWildcards says whether s is a pattern: *, ? or [ without a backslash before
// it.
func hasWildcards(s string) bool {
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

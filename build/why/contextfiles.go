package why

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble/dockerfile"
	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/images/fstree"
)

// A ContextFile is a file or symlink of a build context or of a named context.
type ContextFile struct {
	// Path is its location on disk.
	Path string
	// Mode are the permissions that it has in contexts, as in a tar.
	Mode int64
	// Link is the target of a symlink.
	Link string
}

// ContextFiles returns the files of contexts that an image may be made from by any builder, without those that an ignore
// file excludes. sources are the patterns that the Dockerfile copies. Folders that do not exist yet have no files.
func ContextFiles(build images.BuildContext, sources dockerfile.Reads) (found []ContextFile, err error) {
	var (
		seen  = map[string]bool{}
		roots = map[string]*fstree.Node{}
	)
	for _, source := range sources {
		root, ok := roots[source.Dir]
		if !ok {
			if root, err = openContext(build, source.Dir); err != nil {
				return nil, err
			}
			roots[source.Dir] = root
		}
		if root == nil {
			continue
		}
		err := visitMatches(root, source.Pattern, func(p string, n *fstree.Node) error {
			file := filepath.Join(source.Dir, filepath.FromSlash(p))
			if !seen[file] {
				seen[file] = true
				found = append(found, ContextFile{file, n.Mode, n.Link})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading build context %s: %w", source.Dir, err)
		}
	}
	return found, nil
}

// openContext returns the root of a folder, or nil if it does not exist.
func openContext(build images.BuildContext, dir string) (*fstree.Node, error) {
	dockerfile := ""
	if filepath.Clean(dir) == filepath.Clean(build.Dir) {
		dockerfile = build.Dockerfile
	}
	ignored, err := buildfile.ReadIgnored(dir, dockerfile, func(string) {})
	if err != nil {
		return nil, err
	}
	matcher, err := ignored.Matcher()
	if err != nil {
		return nil, err
	}
	root, err := fstree.OpenFolder(dir, matcher, build.Modes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return root, err
}

// visitMatches calls visit for each file that a pattern of COPY matches, or that is below a folder that it matches. An
// empty pattern matches all.
func visitMatches(root *fstree.Node, pattern string, visit func(p string, n *fstree.Node) error) error {
	if pattern == "" {
		return root.Walk(visit)
	}
	matches, err := fstree.Glob(root, "/"+pattern)
	if err != nil {
		return err
	}
	for _, match := range matches {
		at, err := fstree.Resolve(root, match, true)
		switch {
		case err != nil:
			return err
		case at.Node.IsDir():
			err = at.Node.Walk(func(p string, n *fstree.Node) error { return visit(at.Path+"/"+p, n) })
		case at.Node != nil:
			err = visit(at.Path, at.Node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

package assemble

import (
	"errors"
	"path"
	"strings"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/slipway-build/slipway/images/fstree"

	"github.com/moby/patternmatcher"
)

// keepParents makes c copy the files that match source, of COPY --parents, with the
// folders above them. It returns the pivot, the folder below which parents are kept:
// the part of source before /./, or the root. As in BuildKit, symlinks after the pivot
// are not followed.
func keepParents(c *fstree.Copier, root *fstree.Node, source, os string) (pivot string, err error) {
	pivot, pattern, ok := strings.Cut(source, "/./")
	if !ok {
		pivot, pattern = "/", source
	}
	if pattern, err = dockerfile.AbsolutePath("/", pattern, os); err != nil {
		return "", err
	}
	kept := fstree.Relative(path.Clean(pattern))
	if kept == "." {
		return "", errors.New("it names no file or folder in its root, whose parents --parents would keep; to copy the root, leave --parents out")
	}
	if c.Include, err = patternmatcher.New([]string{kept}); err != nil {
		return "", err
	}
	if pivot, err = dockerfile.AbsolutePath("/", pivot, os); err != nil {
		return "", err
	}
	if fstree.HasWildcards(pivot) || fstree.HasWildcards(pattern) {
		return pivot, nil
	}
	return pivot, fstree.RequireWithoutLinks(root, path.Join(pivot, kept))
}

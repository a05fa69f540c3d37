package assemble_test

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/slipway-build/slipway/images/layer"
	"github.com/tonistiigi/fsutil"
)

// notIgnored returns the files of a folder that the patterns of an ignore file keep, as BuildKit's
// client walks it, in the order of a layer.
func notIgnored(ctx context.Context, patterns, dir string) ([]string, error) {
	lines, err := ignorefile.ReadAll(strings.NewReader(patterns))
	if err != nil {
		return nil, err
	}
	all, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	filtered, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{ExcludePatterns: lines})
	if err != nil {
		return nil, err
	}
	var left []string
	err = filtered.Walk(ctx, "/", func(p string, _ fs.DirEntry, err error) error {
		left = append(left, p)
		return err
	})
	slices.SortFunc(left, layer.ComparePaths)
	return left, err
}

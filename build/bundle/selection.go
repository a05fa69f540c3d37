package bundle

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/glob"
)

// A selection determines the wanted files of a folder.
type selection struct {
	include, exclude *glob.Set // nil means all, or none
	// depth is the maximum number of elements of a path that a pattern matches itself; 0 means any number.
	depth int
	// again means that a pattern in Exclude takes files back, so that an excluded folder may have wanted files.
	again bool
}

func newSelection(f File) (s selection, err error) {
	if len(f.Include) > 0 {
		if s.include, err = glob.New(f.Include...); err != nil {
			return s, err
		}
		if !slices.ContainsFunc(f.Include, func(p string) bool { return strings.Contains(p, "**") }) {
			for _, p := range f.Include {
				s.depth = max(s.depth, strings.Count(p, "/")+1)
			}
		}
	}
	if len(f.Exclude) > 0 {
		s.exclude, err = glob.New(f.Exclude...)
		s.again = slices.ContainsFunc(f.Exclude, func(p string) bool { return strings.HasPrefix(p, "!") })
	}
	return s, err
}

// all reports whether every file is wanted that is not excluded.
func (s selection) all() bool { return s.include == nil }

func (s selection) excludes(path string) bool { return s.exclude != nil && s.exclude.Has(path) }

// has reports whether a path below the folder is wanted. If it is a folder that cannot contain wanted files either,
// skip is fs.SkipDir.
func (s selection) has(path string, isDir bool) (has bool, skip error) {
	if s.excludes(path) {
		if isDir && !s.again {
			return false, fs.SkipDir
		}
		return false, nil
	}
	if s.include == nil || s.include.Has(path) {
		return true, nil
	}
	if isDir && s.depth > 0 && strings.Count(path, "/")+1 >= s.depth {
		return false, fs.SkipDir
	}
	return false, nil
}

// A Content is a file, folder or link in a bundle. Source is empty for folders and links.
type Content struct {
	Path, Source, Link string
	Mode               fs.FileMode
}

// Contents returns the content of a bundle of files at output, sorted by path. It reads only folders, not files.
func Contents(output string, files []File) ([]Content, error) {
	entries, err := collect(output, files)
	var out []Content
	for _, e := range entries {
		out = append(out, Content{e.path, e.source, e.link, e.mode})
	}
	return out, err
}

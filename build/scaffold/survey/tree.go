package survey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

const (
	// maxFiles is the maximum number of files of a tree, so that a home folder takes seconds, not minutes.
	maxFiles = 200_000
	// maxText is the maximum size of a file that is read, in bytes. Recipes and sources are smaller.
	maxText = 1 << 20
)

// A Tree is the list of the regular files of a checkout, without folders of other projects and generated ones.
type Tree struct {
	Root string
	// Files are relative to Root, with slashes, in lexical order of their folders.
	Files []string
	// Doubts lists the folders that could not be read.
	Doubts []string

	folders   map[string][]string // files by their folder
	variables map[string][]string // variables that -X can set, by Go file
}

// passedOver are folders whose content belongs to other projects or is generated.
var passedOver = []string{"vendor", "node_modules", "testdata", "third_party", "dist"}

// readTree lists the files below root, at most limit. Symlinks to folders are not followed.
func readTree(ctx context.Context, root string, limit int) (*Tree, error) {
	t := &Tree{Root: root, folders: map[string][]string{}, variables: map[string][]string{}}
	unread := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, file)
		if relErr != nil {
			return relErr
		}
		rel = filepath.ToSlash(rel)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && rel == ".":
			return err
		case err != nil:
			if !errors.Is(err, fs.ErrNotExist) { // otherwise it was removed in the meantime
				unread++
				t.unread(rel, err, unread)
			}
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			if rel != "." && skipFolder(rel) {
				return fs.SkipDir
			}
			return nil
		case len(t.Files) == limit:
			t.Doubts = append(t.Doubts, fmt.Sprintf("only the first %d files were looked at", limit))
			return fs.SkipAll
		case d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0 && t.IsFile(rel):
			t.Files = append(t.Files, rel)
			t.folders[path.Dir(rel)] = append(t.folders[path.Dir(rel)], rel)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("surveying %s: %w", root, cause(err))
	}
	return t, nil
}

// maxUnread is the maximum number of unreadable folders with a doubt of their own.
const maxUnread = 8

// unread adds a doubt about an unreadable folder. number counts them.
func (t *Tree) unread(rel string, err error, number int) {
	switch {
	case number <= maxUnread:
		t.Doubts = append(t.Doubts, fmt.Sprintf("%s was not read: %v", rel, cause(err)))
	case number == maxUnread+1:
		t.Doubts = append(t.Doubts, "further folders were not read")
	}
}

// cause returns the reason in an error about a file, without its path.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func skipFolder(rel string) bool {
	name := path.Base(rel)
	switch {
	case rel == ".github" || rel == ".github/workflows":
		return false
	case strings.HasPrefix(rel, ".github/"):
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || slices.Contains(passedOver, name)
}

// path returns the path on this host of a file of the tree.
func (t *Tree) path(rel string) string { return filepath.Join(t.Root, filepath.FromSlash(rel)) }

// IsFile reports whether a regular file exists, even if it is not in the tree.
func (t *Tree) IsFile(rel string) bool {
	info, err := os.Stat(t.path(rel))
	return err == nil && info.Mode().IsRegular()
}

// IsFolder reports whether a folder exists, even if it is not in the tree.
func (t *Tree) IsFolder(rel string) bool {
	info, err := os.Stat(t.path(rel))
	return err == nil && info.IsDir()
}

// Has reports whether a pattern of COPY matches a file or folder. It also searches the disk, since some folders, such
// as .git, are not in the tree.
func (t *Tree) Has(pattern string) bool {
	pattern = path.Clean(pattern)
	if _, err := os.Lstat(t.path(pattern)); err == nil && filepath.IsLocal(filepath.FromSlash(pattern)) {
		return true
	}
	depth := strings.Count(pattern, "/")
	return strings.ContainsAny(pattern, `*?[\`) && slices.ContainsFunc(t.Files, func(file string) bool {
		parts := strings.Split(file, "/")
		if len(parts) <= depth {
			return false
		}
		ok, err := path.Match(pattern, strings.Join(parts[:depth+1], "/"))
		return ok && err == nil
	})
}

// goFiles returns the Go files of a folder, without tests.
func (t *Tree) goFiles(dir string) []string {
	var files []string
	for _, file := range t.folders[dir] {
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			files = append(files, file)
		}
	}
	return files
}

// Text returns the content of a file with LF, or "" if it cannot be read or is too large for a file that people write.
func (t *Tree) Text(rel string) string {
	data := t.read(rel, maxText+1)
	if len(data) > maxText {
		return ""
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}

// head returns the first 16 KiB of a file, which contain the package name of a Go file.
func (t *Tree) head(rel string) []byte { return t.read(rel, 16<<10) }

// read returns at most limit bytes of a file, and nothing if it cannot be read.
func (t *Tree) read(rel string, limit int64) []byte {
	f, err := regular.Open(t.path(rel))
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil
	}
	return data
}

// notReleased are names of folders and suffixes of Dockerfiles whose programs and images are for development.
var notReleased = []string{
	"test", "tests", "e2e", "inttest", "integration", "testutils", "testing", "hack", "tools", "tool", "example", "examples",
	"sample", "samples", "docs", "doc", "website", "www", "internal", "scripts", "contrib", "ci", "dev", "devel", "dapper", "lint",
	"debug", "gen", "benchmark", "fuzz", "updatecli",
}

// Released reports whether the path of a file or folder has no element that is typical of development. Everything in
// cmd is a program, whatever its name.
func Released(rel string) bool {
	parts := strings.Split(rel, "/")
	for i, part := range parts {
		if slices.Contains(notReleased, strings.ToLower(part)) && (i == 0 || parts[i-1] != "cmd") {
			return false
		}
	}
	return true
}

package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/slipway-build/slipway/internal/filestate"
	"github.com/slipway-build/slipway/internal/regular"
)

// A tree represents the state of all files that a module is built from.
type tree struct {
	digest string
	// files are their paths, each once.
	files []string
	// content returns the digest of contentOf; the files are read once.
	content func() (string, error)
	// doubtful means that a file changed so recently that, with the coarse times of its file
	// system, it may change again and look the same.
	doubtful bool
}

// readTree examines every file of the module in dir, of the folders in its `replace` directives,
// and of its workspace, if it has one. Modules in the module cache never change and are pinned by
// go.sum. ignore contains absolute paths to omit.
func readTree(dir, gowork string, ignore []string) (tree, error) {
	r := &treeReader{hash: sha256.New(), ignore: ignore, seen: map[string]bool{}, now: time.Now()}
	mains := []string{dir}
	work, err := workspace(dir, gowork)
	if err != nil {
		return tree{}, err
	}
	if work != "" {
		used, err := r.workspace(work)
		if err != nil {
			return tree{}, err
		}
		mains = append(mains, used...)
	}
	for _, main := range mains {
		if err := r.module(main); err != nil {
			return tree{}, err
		}
		// Only a main module's replacements count (https://go.dev/ref/mod#go-mod-file-replace).
		replaced, err := replacements(main)
		if err != nil {
			return tree{}, err
		}
		for _, folder := range replaced {
			if err := r.module(folder); err != nil {
				return tree{}, err
			}
		}
	}
	slices.Sort(r.files)
	files := slices.Compact(r.files)
	content := sync.OnceValues(func() (string, error) { return contentOf(dir, files) })
	return tree{digest: hex.EncodeToString(r.hash.Sum(nil)), files: files, content: content, doubtful: r.doubtful}, nil
}

type treeReader struct {
	hash     hash.Hash
	ignore   []string
	seen     map[string]bool
	now      time.Time
	files    []string
	doubtful bool
}

// module examines the files of the module in root. Nested modules are skipped, since they contain
// neither packages nor embedded files of this one.
func (r *treeReader) module(root string) error {
	if r.seen[root] {
		return nil
	}
	r.seen[root] = true
	fmt.Fprintf(r.hash, "module %q\n", root)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case path == root:
			return nil
		case !d.IsDir() && slices.Contains(r.ignore, path):
			return nil
		case !d.IsDir():
			return r.file(path, d)
		case d.Name() == ".git" || strings.HasPrefix(d.Name(), temporary) || slices.Contains(r.ignore, path):
			return fs.SkipDir
		}
		if _, err := os.Lstat(filepath.Join(path, "go.mod")); err == nil {
			return fs.SkipDir
		}
		return nil
	})
}

func (r *treeReader) file(path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	r.files = append(r.files, path)
	fmt.Fprintf(r.hash, "%q %s %v\n", path, info.Mode().Type(), filestate.Of(info))
	if info.Mode()&fs.ModeSymlink != 0 {
		// go reads a .go file through a link, but not a folder. A dangling link is ignored.
		if target, err := os.Stat(path); err == nil && !target.IsDir() {
			fmt.Fprintf(r.hash, "-> %v\n", filestate.Of(target))
			info = target
		}
	}
	// ext3, HFS+ and FAT have a resolution of one or two seconds: a file that changed within the
	// last ones may change again and show the same time.
	if t := info.ModTime(); t.Nanosecond() == 0 && r.now.Sub(t).Abs() < 3*time.Second {
		r.doubtful = true
	}
	return nil
}

// workspace returns the go.work for dir, as go finds it: the file in GOWORK, else the nearest one
// in dir or above.
func workspace(dir, gowork string) (string, error) {
	switch {
	case gowork == "off":
		return "", nil
	case gowork != "":
		return gowork, nil
	}
	for {
		file := filepath.Join(dir, "go.work")
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file, nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}

// workspace examines go.work and go.work.sum, and returns the folders of its modules and of their
// replacements.
func (r *treeReader) workspace(file string) ([]string, error) {
	data, err := regular.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sums, err := regular.ReadFile(file + ".sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r.files = append(r.files, file)
	fmt.Fprintf(r.hash, "workspace %q %q %q\n", file, data, sums)
	work, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, use := range work.Use {
		folders = append(folders, under(filepath.Dir(file), use.Path))
	}
	return append(folders, local(work.Replace, filepath.Dir(file))...), nil
}

// replacements returns the folders in the replace directives of the go.mod in dir.
func replacements(dir string) ([]string, error) {
	file := filepath.Join(dir, "go.mod")
	data, err := regular.ReadFile(file)
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse(file, data, nil)
	if err != nil {
		return nil, err
	}
	return local(mod.Replace, dir), nil
}

// local returns the replacements that are folders: those without a version.
func local(replaced []*modfile.Replace, base string) []string {
	var folders []string
	for _, r := range replaced {
		if r.New.Version == "" {
			folders = append(folders, under(base, r.New.Path))
		}
	}
	return folders
}

func under(base, path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

package hook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/filestate"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// A file is the state of one file or link.
type file struct {
	filestate.State
	Mode fs.FileMode `json:"mode"`
	// Digest is the SHA-256 of the content, in hexadecimal, or of the target of a link. It is empty until it is read.
	Digest string `json:"digest,omitempty"`
}

// sameState reports whether the metadata of two files is the same. The time of the change is not compared, since a hard
// link changes it.
func (f file) sameState(other file) bool {
	f.Digest, other.Digest, f.ChangeTime, other.ChangeTime = "", "", 0, 0
	return f == other
}

// sameContent reports whether two files that have been read have the same mode and content.
func (f file) sameContent(other file) bool { return f.Mode == other.Mode && f.Digest == other.Digest }

// A survey has the files that a set selects, by path, and the folders, which have no state.
type survey struct {
	Files map[string]file `json:"files"`
	// Taken is the time when the survey began.
	Taken   time.Time `json:"taken"`
	folders map[string]bool
}

// survey returns the state of the files of a set, without reading their content.
func (r *Runner) survey(set *glob.Set) (survey, error) {
	s := survey{Files: map[string]file{}, Taken: time.Now(), folders: map[string]bool{}}
	err := set.Walk(r.Place, func(path string, entry fs.DirEntry) error {
		if entry.IsDir() {
			s.folders[path] = true
			return nil
		}
		return s.add(path, entry)
	})
	return s, err
}

func (s survey) add(path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed in the meantime
	}
	if err == nil {
		s.Files[path] = file{State: filestate.Of(info), Mode: info.Mode()}
	}
	return err
}

// missing returns the patterns that no path of the survey matches.
func (s survey) missing(patterns []string) []string {
	var missing []string
	for _, p := range patterns {
		if strings.HasPrefix(p, "!") {
			continue
		}
		set, err := glob.New(p)
		if err != nil {
			continue // already reported
		}
		if !has(s.Files, set) && !has(s.folders, set) {
			missing = append(missing, p)
		}
	}
	return missing
}

func has[V any](paths map[string]V, set *glob.Set) bool {
	for path := range paths {
		if set.Has(path) {
			return true
		}
	}
	return false
}

// doubt is the coarsest resolution of modification times in file systems. A file that changed less than this long
// before it was examined may change again and keep the same time.
const doubt = 2 * time.Second

// read adds the digests of all files. It does not read files whose state is the same as in last. It returns the number
// of files that it has read.
func (r *Runner) read(ctx context.Context, s, last survey) (n int, err error) {
	for _, path := range slices.Sorted(maps.Keys(s.Files)) {
		f := s.Files[path]
		if before, ok := last.Files[path]; ok && before.State == f.State && before.Mode == f.Mode &&
			max(f.ModTime, f.ChangeTime) < last.Taken.Add(-doubt).UnixNano() {
			f.Digest = before.Digest
		} else if f.Digest, err = digest(ctx, r.Place(path), f.Mode); err != nil {
			return n, err
		} else {
			n++
		}
		s.Files[path] = f
	}
	return n, nil
}

func digest(ctx context.Context, path string, mode fs.FileMode) (string, error) {
	h := sha256.New()
	if mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		io.WriteString(h, target)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	f, err := regular.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = io.Copy(h, streams.WithContext(ctx, f))
	return hex.EncodeToString(h.Sum(nil)), err
}

// sameContent reports whether two surveys have the same paths with the same modes and content.
func (s survey) sameContent(other survey) bool {
	return maps.EqualFunc(s.Files, other.Files, file.sameContent)
}

// tree surveys all files of the project that a hook must not change, without the folders of git.
func (r *Runner) tree(outputs, ignored *glob.Set) (survey, error) {
	s := survey{Files: map[string]file{}}
	err := filepath.WalkDir(r.Root, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name != r.Root {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(r.Root, name)
		if err != nil {
			return err
		}
		path := filepath.ToSlash(rel)
		if entry.Name() == ".git" || slices.Contains(r.Ignore, name) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() || outputs.Has(path) || ignored.Has(path) {
			return nil
		}
		return s.add(path, entry)
	})
	return s, err
}

// checkInputs surveys the inputs again after a run, and returns their current state. It is an error if they have
// changed.
func (r *Runner) checkInputs(ctx context.Context, inputs *glob.Set, before survey) (survey, error) {
	after, err := r.survey(inputs)
	if err == nil {
		_, err = r.read(ctx, after, before)
	}
	if err != nil {
		return after, fmt.Errorf("looking at its inputs: %w", err)
	}
	after.Taken = before.Taken
	changes := changed(before.Files, after.Files, file.sameContent)
	if len(changes) > 0 {
		return after, fmt.Errorf("it changed its inputs: %s: name what it makes under outputs, or as !PATH in inputs", several(changes))
	}
	return after, nil
}

// checkTree returns an error if a run has changed files of the project other than outputs and ignored files.
func (r *Runner) checkTree(before survey, inputs, outputs, ignored *glob.Set) error {
	after, err := r.tree(outputs, ignored)
	if err != nil {
		return fmt.Errorf("looking at the project: %w", err)
	}
	changes := changed(before.Files, after.Files, file.sameState)
	// checkInputs has compared the content of inputs.
	changes = slices.DeleteFunc(changes, func(c change) bool { return inputs.Has(c.path) })
	if len(changes) > 0 {
		return fmt.Errorf("it wrote outside its outputs: %s: name them under outputs, or under ignore if nothing depends on them", several(changes))
	}
	return nil
}

// A change is a path, and the kind of change.
type change struct{ path, what string }

// changed returns the paths that differ, sorted.
func changed(before, after map[string]file, same func(a, b file) bool) []change {
	var out []change
	for path, f := range after {
		if old, ok := before[path]; !ok {
			out = append(out, change{path, "created"})
		} else if !same(old, f) {
			out = append(out, change{path, "changed"})
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			out = append(out, change{path, "removed"})
		}
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.path, b.path) })
	return out
}

// several lists the first few changes.
func several(changes []change) string {
	const most = 5
	var words []string
	for _, c := range changes[:min(most, len(changes))] {
		words = append(words, c.path+" ("+c.what+")")
	}
	if more := len(changes) - most; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

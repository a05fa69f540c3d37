package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
)

// PruneOptions say what may stay. The zero value removes only leftovers.
type PruneOptions struct {
	// MaxSize bounds what all files take together, in bytes; 0 means no bound.
	// What was not used for the longest time goes first.
	MaxSize int64
	// OlderThan removes what was not used for so long; 0 means never.
	OlderThan time.Duration
	// All removes everything but what has a name.
	All bool
}

// inUse is how recently a file must have been used to be kept when another
// process works with the store: it may have seen that the file is there, and be
// about to read it.
const inUse = time.Hour

// Prune removes what the options do not let stay, and returns how many bytes that
// freed. Blobs that index.json names, themselves or by what they name, stay.
// While another process uses the store, what was used within the last hour stays.
func (s *Store) Prune(ctx context.Context, opts PruneOptions) (freed int64, err error) {
	if s.readOnly {
		return 0, fmt.Errorf("OCI layout %s is open for reading only", s.dir)
	}
	now := time.Now()
	s.sweep(now)
	keep, err := s.reachable()
	if err != nil {
		return 0, fmt.Errorf("pruning %s: %w", s.dir, err)
	}
	files, total, err := s.prunable(ctx, keep)
	if err != nil {
		return 0, fmt.Errorf("pruning %s: %w", s.dir, err)
	}
	alone, release := s.use.alone()
	defer release()

	var errs []error
	for _, f := range files {
		if err := context.Cause(ctx); err != nil {
			return freed, err
		}
		age := now.Sub(f.used)
		tooOld := opts.OlderThan > 0 && age > opts.OlderThan
		tooMuch := opts.MaxSize > 0 && total > opts.MaxSize
		if !tooOld && !tooMuch && !opts.All || !alone && age < inUse {
			continue
		}
		if err := fileop.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		freed += f.size
		total -= f.size
	}
	if err := s.shrinkFiles(ctx, opts.All); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return freed, fmt.Errorf("pruning %s: %w", s.dir, errors.Join(errs...))
	}
	return freed, nil
}

type prunable struct {
	path string
	size int64
	used time.Time
}

// prunable lists all files that may go, least recently used first, and the size
// of all files.
func (s *Store) prunable(ctx context.Context, keep map[string]bool) (files []prunable, total int64, err error) {
	for _, root := range []string{filepath.Join(s.dir, "blobs"), s.private("partial"), s.private("records"), s.private("derived")} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() {
				return nil
			}
			total += info.Size()
			if !keep[path] {
				files = append(files, prunable{path, info.Size(), info.ModTime()})
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	slices.SortFunc(files, func(a, b prunable) int { return a.used.Compare(b.used) })
	return files, total, nil
}

// reachable lists the files of all blobs that index.json names, directly or not.
func (s *Store) reachable() (map[string]bool, error) {
	tags, err := s.Tags()
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	var visit func(d v1.Descriptor) error
	visit = func(d v1.Descriptor) error {
		path := s.Path(d.Digest)
		if keep[path] {
			return nil
		}
		keep[path] = true
		switch {
		case d.MediaType.IsIndex():
			idx, err := s.Index(d.Digest)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a partial layout is allowed
			}
			if err != nil {
				return err
			}
			m, err := idx.IndexManifest()
			if err != nil {
				return err
			}
			for _, child := range m.Manifests {
				if err := visit(child); err != nil {
					return err
				}
			}
		case d.MediaType.IsImage():
			img, err := s.Image(d.Digest)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			m, err := img.Manifest()
			if err != nil {
				return err
			}
			keep[s.Path(m.Config.Digest)] = true
			for _, l := range m.Layers {
				keep[s.Path(l.Digest)] = true
			}
		}
		return nil
	}
	for _, d := range tags {
		if err := visit(d); err != nil {
			return nil, err
		}
	}
	return keep, nil
}

// shrinkFiles drops what is remembered of source files that are gone or have
// changed.
func (s *Store) shrinkFiles(ctx context.Context, all bool) error {
	s.files.load.Do(func() { s.loadFiles(ctx) })
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	for path, e := range s.files.entries {
		info, err := os.Lstat(path)
		state := e
		state.hex = ""
		if all || err != nil || stateOf(info) != state {
			delete(s.files.entries, path)
		}
	}
	return s.writeFiles()
}

// A useLock is shared by all processes that have the store open, so that Prune
// knows whether it is alone. It is held until the process ends.
type useLock struct{ lock *flock.Flock }

func shareUse(path string) *useLock {
	l := flock.New(path)
	// Where locks do not work, Prune is never alone, which is safe.
	l.TryRLock()
	return &useLock{l}
}

// alone says whether no other process has the store open, and keeps it so until
// release is called.
func (u *useLock) alone() (alone bool, release func()) {
	if !u.lock.RLocked() {
		return false, func() {}
	}
	exclusive := flock.New(u.lock.Path())
	u.lock.Unlock()
	ok, err := exclusive.TryLock()
	return ok && err == nil, func() {
		exclusive.Close()
		u.lock.TryRLock()
	}
}

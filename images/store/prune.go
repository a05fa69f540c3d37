package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
)

// PruneOptions determine the files that Prune keeps. The zero value removes only leftovers.
type PruneOptions struct {
	// MaxSize limits the total size of all files, in bytes; 0 means no limit. The least recently
	// used files are removed first, and small ones later than large ones.
	MaxSize int64
	// OlderThan removes files that were not used for this long; 0 means never.
	OlderThan time.Duration
	// All removes everything without a name.
	All bool
}

// inUse is the time since its last use during which a file is kept while another process uses the
// store, since that process may be about to read the file.
const inUse = time.Hour

// Prune removes the files that the options do not keep, and returns the number of bytes that it has
// freed. Blobs in index.json, and those that they refer to, are kept. While another process uses
// the store, everything used within the last hour is kept.
func (s *Store) Prune(ctx context.Context, opts PruneOptions) (freed int64, err error) {
	if s.files.ReadOnly {
		return 0, fmt.Errorf("OCI layout %s is open read-only", s.files.Dir)
	}
	now := time.Now()
	s.sweep(now)
	keep, err := s.reachable()
	if err != nil {
		return 0, fmt.Errorf("pruning %s: %w", s.files.Dir, err)
	}
	files, total, err := s.prunable(ctx, keep)
	if err != nil {
		return 0, fmt.Errorf("pruning %s: %w", s.files.Dir, err)
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
	if err := s.files.ShrinkDigests(ctx, opts.All); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return freed, fmt.Errorf("pruning %s: %w", s.files.Dir, errors.Join(errs...))
	}
	return freed, nil
}

type prunable struct {
	path string
	size int64
	used time.Time
	// rank is the order of removal: the earliest first.
	rank time.Time
}

// MaxSize removes a file of at most smallSize bytes as if it had been used smallBonus later. Removing it frees little,
// and with configs, manifests and records, an archive can be packed of its frames alone, without the blobs of layers.
const (
	smallSize  = 1 << 20
	smallBonus = 30 * 24 * time.Hour
)

// prunable returns all files that may be removed, in the order of their rank, and the size of all
// files.
func (s *Store) prunable(ctx context.Context, keep map[string]bool) (files []prunable, total int64, err error) {
	for _, root := range []string{filepath.Join(s.files.Dir, "blobs"), s.files.Private("partial"), s.files.Private("records"), s.files.Private("derived")} {
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
				f := prunable{path: path, size: info.Size(), used: info.ModTime(), rank: info.ModTime()}
				if f.size <= smallSize {
					f.rank = f.rank.Add(smallBonus)
				}
				files = append(files, f)
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	slices.SortFunc(files, func(a, b prunable) int { return a.rank.Compare(b.rank) })
	return files, total, nil
}

// reachable returns the files of all blobs that index.json refers to, directly or indirectly.
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

// A useLock is shared by all processes that have the store open, so that Prune can detect others.
// It is held until the process ends.
type useLock struct{ lock *flock.Flock }

func shareUse(path string) *useLock {
	l := flock.New(path)
	// If locks do not work, Prune always assumes other processes, which is safe.
	l.TryRLock()
	return &useLock{l}
}

// alone reports whether no other process has the store open, and prevents others from opening it
// until release is called.
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

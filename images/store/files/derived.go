package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/internal/parallel"

	"github.com/cespare/xxhash/v2"

	"github.com/slipway-build/slipway/internal/streams"
)

// Derived returns the path of the file for kind and key. If it does not exist, write creates it.
// The file appears when it is complete. kind is a plain word, which names a folder; key contains
// everything that the content depends on. The errors of write are returned unchanged, and leave no
// file behind.
//
// The content is checked each time. A damaged file is created again, with a warning.
func (s *Folder) Derived(ctx context.Context, kind, key string, write func(io.Writer) error) (string, error) {
	for {
		fresh := false
		f, err := s.DerivedFile(ctx, kind, key, func(w io.Writer) error {
			fresh = true
			return write(w)
		})
		if err != nil {
			return "", err
		}
		if fresh {
			return f.path, nil
		}
		err = f.Check(ctx)
		var damage *DamagedError
		if !errors.As(err, &damage) {
			return f.path, err
		}
		damage.Warn(ctx)
	}
}

// DerivedFile is Derived without the check, which happens when the file is copied. Shared caches have the file only if
// a trusted key has signed it.
func (s *Folder) DerivedFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*File, error) {
	return s.derivedFile(ctx, kind, key, false, write)
}

// ProvenFile is DerivedFile for content that Fetch returns, and that the caller of Fetch checks.
func (s *Folder) ProvenFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*File, error) {
	return s.derivedFile(ctx, kind, key, true, write)
}

func (s *Folder) derivedFile(ctx context.Context, kind, key string, proven bool, write func(io.Writer) error) (*File, error) {
	path, rel := s.derivedPath(kind, key)
	return parallel.Share(ctx, &s.Calls, "derived "+rel, func() (*File, error) {
		if f, ok := s.derived(ctx, path, rel); ok {
			return f, nil
		}
		if !proven {
			if fetched, ok := s.Fetch(ctx, kind, key, false); ok {
				return fetched.Keep(ctx)
			}
		}
		f, err := s.Temp()
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, err)
		}
		defer Discard(f)
		sum := xxhash.New()
		w := bufio.NewWriterSize(streams.WriterWithContext(ctx, io.MultiWriter(f, sum)), Chunk)
		if err := write(w); err != nil {
			return nil, err
		}
		if err := w.Flush(); err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, Reason(err))
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if err := s.Commit(f, path, Unsynced); err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, err)
		}
		made := &File{s, path, Mark{info.Size(), sum.Sum64()}}
		s.Share(ctx, kind, key, proven, path, cache.Blob{})
		return made, Remember(s, derivedKind, rel, made.mark)
	})
}

// HasDerived reports whether Derived has created the file for kind and key.
func (s *Folder) HasDerived(ctx context.Context, kind, key string) bool {
	path, rel := s.derivedPath(kind, key)
	_, ok := s.derived(ctx, path, rel)
	return ok
}

// derivedPath returns the path of a derived file, and the key of its record.
func (s *Folder) derivedPath(kind, key string) (path, rel string) {
	rel = filepath.Join(kind, hashedName(key))
	return s.Private("derived", rel), filepath.ToSlash(rel)
}

// derived returns an existing file that has the size with which it was written. Unlike a blob's,
// its name does not determine its content.
func (s *Folder) derived(ctx context.Context, path, rel string) (*File, bool) {
	mark, ok := Recall[Mark](ctx, s, derivedKind, rel)
	if !ok {
		return nil, false
	}
	if !s.HoldsFile(ctx, path, mark) {
		return nil, false
	}
	return &File{s, path, mark}, true
}

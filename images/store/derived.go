package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

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
func (s *folder) Derived(ctx context.Context, kind, key string, write func(io.Writer) error) (string, error) {
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

// DerivedFile is Derived without the check, which happens when the file is copied.
func (s *folder) DerivedFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*File, error) {
	path, rel := s.derivedPath(kind, key)
	return parallel.Share(ctx, &s.calls, "derived "+rel, func() (*File, error) {
		if f, ok := s.derived(ctx, path, rel); ok {
			return f, nil
		}
		f, err := s.temp()
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, err)
		}
		defer discard(f)
		sum := xxhash.New()
		w := bufio.NewWriterSize(streams.WriterWithContext(ctx, io.MultiWriter(f, sum)), chunk)
		if err := write(w); err != nil {
			return nil, err
		}
		if err := w.Flush(); err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, reason(err))
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if err := s.commit(f, path, unsynced); err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, err)
		}
		made := &File{s, path, fileMark{info.Size(), sum.Sum64()}}
		return made, remember(s, derivedKind, rel, made.mark)
	})
}

// HasDerived reports whether Derived has created the file for kind and key.
func (s *folder) HasDerived(ctx context.Context, kind, key string) bool {
	path, rel := s.derivedPath(kind, key)
	_, ok := s.derived(ctx, path, rel)
	return ok
}

// derivedPath returns the path of a derived file, and the key of its record.
func (s *folder) derivedPath(kind, key string) (path, rel string) {
	rel = filepath.Join(kind, hashedName(key))
	return s.private("derived", rel), filepath.ToSlash(rel)
}

// derived returns an existing file that has the size with which it was written. Unlike a blob's,
// its name does not determine its content.
func (s *folder) derived(ctx context.Context, path, rel string) (*File, bool) {
	mark, ok := recall[fileMark](ctx, s, derivedKind, rel)
	if !ok {
		return nil, false
	}
	if !s.holdsFile(ctx, path, mark) {
		return nil, false
	}
	return &File{s, path, mark}, true
}

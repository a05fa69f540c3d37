package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Derived returns the path of the file that write wrote earlier for kind and
// key, and else makes it. The file appears when it is complete. kind is a plain
// word, which names a folder; key says everything that the content depends on.
// write's errors are returned as they are, and leave nothing behind.
func (s *Store) Derived(ctx context.Context, kind, key string, write func(io.Writer) error) (string, error) {
	path, rel := s.derivedPath(kind, key)
	return share(ctx, &s.flights, "derived "+rel, func() (string, error) {
		if s.hasDerived(path, rel) {
			return path, nil
		}
		f, err := s.temp()
		if err != nil {
			return "", fmt.Errorf("writing %s: %w", path, err)
		}
		defer discard(f)
		w := bufio.NewWriterSize(contextWriter{ctx, f}, chunk)
		if err := write(w); err != nil {
			return "", err
		}
		if err := w.Flush(); err != nil {
			return "", fmt.Errorf("writing %s: %w", path, reason(err))
		}
		info, err := f.Stat()
		if err != nil {
			return "", err
		}
		if err := s.commit(f, path, unsynced); err != nil {
			return "", fmt.Errorf("writing %s: %w", path, err)
		}
		return path, remember(s, derivedKind, rel, info.Size())
	})
}

// HasDerived says whether Derived has made the file for kind and key.
func (s *Store) HasDerived(kind, key string) bool {
	path, rel := s.derivedPath(kind, key)
	return s.hasDerived(path, rel)
}

// derivedPath is where a derived file lies, and by what it is known.
func (s *Store) derivedPath(kind, key string) (path, rel string) {
	rel = filepath.Join(kind, hashedName(key))
	return s.private("derived", rel), rel
}

// hasDerived says whether the file is there with the size it was written with:
// unlike a blob, its name does not tell what it must be.
func (s *Store) hasDerived(path, rel string) bool {
	size, ok := recall[int64](s, derivedKind, rel)
	if !ok {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != size {
		return false
	}
	s.touch(path, info)
	return true
}

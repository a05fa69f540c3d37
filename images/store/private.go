package store

import (
	"context"
	"io"
	"io/fs"

	"github.com/slipway-build/slipway/images/store/files"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Dir returns the absolute path of the store.
func (s *Store) Dir() string { return s.files.Dir }

// Record returns the value that SetRecord stored under kind and key. A record may disappear at any
// time: through Prune, after a crash, or because its file was damaged, with a warning.
func (s *Store) Record(ctx context.Context, kind, key string) ([]byte, bool) {
	return s.files.Record(ctx, kind, key)
}

// SetRecord stores a small value under kind and key. kind is a simple word, which names a folder; key
// may be any text.
func (s *Store) SetRecord(kind, key string, value []byte) error {
	return s.files.SetRecord(kind, key, value)
}

// Derived returns the path of the file that write wrote for kind and key, in this run or an earlier
// one. The file appears once it is complete. kind is a simple word, which names a folder; key must
// cover everything that the content depends on. Errors of write are returned as they are. The content
// is checked each time; a damaged file is written again, with a warning.
func (s *Store) Derived(ctx context.Context, kind, key string, write func(io.Writer) error) (string, error) {
	return s.files.Derived(ctx, kind, key, write)
}

// DerivedFile is Derived without the check, which is made when the file is copied.
func (s *Store) DerivedFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*files.File, error) {
	return s.files.DerivedFile(ctx, kind, key, write)
}

// HasDerived reports whether there is a derived file for kind and key.
func (s *Store) HasDerived(ctx context.Context, kind, key string) bool {
	return s.files.HasDerived(ctx, kind, key)
}

// FileDigest implements images.LayerStore.
func (s *Store) FileDigest(ctx context.Context, path string, info fs.FileInfo) (v1.Hash, error) {
	return s.files.FileDigest(ctx, path, info)
}

// A File is an immutable file of a store: a blob, or a derived file. Its content is checked whenever it
// is copied.
type File = files.File

// A DamagedError means that a file of a store was damaged and has been removed, so that the next access
// builds or fetches it again. Mend does that.
type DamagedError = files.DamagedError

// Mend calls do, and again if it failed because of damaged files, which have been removed. See
// files.Mend.
func Mend(ctx context.Context, do func() error) error { return files.Mend(ctx, do) }

package store

import (
	"context"
	"errors"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store/files"
	"github.com/slipway-build/slipway/internal/streams"
)

// verify returns a reader of r's bytes that returns a *ContentError instead of io.EOF if they do
// not match want.
func verify(r io.Reader, want v1.Descriptor) io.Reader {
	// One byte too many is enough to detect content that is too large. (A size may come from a hostile manifest.)
	limit := max(want.Size, want.Size+1)
	return streams.Verified(io.LimitReader(r, limit), func(sum string, size int64) error {
		return checkContent(want, v1.Hash{Algorithm: "sha256", Hex: sum}, size)
	})
}

// verified returns a reader that verifies a blob of this store. A damaged blob is removed.
func (s *Store) verified(f *os.File, want v1.Descriptor) io.Reader {
	return &mender{r: verify(f, want), store: s, file: f, hash: want.Digest}
}

type mender struct {
	r     io.Reader
	store *Store
	file  *os.File
	hash  v1.Hash
	err   error // of the last Read, and of all after it
}

func (m *mender) Read(p []byte) (n int, err error) {
	if m.err == nil {
		n, m.err = m.read(p)
	}
	return n, m.err
}

func (m *mender) read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	var wrong *ContentError
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.As(err, &wrong):
		m.file.Close() // Windows removes no open file
		return n, m.store.files.Damaged(m.store.Path(m.hash), wrong)
	}
	return n, m.store.files.Unreadable(m.store.Path(m.hash), m.file, err)
}

// Check reads a blob completely. A damaged blob is an error, and is removed.
func (s *Store) Check(ctx context.Context, h v1.Hash) error {
	f, err := s.Open(h)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = s.files.Copy(ctx, io.Discard, s.verified(f, v1.Descriptor{Digest: h, Size: info.Size()}))
	return err
}

// Blame is for a caller that read a blob without verifying it, and found an error. If the blob is
// damaged, Blame returns that as the error, else err.
func (s *Store) Blame(ctx context.Context, h v1.Hash, err error) error {
	var damage *files.DamagedError
	if errors.As(err, &damage) || context.Cause(ctx) != nil {
		return err
	}
	if checked := s.Check(ctx, h); errors.As(checked, &damage) {
		return checked
	}
	return err
}

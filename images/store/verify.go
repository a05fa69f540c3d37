package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Verify returns a reader of r's bytes that ends with a *ContentError, in place
// of io.EOF, when they are not those which want names.
func Verify(r io.Reader, want v1.Descriptor) io.Reader {
	return &verifier{r: r, want: want, hash: sha256.New()}
}

type verifier struct {
	r    io.Reader
	want v1.Descriptor
	hash hash.Hash
	size int64
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.size += int64(n)
	switch {
	case v.size > v.want.Size:
		return n, checkContent(v.want, v1.Hash{}, v.size)
	case err == io.EOF:
		if err := checkContent(v.want, sum(v.hash), v.size); err != nil {
			return n, err
		}
	}
	return n, err
}

// verified reads a blob of this store and verifies it. A blob that turns out to
// be damaged is removed, since its name promises what it is not.
func (s *Store) verified(f *os.File, want v1.Descriptor) io.Reader {
	return &mender{Verify(f, want), s, want.Digest}
}

type mender struct {
	r     io.Reader
	store *Store
	hash  v1.Hash
}

func (m *mender) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	var wrong *ContentError
	if errors.As(err, &wrong) {
		return n, m.store.damaged(m.hash, wrong)
	}
	return n, err
}

// Check reads a blob through. One that is damaged is an error, and is removed.
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
	_, err = copyContext(ctx, io.Discard, s.verified(f, v1.Descriptor{Digest: h, Size: info.Size()}))
	return err
}

// damaged removes a blob that is not what its name says, and says so.
func (s *Store) damaged(h v1.Hash, wrong *ContentError) error {
	path := s.Path(h)
	if s.readOnly {
		return fmt.Errorf("%s is damaged: %w", path, wrong)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("%s is damaged, remove it: %w", path, wrong)
	}
	return fmt.Errorf("%s was damaged and has been removed, run again to get it anew: %w", path, wrong)
}

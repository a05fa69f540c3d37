package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/slipway-build/slipway/images/store/files"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
)

// sweepAge is the age after which a file in ingest is a leftover of a killed process: every write
// makes progress within a day.
const sweepAge = 24 * time.Hour

// Put writes the blob that want describes from r. Its size and digest are verified; an existing
// blob is not read again.
func (s *Store) Put(ctx context.Context, want v1.Descriptor, r io.Reader) error {
	if s.holds(ctx, want.Digest, want.Size) {
		return nil
	}
	f, err := s.files.Temp()
	if err != nil {
		return fmt.Errorf("writing blob %s: %w", want.Digest, err)
	}
	defer files.Discard(f)
	out := files.NewHashingFile(f)
	// One byte too many is enough to detect that there are more.
	_, err = s.files.Copy(ctx, out, io.LimitReader(r, want.Size+1))
	digest, mark := out.Sums()
	if err != nil {
		return fmt.Errorf("writing blob %s into %s: %w", want.Digest, s.files.Dir, err)
	}
	if err := checkContent(want, digest, mark.Size); err != nil {
		return err
	}
	s.written(digest, mark, f)
	if err := s.files.Commit(f, s.Path(digest), files.Unsynced); err != nil {
		return fmt.Errorf("writing blob %s: %w", want.Digest, err)
	}
	return nil
}

// PutLayer is Put for the blob of a layer of which everything is known.
func (s *Store) PutLayer(ctx context.Context, info BlobInfo, r io.Reader) error {
	if err := s.Put(ctx, v1.Descriptor{Digest: info.Digest, Size: info.Size}, r); err != nil {
		return err
	}
	return files.Remember(s.files, blobKind, info.Digest.String(), info)
}

// putBytes is Put for content in memory. It also compares an existing blob, which costs little.
func (s *Store) putBytes(ctx context.Context, want v1.Descriptor, raw []byte) error {
	if s.holds(ctx, want.Digest, want.Size) {
		err := s.Check(ctx, want.Digest)
		if err == nil {
			return nil
		}
		files.WarnOf(ctx, err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if err := checkContent(want, digest, size); err != nil {
		return err
	}
	f, err := s.files.Temp()
	if err != nil {
		return fmt.Errorf("writing blob %s: %w", digest, err)
	}
	defer files.Discard(f)
	_, err = f.Write(raw)
	if err == nil {
		err = s.files.Commit(f, s.Path(digest), files.Unsynced)
	}
	if err != nil {
		return fmt.Errorf("writing blob %s into %s: %w", digest, s.files.Dir, files.Reason(err))
	}
	return nil
}

// checkContent compares the expected content with the received one.
func checkContent(want v1.Descriptor, digest v1.Hash, size int64) error {
	switch {
	case size > want.Size:
		return &ContentError{Want: want, Reason: fmt.Sprintf("received more than its %d bytes", want.Size)}
	case size < want.Size:
		return &ContentError{Want: want, Reason: fmt.Sprintf("received %d of its %d bytes", size, want.Size), Short: true}
	case digest != want.Digest:
		return &ContentError{Want: want, Reason: fmt.Sprintf("the content has digest %s", digest)}
	}
	return nil
}

// A ContentError means that content does not match a descriptor.
type ContentError struct {
	Want   v1.Descriptor
	Reason string
	// Short is set if the content ended early; another attempt may succeed.
	Short bool
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("blob %s has wrong content: %s", e.Want.Digest, e.Reason)
}

// sweep removes leftovers of killed processes.
func (s *Store) sweep(now time.Time) {
	for _, dir := range []string{"ingest", "partial"} {
		entries, err := os.ReadDir(s.files.Private(dir))
		if err != nil {
			continue
		}
		age := sweepAge
		if dir == "partial" {
			age = partialAge
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > age {
				fileop.Remove(s.files.Private(dir, e.Name()))
			}
		}
	}
}

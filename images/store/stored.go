package store

import (
	"context"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store/files"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// storedKind is the kind of records of blobs that were not decompressed: digest -> storedBlob.
const storedKind = "stored"

// A storedBlob describes a blob that was not decompressed. It is computed while the bytes are compared with the digest.
type storedBlob struct {
	files.Mark
	Compression sniff.Compression `json:"compression"`
}

// Stored returns information about a layer's blob in the store without decompressing it. If the blob has never been
// decompressed, DiffID, UncompressedSize and Padding are zero. A blob that this store has not written is read once, and
// verified.
func (s *Store) Stored(ctx context.Context, h v1.Hash) (BlobInfo, error) {
	return parallel.Share(ctx, &s.files.Calls, "stored "+h.String(), func() (BlobInfo, error) {
		if info, ok := s.knownInfo(ctx, h); ok {
			return info, nil
		}
		b, ok := s.knownStored(ctx, h)
		if !ok {
			var err error
			if b, err = s.readStored(ctx, h); err != nil {
				return BlobInfo{}, err
			}
		}
		if _, found := s.stored.Load(h); found && !s.files.ReadOnly && files.Remember(s.files, storedKind, h.String(), b) == nil {
			s.stored.Delete(h)
		}
		return BlobInfo{Digest: h, Size: b.Size, Compression: b.Compression, XXH64: b.XXH64}, nil
	})
}

// knownStored returns what is known of a blob without reading it. Only Stored records what this process found: most
// blobs are decompressed, and then Info records more.
func (s *Store) knownStored(ctx context.Context, h v1.Hash) (storedBlob, bool) {
	found, ok := s.stored.Load(h)
	b, _ := found.(storedBlob)
	if !ok {
		b, ok = files.Recall[storedBlob](ctx, s.files, storedKind, h.String())
	}
	return b, ok && s.holds(ctx, h, b.Size)
}

// readStored reads and verifies a blob.
func (s *Store) readStored(ctx context.Context, h v1.Hash) (storedBlob, error) {
	f, err := s.Open(h)
	if err != nil {
		return storedBlob{}, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return storedBlob{}, err
	}
	sum := xxhash.New()
	head := headWriter{}
	want := v1.Descriptor{Digest: h, Size: stat.Size()}
	r := streams.WithContext(ctx, s.verified(f, want))
	if _, err := s.files.Copy(ctx, io.MultiWriter(&head, sum), r); err != nil {
		return storedBlob{}, fmt.Errorf("reading blob %s in %s: %w", h, s.files.Dir, err)
	}
	b := storedBlob{files.Mark{Size: want.Size, XXH64: sum.Sum64()}, sniff.CompressionOf(head)}
	s.stored.Store(h, b)
	return b, nil
}

// A headWriter keeps what sniff needs to know a compression.
type headWriter []byte

func (h *headWriter) Write(p []byte) (int, error) {
	*h = append(*h, p[:min(len(p), sniff.HeadLen-len(*h))]...)
	return len(p), nil
}

// written notes a blob that was written and verified.
func (s *Store) written(h v1.Hash, mark files.Mark, blob io.ReaderAt) {
	head := make([]byte, min(mark.Size, sniff.HeadLen))
	if n, _ := blob.ReadAt(head, 0); n == len(head) {
		s.stored.Store(h, storedBlob{mark, sniff.CompressionOf(head)})
	}
}

// BlobFile returns the file of a layer's blob, whose content is checked when it is copied. See Stored.
func (s *Store) BlobFile(ctx context.Context, h v1.Hash) (*files.File, error) {
	info, err := s.Stored(ctx, h)
	if err != nil {
		return nil, err
	}
	return s.files.File(s.Path(h), files.Mark{Size: info.Size, XXH64: info.XXH64}), nil
}

package store

import (
	"context"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/sniff"
)

// BlobInfo is what is known about a layer's blob.
type BlobInfo struct {
	Digest v1.Hash `json:"digest"`
	Size   int64   `json:"size"`
	// DiffID is the digest of the uncompressed bytes.
	DiffID           v1.Hash `json:"diffID"`
	UncompressedSize int64   `json:"uncompressedSize"`
	// Padding is how many zeros follow a gzip stream in the blob. Not every reader
	// of gzip accepts them.
	Padding int64 `json:"padding,omitempty"`
	// Compression is found in the bytes.
	Compression sniff.Compression `json:"compression"`
	// XXH64 is the checksum of the blob's bytes, which were found to have the
	// digest: it tells damage at the speed of memory.
	XXH64 uint64 `json:"xxh64"`
}

// Info tells what is known about a layer's blob, which lies in the store. The
// first time that costs reading the blob, if the store did not make it.
func (s *Store) Info(ctx context.Context, h v1.Hash) (BlobInfo, error) {
	return s.InfoAndContent(ctx, h, nil)
}

// InfoAndContent is Info. If the blob has to be read for it, its uncompressed bytes
// are written to w too, which saves the caller a second read. w is not complete unless
// it got as many bytes as the info says.
func (s *Store) InfoAndContent(ctx context.Context, h v1.Hash, w io.Writer) (BlobInfo, error) {
	return share(ctx, &s.flights, "info "+h.String(), func() (BlobInfo, error) {
		if info, ok := s.knownInfo(ctx, h); ok {
			return info, nil
		}
		f, err := s.Open(h)
		if err != nil {
			return BlobInfo{}, err
		}
		defer f.Close()
		stat, err := f.Stat()
		if err != nil {
			return BlobInfo{}, err
		}
		want := v1.Descriptor{Digest: h, Size: stat.Size()}
		info, err := readInfo(want, contextReader{ctx, s.verified(f, want)}, w)
		if err != nil {
			return BlobInfo{}, fmt.Errorf("reading blob %s in %s: %w", h, s.dir, err)
		}
		return info, remember(s, blobKind, h.String(), info)
	})
}

// knownInfo is Info without reading the blob.
func (s *Store) knownInfo(ctx context.Context, h v1.Hash) (BlobInfo, bool) {
	info, ok := recall[BlobInfo](ctx, s, blobKind, h.String())
	return info, ok && info.Digest == h && s.holds(ctx, h, info.Size)
}

// readInfo reads a layer through. Its uncompressed bytes go to w, unless that is nil.
func readInfo(d v1.Descriptor, r io.Reader, w io.Writer) (BlobInfo, error) {
	sum := xxhash.New()
	r = io.TeeReader(r, sum)
	compression, content, err := sniff.Open(r)
	if err != nil {
		return BlobInfo{}, verdict(r, err)
	}
	defer content.Close()
	h := newHasher()
	all := io.Writer(h)
	if w != nil {
		also := newAsyncWriter(w)
		defer also.Close()
		all = io.MultiWriter(h, also)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{all}, struct{ io.Reader }{content}, make([]byte, chunk))
	diffID, size := h.finish()
	// Whatever follows the last frame belongs to the blob, and to its digest.
	if err := verdict(r, err); err != nil {
		return BlobInfo{}, err
	}
	return BlobInfo{Digest: d.Digest, Size: d.Size, DiffID: diffID, UncompressedSize: size, Compression: compression,
		Padding: sniff.Padding(content), XXH64: sum.Sum64()}, nil
}

package store

import (
	"context"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/images/store/files"

	"github.com/slipway-build/slipway/internal/parallel"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// Kinds of records of the store itself.
const (
	blobKind  = "blob"  // digest -> BlobInfo
	layerKind = "layer" // Layer's key and compression -> BlobInfo
)

// BlobInfo is the cached information about a layer's blob.
type BlobInfo struct {
	Digest v1.Hash `json:"digest"`
	Size   int64   `json:"size"`
	// DiffID is the digest of the uncompressed bytes.
	DiffID           v1.Hash `json:"diffID"`
	UncompressedSize int64   `json:"uncompressedSize"`
	// Padding is the number of zeros after the gzip stream in the blob. Not every gzip reader
	// accepts them.
	Padding int64 `json:"padding,omitempty"`
	// Compression was detected from the bytes.
	Compression sniff.Compression `json:"compression"`
	// XXH64 is the checksum of the blob's bytes, computed when they were verified against the
	// digest. It detects damage at the speed of memory.
	XXH64 uint64 `json:"xxh64"`
}

// Info returns information about a layer's blob in the store. The first call reads the blob, unless
// the store created it.
func (s *Store) Info(ctx context.Context, h v1.Hash) (BlobInfo, error) {
	return s.InfoAndContent(ctx, h, nil)
}

// InfoAndContent is Info. If it has to read the blob, it also writes the uncompressed bytes to w,
// which saves the caller a second read. w is complete only if it received as many bytes as the info
// states.
func (s *Store) InfoAndContent(ctx context.Context, h v1.Hash, w io.Writer) (BlobInfo, error) {
	return parallel.Share(ctx, &s.files.Calls, "info "+h.String(), func() (BlobInfo, error) {
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
		info, err := ReadInfo(want, streams.WithContext(ctx, s.verified(f, want)), w)
		if err != nil {
			return BlobInfo{}, fmt.Errorf("reading blob %s in %s: %w", h, s.files.Dir, err)
		}
		return info, files.Remember(s.files, blobKind, h.String(), info)
	})
}

// Known returns what Info once found out about a blob, also if the store no longer has the blob. It does not count as
// a use of the blob.
func (s *Store) Known(ctx context.Context, h v1.Hash) (BlobInfo, bool) {
	info, ok := files.Recall[BlobInfo](ctx, s.files, blobKind, h.String())
	return info, ok && info.Digest == h
}

// knownInfo is Info without reading the blob.
func (s *Store) knownInfo(ctx context.Context, h v1.Hash) (BlobInfo, bool) {
	info, ok := s.Known(ctx, h)
	return info, ok && s.holds(ctx, h, info.Size)
}

// ReadInfo reads a layer completely, also one that is in no store. Its uncompressed bytes are written to w, unless that
// is nil. r must return an error at its end if the bytes are not those that d describes.
func ReadInfo(d v1.Descriptor, r io.Reader, w io.Writer) (BlobInfo, error) {
	sum := xxhash.New()
	r = io.TeeReader(r, sum)
	compression, content, err := sniff.Open(r)
	if err != nil {
		return BlobInfo{}, verdict(r, err)
	}
	defer content.Close()
	h := files.NewHasher()
	all := io.Writer(h)
	if w != nil {
		also := files.NewAsyncWriter(w)
		defer also.Close()
		all = io.MultiWriter(h, also)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{all}, struct{ io.Reader }{content}, make([]byte, files.Chunk))
	diffID, size := h.Finish()
	// Bytes after the last frame belong to the blob and its digest.
	if err := verdict(r, err); err != nil {
		return BlobInfo{}, err
	}
	return BlobInfo{Digest: d.Digest, Size: d.Size, DiffID: diffID, UncompressedSize: size, Compression: compression,
		Padding: sniff.Padding(content), XXH64: sum.Sum64()}, nil
}

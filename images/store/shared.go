package store

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/store/files"
	"github.com/slipway-build/slipway/internal/streams"
)

// Kinds of entries of shared caches.
const (
	sharedBlob  = "content" // digest -> blob
	sharedLayer = "layer"   // Layer's key and compression -> blob
)

// Use lets the store take content from shared caches, and add to them what it makes. records are further kinds of
// records that are shared; the store's own are, too.
func (s *Store) Use(shared *cache.Cache, records ...string) {
	s.files.Shared = shared
	s.files.SharedRecords = map[string]bool{blobKind: true}
	for _, kind := range records {
		s.files.SharedRecords[kind] = true
	}
}

// A Fetched is a file of a shared cache, which has not been checked.
type Fetched = files.Fetched

// Fetch copies the content for a kind and a key from a shared cache, if the store does not have it as a derived file,
// and a cache has it. The caller checks it, and keeps or rejects it.
func (s *Store) Fetch(ctx context.Context, kind, key string) (*Fetched, bool) {
	if s.HasDerived(ctx, kind, key) {
		return nil, false
	}
	return s.files.Fetch(ctx, kind, key, true)
}

// FetchFile writes a file that ShareFile has shared, and that a trusted key has signed, to the new file temp, and returns
// where it was. The caller moves it to path, from where it is added to other caches.
func (s *Store) FetchFile(ctx context.Context, kind, key, temp, path string) (place string, ok bool) {
	return s.files.FetchTo(ctx, kind, key, temp, path)
}

// ShareFile offers a file outside of the store to shared caches. Since nobody can check that it belongs to the key, it is
// added only with a signature.
func (s *Store) ShareFile(ctx context.Context, kind, key, path string, digest v1.Hash, size int64) {
	s.files.Share(ctx, kind, key, false, path, cache.Blob{Digest: digest, Size: size})
}

// ProvenFile is DerivedFile for content that Fetch returns.
func (s *Store) ProvenFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*files.File, error) {
	return s.files.ProvenFile(ctx, kind, key, write)
}

// FetchBlob copies a blob from a shared cache, and reports whether one had it.
func (s *Store) FetchBlob(ctx context.Context, want v1.Descriptor) bool {
	for {
		f, ok := s.files.Fetch(ctx, sharedBlob, want.Digest.String(), true)
		if !ok {
			return false
		}
		err := s.keepBlob(ctx, f, want)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		f.Reject(ctx, err)
	}
}

// keepBlob makes a fetched file the blob that it must be.
func (s *Store) keepBlob(ctx context.Context, f *Fetched, want v1.Descriptor) error {
	digest, mark := f.Sums()
	if err := checkContent(want, digest, mark.Size); err != nil {
		return err
	}
	s.written(digest, mark, f)
	return f.KeepBlob(ctx, s.Path(digest))
}

// ShareBlob offers a blob to shared caches.
func (s *Store) ShareBlob(ctx context.Context, d v1.Descriptor) {
	s.files.Share(ctx, sharedBlob, d.Digest.String(), true, s.Path(d.Digest), cache.Blob{Digest: d.Digest, Size: d.Size})
}

// fetchLayer takes the layer for a key from a shared cache. The tar that write writes must be its content.
func (s *Store) fetchLayer(ctx context.Context, key string, c images.Compression, write func(io.Writer) error) (BlobInfo, bool) {
	var diffID v1.Hash
	for {
		f, ok := s.files.Fetch(ctx, sharedLayer, key, true)
		if !ok {
			return BlobInfo{}, false
		}
		if diffID == (v1.Hash{}) {
			h := files.NewHasher()
			err := write(h)
			diffID, _ = h.Finish()
			if err != nil {
				f.Discard()
				return BlobInfo{}, false // making the layer returns the error
			}
		}
		info, err := s.keepLayer(ctx, f, diffID, c)
		if err == nil {
			return info, true
		}
		if ctx.Err() != nil {
			return BlobInfo{}, false
		}
		f.Reject(ctx, err)
	}
}

// keepLayer makes a fetched file a blob, if its content is that of the layer.
func (s *Store) keepLayer(ctx context.Context, f *Fetched, diffID v1.Hash, c images.Compression) (BlobInfo, error) {
	digest, mark := f.Sums()
	r, err := f.Open()
	if err != nil {
		return BlobInfo{}, err
	}
	info, err := ReadInfo(v1.Descriptor{Digest: digest, Size: mark.Size}, streams.WithContext(ctx, r), nil)
	r.Close() // Windows does not rename open files
	switch {
	case err != nil:
		return BlobInfo{}, err
	case info.DiffID != diffID:
		return BlobInfo{}, fmt.Errorf("it decompresses to the diff ID %s instead of %s", info.DiffID, diffID)
	case string(info.Compression) != normalize(c).Algorithm || info.Padding > 0:
		return BlobInfo{}, fmt.Errorf("its compression is %s with %d bytes of padding; want %s", info.Compression, info.Padding, normalize(c).Algorithm)
	}
	if err := f.KeepBlob(ctx, s.Path(digest)); err != nil {
		return BlobInfo{}, err
	}
	return info, files.Remember(s.files, blobKind, digest.String(), info)
}

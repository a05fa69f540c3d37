package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/store/files"

	"github.com/slipway-build/slipway/internal/parallel"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// Layer implements images.LayerStore. The layer has an OCI media type; a caller that needs Docker's
// sets it in the manifest, since the bytes are the same.
func (s *Store) Layer(ctx context.Context, key string, compression images.Compression, write func(io.Writer) error) (v1.Layer, error) {
	if err := (images.Format{Compression: compression}).Validate(); err != nil {
		return nil, err
	}
	if key == "" {
		info, err := s.makeLayer(ctx, compression, write)
		if err != nil {
			return nil, err
		}
		return s.madeLayer(info), nil
	}
	c := normalize(compression)
	key = fmt.Sprintf("%s %d %s %s", c.Algorithm, c.Level, s.encoders, key)
	info, err := parallel.Share(ctx, &s.files.Calls, "layer "+key, func() (BlobInfo, error) {
		if info, ok := files.Recall[BlobInfo](ctx, s.files, layerKind, key); ok && s.holds(ctx, info.Digest, info.Size) {
			return info, nil
		}
		if info, ok := s.fetchLayer(ctx, key, compression, write); ok {
			return info, files.Remember(s.files, layerKind, key, info)
		}
		info, err := s.makeLayer(ctx, compression, write)
		if err != nil {
			return BlobInfo{}, err
		}
		s.files.Share(ctx, sharedLayer, key, true, s.Path(info.Digest), cache.Blob{Digest: info.Digest, Size: info.Size})
		return info, files.Remember(s.files, layerKind, key, info)
	})
	if err != nil {
		return nil, err
	}
	return s.madeLayer(info), nil
}

func (s *Store) madeLayer(info BlobInfo) v1.Layer {
	return &layer{
		store:  s,
		diffID: info.DiffID,
		desc: v1.Descriptor{
			MediaType: (images.Format{}).Layer(string(info.Compression)),
			Digest:    info.Digest,
			Size:      info.Size,
		},
	}
}

// makeLayer streams the output of write to a blob:
//
//	write -> SHA-256 (diff ID)
//	      -> compressor -> file, SHA-256 (digest)
//
// Each arrow ends in a separate goroutine.
func (s *Store) makeLayer(ctx context.Context, c images.Compression, write func(io.Writer) error) (BlobInfo, error) {
	f, err := s.files.Temp()
	if err != nil {
		return BlobInfo{}, fmt.Errorf("creating a layer: %w", err)
	}
	defer files.Discard(f)

	file := files.NewHashingFile(f)
	output := files.NewAsyncWriter(file)
	diff := files.NewHasher()
	compressed, err := compressor(output, c)
	if err != nil {
		return BlobInfo{}, err
	}
	// Tar writers write 512 bytes at a time.
	in := bufio.NewWriterSize(streams.WriterWithContext(ctx, io.MultiWriter(diff, compressed)), files.Chunk)

	writeErr := write(in)
	if writeErr == nil {
		writeErr = in.Flush()
	}
	// Close everything in any case, since it has goroutines.
	closeErr := compressed.Close()
	outputErr := output.Close()
	diffID, uncompressed := diff.Finish()
	digest, mark := file.Sums()
	switch {
	case outputErr != nil: // the cause of the other two
		return BlobInfo{}, fmt.Errorf("writing a layer into %s: %w", s.files.Dir, outputErr)
	case writeErr != nil:
		return BlobInfo{}, writeErr
	case closeErr != nil:
		return BlobInfo{}, fmt.Errorf("writing a layer into %s: %w", s.files.Dir, closeErr)
	}
	info := BlobInfo{
		Digest: digest, Size: mark.Size,
		DiffID: diffID, UncompressedSize: uncompressed,
		Compression: sniff.Compression(normalize(c).Algorithm),
		XXH64:       mark.XXH64,
	}
	if err := s.files.Commit(f, s.Path(digest), files.Unsynced); err != nil {
		return BlobInfo{}, fmt.Errorf("writing layer %s: %w", digest, err)
	}
	return info, files.Remember(s.files, blobKind, digest.String(), info)
}

// A layer is a blob of a store that is a layer of an image.
type layer struct {
	store  *Store
	desc   v1.Descriptor
	diffID v1.Hash // zero if no config contains it
}

func (l *layer) Digest() (v1.Hash, error)                   { return l.desc.Digest, nil }
func (l *layer) Size() (int64, error)                       { return l.desc.Size, nil }
func (l *layer) MediaType() (types.MediaType, error)        { return l.desc.MediaType, nil }
func (l *layer) Descriptor() (*v1.Descriptor, error)        { return l.desc.DeepCopy(), nil }
func (l *layer) Info(ctx context.Context) (BlobInfo, error) { return l.store.Info(ctx, l.desc.Digest) }

// DiffID returns the diff ID from the config, else it reads the layer.
func (l *layer) DiffID() (v1.Hash, error) {
	if l.diffID != (v1.Hash{}) {
		return l.diffID, nil
	}
	var info BlobInfo
	raw, err := l.store.files.ReadRecord(blobKind, l.desc.Digest.String())
	if err == nil && json.Unmarshal(raw, &info) == nil && info.Digest == l.desc.Digest {
		return info.DiffID, nil
	}
	r, err := l.Compressed()
	if err != nil {
		return v1.Hash{}, err
	}
	defer r.Close()
	info, err = ReadInfo(l.desc, r, nil)
	return info.DiffID, err
}

// Path returns the path of the blob's file.
func (l *layer) Path(context.Context) (string, error) {
	if err := l.check(); err != nil {
		return "", err
	}
	return l.store.Path(l.desc.Digest), nil
}

// check returns an error unless the blob is there with the right size.
func (l *layer) check() error {
	if size, ok := l.store.stat(l.desc.Digest); !ok || size != l.desc.Size {
		return l.missing()
	}
	return nil
}

func (l *layer) missing() error {
	if size, ok := l.store.stat(l.desc.Digest); ok {
		return l.store.files.Damaged(l.store.Path(l.desc.Digest), &ContentError{
			Want: l.desc, Reason: fmt.Sprintf("the file has %d bytes instead of %d", size, l.desc.Size), Short: true})
	}
	f, err := l.store.Open(l.desc.Digest)
	if err == nil {
		f.Close()
	}
	return err
}

// Open opens the blob's file after checking its content.
func (l *layer) Open(ctx context.Context) (*os.File, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if err := l.store.checkLayer(ctx, l.desc.Digest); err != nil {
		return nil, err
	}
	return l.store.Open(l.desc.Digest)
}

// checkLayer is Check, but faster if the blob's checksum is known.
func (s *Store) checkLayer(ctx context.Context, h v1.Hash) error {
	mark := files.Mark{}
	if info, ok := s.knownInfo(ctx, h); ok {
		mark = files.Mark{Size: info.Size, XXH64: info.XXH64}
	} else if b, ok := s.knownStored(ctx, h); ok {
		mark = b.Mark
	} else {
		_, err := s.readStored(ctx, h)
		return err
	}
	return s.files.File(s.Path(h), mark).Check(ctx)
}

// Compressed streams and verifies the blob.
func (l *layer) Compressed() (io.ReadCloser, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	f, err := l.store.Open(l.desc.Digest)
	if err != nil {
		return nil, err
	}
	return &readCloser{l.store.verified(f, l.desc), []io.Closer{f}}, nil
}

// Uncompressed streams the layer's tar and verifies the blob.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	blob, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	_, content, err := sniff.Open(blob)
	if err != nil {
		err = verdict(blob, err)
		blob.Close()
		return nil, fmt.Errorf("reading layer %s: %w", l.desc.Digest, err)
	}
	// The bytes that the decompressor leaves are read at the end, since a blob is verified only
	// when it has been read completely.
	return &readCloser{&drained{content, blob}, []io.Closer{content, blob}}, nil
}

// drained reads r, then the rest of below. Of the rest, only an error matters.
type drained struct{ r, below io.Reader }

func (d *drained) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil {
		err = verdict(d.below, err)
	}
	return n, err
}

// verdict reads a verified blob to its end after its content ended with err. If the blob is wrong,
// it returns that error, since it is the cause of a failed decompression.
func verdict(blob io.Reader, err error) error {
	if _, blobErr := io.Copy(io.Discard, blob); blobErr != nil {
		return blobErr
	}
	return err
}

type readCloser struct {
	io.Reader
	closers []io.Closer
}

func (r *readCloser) Close() error {
	var errs []error
	for _, c := range r.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

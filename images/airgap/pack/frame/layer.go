package frame

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
)

// A File is a small file of an archive, in memory. If its name ends with a slash, it is a folder.
type File struct {
	Name    string
	Content []byte
}

// A Layer is a layer of an archive that will be written.
type Layer struct {
	// Digest and Size, in bytes, are those of the file in the archive.
	Digest v1.Hash
	Size   int64
	// Source is the digest of the blob in the store, and Compression how the blob is compressed. If
	// Digest is Source, the file is a copy of the blob. Otherwise it is the decompressed blob.
	Source      v1.Hash
	Compression sniff.Compression
	// Padded is set if bytes follow the gzip stream in the blob.
	Padded bool
	// Own is set if the layer belongs to an image of the project itself.
	Own bool
	// Fetch adds the blob to the content if it is not there. It is called before the blob is read. nil means that the
	// blob is there.
	Fetch func(ctx context.Context) error
}

// fetch makes sure that the content has the blob.
func (l Layer) fetch(ctx context.Context) error {
	if l.Fetch == nil {
		return nil
	}
	return l.Fetch(ctx)
}

// Name returns the name of the file in the archive.
func (l Layer) Name() string { return format.BlobFolder + l.Digest.Hex }

// Verbatim reports whether the file is a copy of the blob.
func (l Layer) Verbatim() bool { return l.Digest == l.Source }

// RunSize returns the size of the layers of a run, in bytes.
func RunSize(run []Layer) int64 {
	var n int64
	for _, l := range run {
		n += l.Size
	}
	return n
}

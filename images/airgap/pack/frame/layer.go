package frame

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
)

// A File is a small file of an archive, in memory, or a folder, whose name ends
// with a slash.
type File struct {
	Name    string
	Content []byte
}

// A Layer is a layer as it will lie in an archive.
type Layer struct {
	// digest and size are those of the file in the archive.
	Digest v1.Hash
	Size   int64
	// source is the blob in the store that the file is made from, which is
	// compressed so. If digest is source, the file is a copy of the blob.
	Source      v1.Hash
	Compression sniff.Compression
	// padded is set if the blob is more than its gzip stream.
	Padded bool
	// own is set for the layers of own images.
	Own bool
}

func (l Layer) Name() string { return format.BlobFolder + l.Digest.Hex }

// Verbatim says whether the file is a copy of the blob.
func (l Layer) Verbatim() bool { return l.Digest == l.Source }

// RunSize is the size of the files of a run, in bytes.
func RunSize(run []Layer) int64 {
	var n int64
	for _, l := range run {
		n += l.Size
	}
	return n
}

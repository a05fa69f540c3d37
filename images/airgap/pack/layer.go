package pack

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
)

// A file is a small file of an archive, in memory, or a folder, whose name ends
// with a slash.
type file struct {
	name    string
	content []byte
}

// A layer is a layer as it will lie in an archive.
type layer struct {
	// digest and size are those of the file in the archive.
	digest v1.Hash
	size   int64
	// source is the blob in the store that the file is made from, which is
	// compressed so. If digest is source, the file is a copy of the blob.
	source      v1.Hash
	compression sniff.Compression
	// padded is set if the blob is more than its gzip stream.
	padded bool
	// own is set for the layers of own images.
	own bool
}

func (l layer) name() string { return format.BlobFolder + l.digest.Hex }

// verbatim says whether the file is a copy of the blob.
func (l layer) verbatim() bool { return l.digest == l.source }

// runSize is the size of the files of a run, in bytes.
func runSize(run []layer) int64 {
	var n int64
	for _, l := range run {
		n += l.size
	}
	return n
}

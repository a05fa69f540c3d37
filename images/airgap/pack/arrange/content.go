package arrange

import (
	"context"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/store"
)

// Content has the blobs of layers, and remembers their sketches. *store.Store implements it, and documents the methods.
type Content interface {
	frame.Blobs
	Info(ctx context.Context, blob v1.Hash) (store.BlobInfo, error)
	InfoAndContent(ctx context.Context, blob v1.Hash, w io.Writer) (store.BlobInfo, error)
	Record(ctx context.Context, kind, key string) ([]byte, bool)
	SetRecord(kind, key string, value []byte) error
}

package frame

import (
	"context"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
)

// Blobs has the blobs of layers. *store.Store implements it, and documents the methods.
type Blobs interface {
	Open(blob v1.Hash) (*os.File, error)
	Blame(ctx context.Context, blob v1.Hash, err error) error
}

// Content has the blobs of layers, and keeps the frames made of them. *store.Store implements it, and documents the
// methods.
type Content interface {
	Blobs
	BlobFile(ctx context.Context, blob v1.Hash) (*store.File, error)
	Check(ctx context.Context, blob v1.Hash) error
	DerivedFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*store.File, error)
	HasDerived(ctx context.Context, kind, key string) bool
	ProvenFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*store.File, error)
	Fetch(ctx context.Context, kind, key string) (*store.Fetched, bool)
}

package registry

import (
	"context"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
)

// layer is a layer of a store that is fetched on first use.
type layer struct {
	store.FileLayer
	image *image
	desc  v1.Descriptor
}

var _ store.FileLayer = (*layer)(nil)

// fetch makes sure that the store has the layer.
func (l *layer) fetch(ctx context.Context) error {
	return l.image.source.client.fetch(ctx, l.image.source, l.desc, l.image.batch)
}

func (l *layer) Descriptor() (*v1.Descriptor, error) { return l.desc.DeepCopy(), nil }

// DiffID returns the diff ID from the config. An artifact's config has none, so its layers are
// fetched and read.
func (l *layer) DiffID() (v1.Hash, error) {
	if h, err := l.FileLayer.DiffID(); err == nil {
		return h, nil
	}
	if err := l.fetch(l.image.source.ctx); err != nil {
		return v1.Hash{}, err
	}
	return l.FileLayer.DiffID()
}

// Path implements store.FileLayer.
func (l *layer) Path(ctx context.Context) (string, error) {
	if err := l.fetch(ctx); err != nil {
		return "", err
	}
	return l.FileLayer.Path(ctx)
}

// Open implements store.FileLayer.
func (l *layer) Open(ctx context.Context) (*os.File, error) { return fetched(ctx, l, l.FileLayer.Open) }

// Info implements store.FileLayer.
func (l *layer) Info(ctx context.Context) (store.BlobInfo, error) {
	return fetched(ctx, l, l.FileLayer.Info)
}

// fetched calls read, which reads the layer from the store. A damaged layer is fetched again.
func fetched[T any](ctx context.Context, l *layer, read func(context.Context) (T, error)) (value T, err error) {
	err = store.Mend(ctx, func() error {
		if err := l.fetch(ctx); err != nil {
			return err
		}
		value, err = read(ctx)
		return err
	})
	return value, err
}

func (l *layer) Compressed() (io.ReadCloser, error) {
	if err := l.fetch(l.image.source.ctx); err != nil {
		return nil, err
	}
	return l.FileLayer.Compressed()
}

func (l *layer) Uncompressed() (io.ReadCloser, error) {
	if err := l.fetch(l.image.source.ctx); err != nil {
		return nil, err
	}
	return l.FileLayer.Uncompressed()
}

package slice

import (
	"context"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
)

// lazyContent is a store that gets the layers of a slice when they are needed: to make a frame that is not copied. It
// implements pack.Content.
type lazyContent struct {
	*store.Store
	ctx    context.Context // Open takes none
	reader *reader
}

// AddLayer adds nothing.
func (c *lazyContent) AddLayer(ctx context.Context, _ v1.Layer) error { return context.Cause(ctx) }

func (c *lazyContent) Known(ctx context.Context, blob v1.Hash) (store.BlobInfo, bool) {
	info, err := c.InfoAndContent(ctx, blob, nil)
	return info, err == nil
}

func (c *lazyContent) Info(ctx context.Context, blob v1.Hash) (store.BlobInfo, error) {
	return c.InfoAndContent(ctx, blob, nil)
}

func (c *lazyContent) Stored(ctx context.Context, blob v1.Hash) (store.BlobInfo, error) {
	return c.InfoAndContent(ctx, blob, nil)
}

// InfoAndContent writes no content: arrange.Info has seen it.
func (c *lazyContent) InfoAndContent(_ context.Context, blob v1.Hash, _ io.Writer) (store.BlobInfo, error) {
	c.reader.mu.Lock()
	defer c.reader.mu.Unlock()
	info, ok := c.reader.infos[blob]
	if !ok {
		return info, fmt.Errorf("layer %s is in none of the archives", blob)
	}
	return info, nil
}

func (c *lazyContent) Open(blob v1.Hash) (*os.File, error) {
	if err := c.reader.load(c.ctx, blob); err != nil {
		return nil, err
	}
	return c.Store.Open(blob)
}

func (c *lazyContent) BlobFile(ctx context.Context, blob v1.Hash) (*store.File, error) {
	if err := c.reader.load(ctx, blob); err != nil {
		return nil, err
	}
	return c.Store.BlobFile(ctx, blob)
}

func (c *lazyContent) Check(ctx context.Context, blob v1.Hash) error {
	if err := c.reader.load(ctx, blob); err != nil {
		return err
	}
	return c.Store.Check(ctx, blob)
}

// load puts a layer into the store, and with it the layers of its bundle that are needed, too: a frame is decompressed
// once.
func (r *reader) load(ctx context.Context, blob v1.Hash) error {
	s := r.sources[blob]
	if s == nil {
		return fmt.Errorf("layer %s is in none of the archives", blob)
	}
	s.bundle.mu.Lock()
	defer s.bundle.mu.Unlock()
	if r.store.Has(blob) {
		return nil
	}
	return s.bundle.read(ctx, func(s *source, body io.Reader) error {
		r.mu.Lock()
		info, needed := r.infos[s.Digest], r.needed[s.Digest] || s.Digest == blob
		r.mu.Unlock()
		if !needed {
			_, err := io.Copy(io.Discard, body)
			return err
		}
		err := r.store.PutLayer(ctx, info, s.verified(body))
		if err == nil {
			// A layer that was in the store already has not been read.
			_, err = io.Copy(io.Discard, body)
		}
		return err
	})
}

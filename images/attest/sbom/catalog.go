package sbom

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// A Catalog makes inventories. It may be used by several goroutines.
type Catalog struct {
	// Store keeps what was found in each layer. It may be nil.
	Store fstree.DerivedStore
	// Limits bound each layer and file.
	Limits fstree.Limits
	// Jobs is the number of layers that are read at once. Each may need up to 32 MiB of memory for
	// a program.
	Jobs int
	// Temp is the folder for temporary files. If it is empty, the default of the operating system
	// is used.
	Temp string

	layers parallel.Memo[*catalog.Layer]
}

// layer returns what was found in a layer. It is read if the store does not have the result. Without a store, results
// stay in memory.
func (c *Catalog) layer(ctx context.Context, diffID v1.Hash, open func() (io.ReadCloser, error)) (*catalog.Layer, error) {
	if c.Store != nil {
		return c.read(ctx, diffID, open)
	}
	return c.layers.Do(ctx, diffID.String(), func() (*catalog.Layer, error) { return c.read(ctx, diffID, open) })
}

func (c *Catalog) read(ctx context.Context, diffID v1.Hash, open func() (io.ReadCloser, error)) (*catalog.Layer, error) {
	ar := &fstree.Archive{ID: "layer " + diffID.String(), Open: func(context.Context) (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		return streams.ReadAhead(&checked{streams.Verified(r, func(sum string, _ int64) error {
			// Configs may say anything of layers that images share.
			if sum != diffID.Hex {
				return fmt.Errorf("it has the diff ID sha256:%s", sum)
			}
			return nil
		}), r}), nil
	}}
	if c.Store == nil {
		return catalog.Read(ctx, ar, c.Limits, c.Temp)
	}
	var made *catalog.Layer
	name, err := c.Store.Derived(ctx, "sbom", catalog.Version+" "+diffID.String(), func(w io.Writer) (err error) {
		if made, err = catalog.Read(ctx, ar, c.Limits, c.Temp); err != nil {
			return err
		}
		return made.Encode(w)
	})
	if made != nil || err != nil {
		return made, err
	}
	raw, err := regular.ReadFile(name)
	if err != nil {
		return nil, err
	}
	l, err := catalog.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return l, nil
}

// checked is a reader that closes another one.
type checked struct {
	io.Reader
	io.Closer
}

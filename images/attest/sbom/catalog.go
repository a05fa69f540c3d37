package sbom

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

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
	// Programs, if it is set, keeps in memory what was found in Go programs, which are then read once even if they are in
	// several layers and bundles.
	Programs *Programs

	layers parallel.Memo[*catalog.Layer]
}

// layer returns what was found in a layer. It is read if the store does not have the result. Without a store, results
// stay in memory.
func (c *Catalog) layer(ctx context.Context, diffID v1.Hash, open func() (io.ReadCloser, error)) (l *catalog.Layer, err error) {
	if c.Store != nil {
		l, err = c.read(ctx, diffID, open)
	} else {
		l, err = c.layers.Do(ctx, diffID.String(), func() (*catalog.Layer, error) { return c.read(ctx, diffID, open) })
	}
	if err == nil {
		c.Programs.learn(l, 0)
	}
	return l, err
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

// Programs are the Go programs that a Catalog has read, by their content. The zero value has none.
type Programs struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]program
}

type program struct {
	digests catalog.Digests
	facts   *catalog.Facts
}

// learn remembers the programs of a layer, from an index of its entries.
func (p *Programs) learn(l *catalog.Layer, from int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[[sha256.Size]byte]program{}
	}
	for i := from; i < len(l.Headers); i++ {
		if facts := l.Facts[i]; facts != nil && facts.Go != nil {
			p.known[l.Digests[i].SHA256] = program{l.Digests[i], facts}
		}
	}
}

// find returns a program with a digest in hexadecimal that a file called name has. It finds none if the name decides how
// the file is read.
func (p *Programs) find(name, digest string) (program, bool) {
	sum, err := hex.DecodeString(digest)
	if p == nil || err != nil || len(sum) != sha256.Size || catalog.IsNamed(name) {
		return program{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.known[[sha256.Size]byte(sum)]
	return found, ok
}

// checked is a reader that closes another one.
type checked struct {
	io.Reader
	io.Closer
}

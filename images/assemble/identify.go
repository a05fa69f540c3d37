package assemble

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// known is the content of a file with its ID, for package layer.
type known struct {
	id   string
	open func(context.Context) (io.ReadCloser, error)
	// source is the content that the ID identifies.
	source fstree.Content
}

func (k *known) ID() string                                      { return k.id }
func (k *known) Open(ctx context.Context) (io.ReadCloser, error) { return k.open(ctx) }

// identify returns the content with its ID: the digest for a file on disk or a literal,
// and the position in its archive for a member. spool opens the members.
func (a *Assembler) identify(ctx context.Context, c fstree.Content) (*known, error) {
	switch c := c.(type) {
	case *fstree.DiskFile:
		digest, err := a.layers.FileDigest(ctx, c.Path, c.Info)
		if err != nil {
			return nil, err
		}
		return &known{id: digest.String(), open: func(context.Context) (io.ReadCloser, error) {
			return openVerified(c.Path, digest.Hex)
		}}, nil
	case fstree.Literal:
		sum := sha256.Sum256(c)
		return &known{id: "sha256:" + hex.EncodeToString(sum[:]), open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(c)), nil
		}}, nil
	case *fstree.Member:
		return &known{id: fmt.Sprintf("%s#%d", c.Archive.ID, c.Index)}, nil
	}
	return nil, fmt.Errorf("content of type %T", c)
}

// openVerified opens a file whose SHA-256 was want when it was identified. Reading
// fails at the end if the file has changed since, because the layer would be stored
// under the key of other content.
func openVerified(name, want string) (io.ReadCloser, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	verified := streams.Verified(f, func(got string, _ int64) error {
		if got == want {
			return nil
		}
		return fmt.Errorf("%s changed while it was read: its SHA-256 is %s, it was %s; build again", f.Name(), got, want)
	})
	return &readCloser{verified, f}, nil
}

// A readCloser reads from one and closes the other.
type readCloser struct {
	io.Reader
	io.Closer
}

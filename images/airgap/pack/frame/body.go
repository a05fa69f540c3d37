package frame

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// WriteBody writes the content of the file of l, and verifies its size and digest.
func WriteBody(ctx context.Context, content Blobs, l Layer, w io.Writer) error {
	r, err := openBody(ctx, content, l)
	if err != nil {
		return err
	}
	err = copyVerified(w, r, l.Digest, l.Size)
	r.Close()
	if err != nil {
		return fmt.Errorf("reading layer %s: %w", l.Source, content.Blame(ctx, l.Source, err))
	}
	return nil
}

// copyFile writes the file of a layer in the tar, which is a copy of its blob. The blob is checked while it is copied.
func copyFile(ctx context.Context, w io.Writer, l Layer, header []byte, blob *store.File) error {
	if _, err := w.Write(header); err != nil {
		return err
	}
	if err := blob.CopyTo(ctx, w); err != nil {
		return err
	}
	_, err := w.Write(format.Zeros(format.Padding(l.Size)))
	return err
}

// openBody opens the content of the file of l. It does not verify it.
func openBody(ctx context.Context, content Blobs, l Layer) (io.ReadCloser, error) {
	if err := l.fetch(ctx); err != nil {
		return nil, err
	}
	blob, err := content.Open(l.Source)
	if err != nil {
		return nil, err
	}
	how := l.Compression
	if l.Verbatim() {
		how = sniff.None
	}
	r, err := how.NewReader(streams.WithContext(ctx, blob), sniff.LowMemory()...)
	if err != nil {
		blob.Close()
		return nil, fmt.Errorf("decompressing layer %s: %w", l.Source, content.Blame(ctx, l.Source, err))
	}
	return &body{r, blob}, nil
}

// A body reads the content of a blob, and closes the blob.
type body struct {
	io.ReadCloser
	blob io.Closer
}

func (b *body) Close() error { return errors.Join(b.ReadCloser.Close(), b.blob.Close()) }

// copyVerified copies r, and verifies its size and digest.
func copyVerified(w io.Writer, r io.Reader, digest v1.Hash, size int64) error {
	hash := sha256.New()
	buf := make([]byte, 128<<10)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(w, hash)}, struct{ io.Reader }{io.LimitReader(r, size+1)}, buf)
	if err != nil {
		return err
	}
	if n > size {
		return fmt.Errorf("more than the expected %d bytes", size)
	}
	if n < size {
		return fmt.Errorf("it has %d bytes instead of %d", n, size)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != digest.Hex {
		return fmt.Errorf("its bytes have the digest sha256:%s instead of %s", got, digest)
	}
	return nil
}

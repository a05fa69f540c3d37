package airgap

import (
	"archive/tar"
	"context"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/internal/streams"
)

// openSparse is openAt for a sparse file. It reads the tar from its beginning. Sparse files are rare, and
// archives with an index do not have any.
func (a *Archive) openSparse(ctx context.Context, m file, offset int64) (io.ReadCloser, error) {
	c, err := a.newCursor(0, a.size, 0)
	if err != nil {
		return nil, a.wrap(fmt.Errorf("file %q: %w", m.Name, err))
	}
	content := tar.NewReader(streams.WithContext(ctx, c.r))
	for i := 0; i < m.sparse && err == nil; i++ {
		_, err = content.Next()
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, content, offset)
	}
	if err != nil {
		c.r.Close()
		return nil, a.wrap(fmt.Errorf("file %q: %w", m.Name, streams.NoEOF(err)))
	}
	return &ownReader{content, c.r}, nil
}

// openAlone is openAt with a decompressor that is not shared with other readers.
func (a *Archive) openAlone(ctx context.Context, m file, offset int64) (io.ReadCloser, error) {
	if m.sparse > 0 {
		return a.openSparse(ctx, m, offset)
	}
	begin, end, pos, err := a.runOf(m)
	if err != nil {
		return nil, a.wrap(err)
	}
	c, err := a.newCursor(begin, end, pos)
	if err != nil {
		return nil, a.wrap(err)
	}
	if err := a.reach(ctx, c, m, m.Offset+offset); err != nil {
		c.r.Close()
		return nil, a.wrap(fmt.Errorf("file %q: %w", m.Name, err))
	}
	return &ownReader{streams.WithContext(ctx, c.r), c.r}, nil
}

// An ownReader reads a file and closes the source of the file with it.
type ownReader struct {
	io.Reader
	io.Closer
}

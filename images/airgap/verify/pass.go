package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// readContents reads an archive. A good archive on disk is read in parallel. Otherwise, what is wrong with it is found by
// reading it from its beginning: if it has an index, frame by frame, and each frame is compared with the index; if that
// fails, once more, as other readers do.
func (r *Report) readContents(ctx context.Context, f *format.File, idx *format.Index, sum bool, task *progress.Task) (*contents, error) {
	if len(f.Files) > 0 {
		if c, err := r.inParallel(ctx, f, idx, sum, task); c != nil || err != nil {
			return c, err
		}
	}
	var spans []format.Span
	if idx != nil {
		spans = idx.Frames
	}
	c, err := r.pass(ctx, f, spans, sum, task)
	if err != nil || c.broken == nil || idx == nil {
		return c, err
	}
	plain, err := r.pass(ctx, f, nil, sum, task)
	if err == nil && plain.broken == nil {
		r.problem("the archive's index is wrong: %v", c.broken)
	}
	return plain, err
}

// pass reads an archive from its beginning.
func (r *Report) pass(ctx context.Context, f io.ReaderAt, spans []format.Span, sum bool, task *progress.Task) (*contents, error) {
	c := newContents()
	whole := sha256.New()
	file := streams.WithContext(ctx, task.Reader(io.NewSectionReader(f, 0, r.Size)))
	var compressed io.Reader = file
	if sum {
		compressed = io.TeeReader(file, whole)
	}
	d := &frameReader{codec: r.Codec, src: compressed, spans: spans, whole: spans == nil}
	var content io.ReadCloser = d
	if r.Codec == format.Gzip || r.Codec == format.Bzip2 {
		// The decoder of zstd has goroutines of its own.
		content = streams.ReadAhead(d)
	}
	c.broken = c.readTar(&countedReader{r: content}, c.readFile)
	content.Close() // its goroutines may still read from file
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if sum {
		// The index follows the frames; after an error, frames follow, too.
		if _, err := io.Copy(io.Discard, compressed); err != nil {
			return nil, err
		}
		c.sum = hex.EncodeToString(whole.Sum(nil))
	}
	return c, nil
}

// A countedReader is a tar that is read from its beginning, or from an offset.
type countedReader struct {
	r      io.Reader
	offset int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.offset += int64(n)
	return n, err
}

// Offset implements tarSource.
func (c *countedReader) Offset() int64 { return c.offset }

package pack

import (
	"context"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
)

// tarFrames makes the "frames" of .tar archives, which are not compressed.
type tarFrames struct {
	content *store.Store
}

// small returns the frame of small files.
func (tarFrames) small(_ context.Context, t *smallTar) (frame, error) {
	write := func(_ context.Context, w io.Writer) error { return t.writeTo(w) }
	return frame{chunks: []chunk{{t.size, write}}, entries: t.entries, tarSize: t.size}, nil
}

// run returns the files of a run of layers. They are decompressed while the
// archive is written.
func (t tarFrames) run(ctx context.Context, run []layer, _ func(int)) (frame, bool, error) {
	f, headers, err := describe(run)
	if err != nil {
		return frame{}, false, err
	}
	for i, l := range run {
		body, err := t.body(ctx, l)
		if err != nil {
			return frame{}, false, err
		}
		f.chunks = append(f.chunks, bytesChunk(headers[i]), body, bytesChunk(format.Zeros[:format.Padding(l.size)]))
	}
	return f, true, nil
}

func (t tarFrames) body(ctx context.Context, l layer) (chunk, error) {
	if l.verbatim() {
		blob, err := t.content.BlobFile(ctx, l.source)
		if err != nil {
			return chunk{}, err
		}
		return fileChunk(blob), nil
	}
	return chunk{size: l.size, copy: func(ctx context.Context, w io.Writer) error {
		return writeBody(ctx, t.content, l, w)
	}}, nil
}

func (tarFrames) release() {}

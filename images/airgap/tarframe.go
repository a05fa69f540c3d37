package airgap

import (
	"context"
	"io"

	"github.com/slipway-build/slipway/images/store"
)

// tarFrames makes the "frames" of .tar archives, which are not compressed.
type tarFrames struct {
	content *store.Store
}

func (tarFrames) small(b []byte) ([]byte, error) { return b, nil }

// run returns the files of a run of layers. They are decompressed while the
// archive is written.
func (t tarFrames) run(_ context.Context, run []layer, _ func(int)) (frame, bool, error) {
	f, headers, err := describe(run)
	if err != nil {
		return frame{}, false, err
	}
	for i, l := range run {
		f.chunks = append(f.chunks, bytesChunk(headers[i]), t.body(l), bytesChunk(zeros[:padding(l.size)]))
	}
	return f, true, nil
}

func (t tarFrames) body(l layer) chunk {
	return chunk{size: l.size, copy: func(ctx context.Context, w io.Writer) error {
		if !l.verbatim() {
			return writeBody(ctx, t.content, l, w)
		}
		blob, err := t.content.Open(l.source)
		if err != nil {
			return err
		}
		defer blob.Close()
		return copyFile(ctx, w, blob, l.size)
	}}
}

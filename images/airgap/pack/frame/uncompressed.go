package frame

import (
	"context"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// tarFrames makes the frames of .tar archives, which are not compressed.
type tarFrames struct {
	content Content
}

func (tarFrames) Small(_ context.Context, t *SmallTar) (Frame, error) {
	write := func(_ context.Context, w io.Writer) error { return t.writeTo(w) }
	return Frame{pieces: []piece{{t.size, write}}, Entries: t.entries, TarSize: t.size}, nil
}

// Run returns a frame whose layers are decompressed while it is copied.
func (t tarFrames) Run(ctx context.Context, run []Layer, _ func(int)) (Frame, bool, error) {
	f, headers, err := describe(run)
	if err != nil {
		return Frame{}, false, err
	}
	for i, l := range run {
		body, err := t.body(ctx, l)
		if err != nil {
			return Frame{}, false, err
		}
		f.pieces = append(f.pieces, bytesPiece(headers[i]), body, bytesPiece(format.Zeros(format.Padding(l.Size))))
	}
	return f, true, nil
}

func (t tarFrames) body(ctx context.Context, l Layer) (piece, error) {
	if l.Verbatim() {
		blob, err := t.content.BlobFile(ctx, l.Source)
		if err != nil {
			return piece{}, err
		}
		return filePiece(blob), nil
	}
	return piece{size: l.Size, copy: func(ctx context.Context, w io.Writer) error {
		return WriteBody(ctx, t.content, l, w)
	}}, nil
}

func (tarFrames) Release() {}

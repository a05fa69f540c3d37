package frame

import (
	"context"
	"errors"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// A Frame is a run of whole files of the tar (header, body, padding), compressed
// so that it can be decoded without what is before it. An archive is a sequence
// of frames.
type Frame struct {
	// chunks are the compressed bytes, in order.
	chunks []chunk
	// entries are the files, with offsets from the beginning of the
	// uncompressed frame, whose size is tarSize.
	Entries []format.Entry
	TarSize int64
}

// A chunk is a piece of an archive whose size is known before it is written.
type chunk struct {
	size int64
	// copy writes the chunk to w.
	copy func(ctx context.Context, w io.Writer) error
}

func (f Frame) Size() int64 {
	var n int64
	for _, c := range f.chunks {
		n += c.size
	}
	return n
}

// Copy writes the frame to w. After a damaged chunk the others are only checked, so
// that all damage is known.
func (f Frame) Copy(ctx context.Context, w io.Writer, task *progress.Task) error {
	var damage []error
	for _, c := range f.chunks {
		err := c.copy(ctx, w)
		switch {
		case store.IsDamaged(err):
			damage = append(damage, err)
			w = io.Discard
		case err != nil:
			return err
		}
		task.Add(int(c.size))
	}
	return errors.Join(damage...)
}

// bytesChunk is a chunk in memory.
func bytesChunk(b []byte) chunk {
	return chunk{size: int64(len(b)), copy: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}
}

// Bytes is a frame of bytes that are no part of the tar.
func Bytes(b []byte) Frame { return Frame{chunks: []chunk{bytesChunk(b)}} }

// fileChunk is a whole file of the store, which is checked while it is copied.
func fileChunk(f *store.File) chunk { return chunk{size: f.Size(), copy: f.CopyTo} }

// describe fills in the entries of a frame of layers, and its tarSize.
func describe(run []Layer) (Frame, [][]byte, error) {
	var (
		f       Frame
		headers [][]byte
	)
	for _, l := range run {
		header, err := format.TarHeader(l.Name(), l.Size)
		if err != nil {
			return Frame{}, nil, err
		}
		headers = append(headers, header)
		f.TarSize += int64(len(header))
		f.Entries = append(f.Entries, format.Entry{Name: l.Name(), Offset: f.TarSize, Size: l.Size})
		f.TarSize += l.Size + format.Padding(l.Size)
	}
	return f, headers, nil
}

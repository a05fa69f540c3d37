package frame

import (
	"context"
	"errors"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// A Frame is a run of whole files of the tar, with headers and padding, that is compressed on its own.
type Frame struct {
	// pieces are the compressed bytes, in order.
	pieces []piece
	// Entries are the files of the frame. Offsets are relative to the beginning of the frame in
	// the tar, of which it has TarSize bytes.
	Entries []format.Entry
	TarSize int64
}

// A piece is a part of a frame. Its size is known before it is written.
type piece struct {
	size int64
	// copy writes the piece to w.
	copy func(ctx context.Context, w io.Writer) error
}

func (f Frame) Size() int64 {
	var n int64
	for _, c := range f.pieces {
		n += c.size
	}
	return n
}

// Copy writes the frame to w. After a damaged piece of the store it only checks the other pieces, so that the error
// lists all damage.
func (f Frame) Copy(ctx context.Context, w io.Writer, task *progress.Task) error {
	var damage []error
	for _, c := range f.pieces {
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

// bytesPiece returns a piece in memory.
func bytesPiece(b []byte) piece {
	return piece{size: int64(len(b)), copy: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}
}

// Bytes returns a frame of b, which is not part of the tar.
func Bytes(b []byte) Frame { return Frame{pieces: []piece{bytesPiece(b)}} }

// filePiece returns a piece that is a file of the store. The file is checked while it is copied.
func filePiece(f *store.File) piece { return piece{size: f.Size(), copy: f.CopyTo} }

// Copied returns a frame of a run that another archive has. copyTo writes its compressed bytes, of which there are size.
func Copied(run []Layer, size int64, copyTo func(ctx context.Context, w io.Writer) error) (Frame, error) {
	f, _, err := describe(run)
	f.pieces = []piece{{size, copyTo}}
	return f, err
}

// describe returns a frame of layers without its pieces, and the tar headers of its files.
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

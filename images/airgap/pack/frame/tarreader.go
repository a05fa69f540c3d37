package frame

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// A tarFile is the file of a layer in the tar.
type tarFile struct {
	Layer
	header []byte
}

// tarSize returns the size of the file in the tar, with header and padding, in bytes.
func (f tarFile) tarSize() int64 { return int64(len(f.header)) + f.Size + format.Padding(f.Size) }

// A tarReader reads the uncompressed bytes of a frame. It reads a layer anew to go back in it.
type tarReader struct {
	content Content
	files   []tarFile

	open  int // index of the open file, if body is set
	body  io.ReadCloser
	bytes io.Reader // of the open file, with header and padding, from at on
	at    int64     // offset in the frame
}

// copy copies size bytes from an offset in the frame. They may be a part of a layer, which does not have a
// digest; so the blob is verified before its first byte is used.
func (t *tarReader) copy(ctx context.Context, w io.Writer, from, size int64) error {
	for size > 0 {
		i, begin := 0, int64(0)
		for begin+t.files[i].tarSize() <= from {
			begin += t.files[i].tarSize()
			i++
		}
		if t.body == nil || t.open != i || t.at > from {
			if err := t.openFile(ctx, i); err != nil {
				return err
			}
			t.at = begin
		}
		n := min(size, begin+t.files[i].tarSize()-from)
		err := t.next(io.Discard, from-t.at)
		if err == nil {
			err = t.next(w, n)
		}
		if err != nil {
			t.close()
			return err
		}
		from, size = from+n, size-n
	}
	return nil
}

// next copies the next n bytes of the open file.
func (t *tarReader) next(w io.Writer, n int64) error {
	copied, err := io.CopyN(w, t.bytes, n)
	t.at += copied
	if err == io.EOF {
		return fmt.Errorf("reading layer %s: fewer than the expected %d bytes", t.files[t.open].Source, t.files[t.open].Size)
	}
	return err
}

func (t *tarReader) openFile(ctx context.Context, i int) error {
	t.close()
	f := t.files[i]
	if err := f.fetch(ctx); err != nil {
		return err
	}
	if err := t.content.Check(ctx, f.Source); err != nil {
		return err
	}
	body, err := openBody(ctx, t.content, f.Layer)
	if err != nil {
		return err
	}
	t.open, t.body = i, body
	t.bytes = io.MultiReader(bytes.NewReader(f.header), io.LimitReader(body, f.Size), bytes.NewReader(format.Zeros(format.Padding(f.Size))))
	return nil
}

func (t *tarReader) close() {
	if t.body != nil {
		t.body.Close()
		t.body = nil
	}
}

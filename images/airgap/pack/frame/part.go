package frame

import (
	"context"
	"io"

	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/images/zstd"
)

// A part is a part of a frame that is kept in the store, as a derived file of its kind and key.
type part struct {
	kind, key string
	size      int64 // in bytes of the tar
	write     func(io.Writer) error
}

// inParts makes the frame of parts. head is its header, unless that is in the only part. Parts that are in a shared
// cache are taken from there, if the whole frame then has the content that it must have.
func (m *zstdMaker) inParts(ctx context.Context, f *Frame, head []byte, parts ...part) error {
	fetched := make([]*store.Fetched, len(parts))
	defer func() {
		for _, got := range fetched {
			if got != nil {
				got.Discard()
			}
		}
	}()
	foreign := false
	for i, p := range parts {
		if got, ok := m.content.Fetch(ctx, p.kind, p.key); ok {
			fetched[i], foreign = got, true
		}
	}
	made := make([]*store.File, len(parts))
	var err error
	for i, p := range parts {
		if fetched[i] == nil {
			if made[i], err = m.made(ctx, p); err != nil {
				return err
			}
		}
	}
	if foreign {
		if err := m.adopt(ctx, head, parts, fetched, made); err != nil {
			return err
		}
	}
	if head != nil {
		f.pieces = append(f.pieces, bytesPiece(head))
	}
	for _, file := range made {
		f.pieces = append(f.pieces, filePiece(file))
	}
	if head != nil {
		f.pieces = append(f.pieces, bytesPiece(zstd.AppendEnd(nil)))
	}
	return nil
}

// adopt keeps the fetched parts of a frame if its content is right, and makes them otherwise: which of them is wrong
// cannot be seen.
func (m *zstdMaker) adopt(ctx context.Context, head []byte, parts []part, fetched []*store.Fetched, made []*store.File) error {
	wrong := m.check(ctx, head, fetched, made)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if store.IsDamaged(wrong) {
		return wrong // a part of our own
	}
	for i, p := range parts {
		if fetched[i] == nil {
			continue
		}
		var err error
		if wrong != nil {
			fetched[i].Reject(ctx, wrong)
			made[i], err = m.made(ctx, p)
		} else if made[i], err = fetched[i].Keep(ctx); err == nil {
			m.done(int(p.size))
		}
		fetched[i] = nil
		if err != nil {
			return err
		}
	}
	return nil
}

// check decodes a frame, and compares its content with the layers that it must have.
func (m *zstdMaker) check(ctx context.Context, head []byte, fetched []*store.Fetched, made []*store.File) error {
	open := func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for i, got := range fetched {
			if got == nil {
				if err := made[i].CopyTo(ctx, w); err != nil {
					return err
				}
				continue
			}
			if err := copyFetched(w, got); err != nil {
				return err
			}
		}
		if head == nil {
			return nil
		}
		_, err := w.Write(zstd.AppendEnd(nil))
		return err
	}
	return checkZstd(ctx, open, m.files)
}

func copyFetched(w io.Writer, got *store.Fetched) error {
	r, err := got.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// fetchGzip takes the gzip member of a layer from a shared cache, if one has the right one.
func fetchGzip(ctx context.Context, content Content, file tarFile, p part) error {
	for {
		got, ok := content.Fetch(ctx, p.kind, p.key)
		if !ok {
			return nil
		}
		wrong := checkGzip(ctx, func(w io.Writer) error { return copyFetched(w, got) }, file)
		if err := context.Cause(ctx); err != nil {
			got.Discard()
			return err
		}
		if wrong == nil {
			_, err := got.Keep(ctx)
			return err
		}
		got.Reject(ctx, wrong)
	}
}

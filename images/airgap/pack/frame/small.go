package frame

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
)

// A SmallTar is a part of an archive's tar whose files are in memory. Folders are files
// without content, whose names end with a slash; the index of offsets does not name them.
type SmallTar struct {
	pieces  [][]byte
	entries []format.Entry
	size    int64
}

func NewSmallTar(files []File) (*SmallTar, error) {
	t := &SmallTar{}
	for _, file := range files {
		header, err := format.TarHeader(file.Name, int64(len(file.Content)))
		if err != nil {
			return nil, err
		}
		t.add(header)
		if strings.HasSuffix(file.Name, "/") {
			continue
		}
		t.entries = append(t.entries, format.Entry{Name: file.Name, Offset: t.size, Size: int64(len(file.Content))})
		t.add(file.Content)
		t.add(format.Zeros(format.Padding(int64(len(file.Content)))))
	}
	return t, nil
}

// EndOfTar is what ends a tar.
func EndOfTar() *SmallTar {
	t := &SmallTar{}
	t.add(format.Zeros(format.TarEnd))
	return t
}

func (t *SmallTar) add(piece []byte) {
	t.pieces = append(t.pieces, piece)
	t.size += int64(len(piece))
}

// writeTo writes the tar to w.
func (t *SmallTar) writeTo(w io.Writer) error {
	for _, piece := range t.pieces {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// keptSize is from what size on the compressed frame of a smallTar is kept in the store, in
// bytes. The configs and manifests of thousands of images take seconds to compress.
const keptSize = 1 << 20

// An openCompressor returns a writer that compresses size bytes to w.
type openCompressor func(w io.Writer, size int64) (io.WriteCloser, error)

// compressed returns the frame of the tar. version names what decides the bytes that the
// compressor makes.
func (t *SmallTar) compressed(ctx context.Context, content *store.Store, kind, version string, open openCompressor) (Frame, error) {
	f := Frame{Entries: t.entries, TarSize: t.size}
	write := func(w io.Writer) error {
		z, err := open(w, t.size)
		if err != nil {
			return err
		}
		return errors.Join(t.writeTo(z), z.Close())
	}
	if t.size < keptSize {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return Frame{}, err
		}
		f.chunks = []chunk{bytesChunk(b.Bytes())}
		return f, nil
	}
	hash := sha256.New()
	if err := t.writeTo(hash); err != nil {
		return Frame{}, err
	}
	made, err := content.DerivedFile(ctx, kind, fmt.Sprintf("%s sha256:%x", version, hash.Sum(nil)), write)
	if err != nil {
		return Frame{}, err
	}
	f.chunks = []chunk{fileChunk(made)}
	return f, nil
}

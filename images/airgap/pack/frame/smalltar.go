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
)

// A SmallTar is a part of a tar in memory. It has no entries for folders.
type SmallTar struct {
	content [][]byte
	entries []format.Entry
	size    int64
}

// NewSmallTar returns the tar of files, without an end.
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

// EndOfTar returns the end of a tar.
func EndOfTar() *SmallTar {
	t := &SmallTar{}
	t.add(format.Zeros(format.TarEnd))
	return t
}

func (t *SmallTar) add(b []byte) {
	t.content = append(t.content, b)
	t.size += int64(len(b))
}

// writeTo writes the tar to w.
func (t *SmallTar) writeTo(w io.Writer) error {
	for _, b := range t.content {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// keptSize is the size of the smallest SmallTar whose frame is kept in the store, in bytes. The configs and
// manifests of thousands of images take seconds to compress.
const keptSize = 1 << 20

// An openCompressor returns a writer that compresses size bytes to w.
type openCompressor func(w io.Writer, size int64) (io.WriteCloser, error)

// compressed returns the frame of the tar. version names the compressor and its options.
func (t *SmallTar) compressed(ctx context.Context, content Content, kind, version string, open openCompressor) (Frame, error) {
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
		f.pieces = []piece{bytesPiece(b.Bytes())}
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
	f.pieces = []piece{filePiece(made)}
	return f, nil
}

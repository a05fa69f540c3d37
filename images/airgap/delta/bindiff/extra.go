package bindiff

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	library "github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/zstd"
)

// maxLiteral is the number of extra bytes up to which they are coded one by one: slowly, and in the fewest bytes.
// More are compressed with zstd, after the end of OLD as a raw dictionary.
const maxLiteral = 256 << 10

// dictionary returns the part of OLD before the extra bytes in their window.
func dictionary(old []byte) []byte { return old[max(len(old)-zstd.Window/2, 0):] }

// compress compresses extra bytes.
func compress(ctx context.Context, old, extra []byte) ([]byte, error) {
	// The header (RFC 8878, section 3.1.1.1) differs from zstd.AppendHeader: the window includes the dictionary.
	out := bytes.NewBuffer(binary.LittleEndian.AppendUint32([]byte{0x28, 0xb5, 0x2f, 0xfd, 2 << 6, (25 - 10) << 3}, uint32(len(extra))))
	e := zstd.NewEncoder(zstd.Best)
	e.Begin(out)
	e.Load(dictionary(old))
	for part := range slices.Chunk(extra, piece) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if _, err := e.Write(part); err != nil {
			return nil, err
		}
	}
	if err := e.End(); err != nil {
		return nil, err
	}
	return zstd.AppendEnd(out.Bytes()), nil
}

// decompress returns a reader of the extra bytes in compressed.
func decompress(old, compressed []byte) (io.ReadCloser, error) {
	d, err := library.NewReader(bytes.NewReader(compressed), library.WithDecoderConcurrency(1), library.WithDecoderLowmem(true),
		library.WithDecoderMaxWindow(zstd.Window), library.WithDecoderDictRaw(0, dictionary(old)))
	if err != nil {
		return nil, fmt.Errorf("decompressing a patch: %w", err)
	}
	return d.IOReadCloser(), nil
}

// ended reports whether r has no more bytes.
func ended(r io.Reader) bool {
	n, err := io.CopyN(io.Discard, r, 1)
	return n == 0 && err == io.EOF
}

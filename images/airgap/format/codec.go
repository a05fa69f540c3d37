package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/internal/sniff"
)

// A Codec is the compression of an archive.
type Codec string

// The codecs. Archives are written with the first three. bzip2 is only read, because RKE2's
// reader accepts it too.
const (
	Tar   Codec = "tar"
	Zstd  Codec = "tar.zst"
	Gzip  Codec = "tar.gz"
	Bzip2 Codec = "tar.bz2"
)

// MaxWindow is the largest zstd window that an archive may need, in bytes. RKE2's reader
// refuses more (wharfie, WithDecoderMaxMemory(1<<25)).
const MaxWindow = 32 << 20

// suffixes are the ends of the file names that nodes take for archives (wharfie,
// SupportedExtensions), without those of codecs that we do not read.
var suffixes = []struct {
	suffix string
	codec  Codec
}{
	{".tar", Tar},
	{".tar.zst", Zstd}, {".tzst", Zstd},
	{".tar.gz", Gzip}, {".tgz", Gzip},
	{".tar.bz2", Bzip2}, {".tbz", Bzip2},
}

// CodecOf returns the codec for a file name, by the rules of nodes.
func CodecOf(name string) (Codec, bool) {
	name = strings.ToLower(name)
	for _, s := range suffixes {
		if strings.HasSuffix(name, s.suffix) {
			return s.codec, true
		}
	}
	return "", false
}

// OutputCodec returns the codec with which to write an archive to path. A name that does not
// end in .tar, .tar.zst, .tzst, .tar.gz or .tgz is an error.
func OutputCodec(path string) (Codec, error) {
	if codec, ok := CodecOf(path); ok && codec != Bzip2 {
		return codec, nil
	}
	return "", fmt.Errorf("archive %s: its name must end in .tar, .tar.zst or .tar.gz", path)
}

// codecOfHead returns the codec of a file that begins with head, its first sniff.HeadLen bytes. If
// the file is not an archive, the error describes what it is.
func codecOfHead(head []byte) (Codec, error) {
	switch c := sniff.CompressionOf(head); c {
	case sniff.Zstd:
		return Zstd, nil
	case sniff.Gzip:
		return Gzip, nil
	case sniff.Bzip2:
		return Bzip2, nil
	case sniff.Xz, sniff.Lz4:
		return "", fmt.Errorf("it is compressed by %s; decompress it first", c)
	}
	switch {
	case len(head) == 0:
		return "", errors.New("it is empty")
	case !sniff.IsTar(head):
		return "", errors.New("it is neither a tar nor one compressed by zstd, gzip or bzip2")
	}
	return Tar, nil
}

// CodecOfFile is codecOfHead for a file of size bytes.
func CodecOfFile(r io.ReaderAt, size int64) (Codec, error) {
	head := make([]byte, min(size, sniff.HeadLen))
	if !ReadFullAt(r, head, 0) {
		return "", io.ErrUnexpectedEOF
	}
	if bytes.HasPrefix(head, []byte(DeltaMagic)) {
		return "", errors.New("it is a delta; name the archives that it was made for, too: --old FILE")
	}
	return codecOfHead(head)
}

// Decompress returns a reader of the tar in r. A zstd frame with a window over MaxWindow is an
// error, as it is for nodes. It decodes in the calling goroutine, in no more memory than the
// windows of the frames need.
func (codec Codec) Decompress(r io.Reader) (io.ReadCloser, error) {
	content, err := codec.compression().NewReader(r, append(sniff.LowMemory(), zstd.WithDecoderMaxWindow(MaxWindow))...)
	if err != nil {
		return nil, err
	}
	return windowReader{content}, nil
}

// A windowReader explains that a window is too large.
type windowReader struct{ io.ReadCloser }

func (w windowReader) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = fmt.Errorf("%w: a zstd frame needs one of more than %d MiB, which RKE2's reader refuses too; decompress the archive, or compress it with --long=25 at most", err, MaxWindow>>20)
	}
	return n, err
}

// LibraryVersion names the library whose encoders make small frames, and frames of layers at levels below the best
// one. Another version may make other bytes.
const LibraryVersion = "klauspost/compress v1.20.3"

// LibraryEncoder returns an encoder of the library for frames of layers at a level. It has one goroutine, so that
// its output does not depend on the number of cores. The caller must call ResetContentSize with the size of the frame in
// the tar.
func LibraryEncoder(level zstd.EncoderLevel) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(MaxWindow))
}

func (codec Codec) compression() sniff.Compression {
	switch codec {
	case Zstd:
		return sniff.Zstd
	case Gzip:
		return sniff.Gzip
	case Bzip2:
		return sniff.Bzip2
	}
	return sniff.None
}

package format

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/internal/sniff"
)

// A Codec is how an archive is compressed.
type Codec string

// The codecs. Archives are written in the first three; bzip2 is only read,
// since RKE2's reader takes it too.
const (
	Tar   Codec = "tar"
	Zstd  Codec = "tar.zst"
	Gzip  Codec = "tar.gz"
	Bzip2 Codec = "tar.bz2"
)

// MaxWindow is the largest zstd window that an archive may need: RKE2's reader
// refuses more (wharfie, WithDecoderMaxMemory(1<<25)).
const MaxWindow = 32 << 20

// suffixes are the file names by which nodes recognise archives (wharfie,
// SupportedExtensions), without those whose codec has no reader here.
var suffixes = []struct {
	suffix string
	codec  Codec
}{
	{".tar", Tar},
	{".tar.zst", Zstd}, {".tzst", Zstd},
	{".tar.gz", Gzip}, {".tgz", Gzip},
	{".tar.bz2", Bzip2}, {".tbz", Bzip2},
}

// CodecOf tells a codec by the file's name, as nodes do.
func CodecOf(name string) (Codec, bool) {
	name = strings.ToLower(name)
	for _, s := range suffixes {
		if strings.HasSuffix(name, s.suffix) {
			return s.codec, true
		}
	}
	return "", false
}

// OutputCodec is the codec in which an archive of this name is written. Only
// .tar, .tar.zst, .tzst, .tar.gz and .tgz are.
func OutputCodec(path string) (Codec, error) {
	if codec, ok := CodecOf(path); ok && codec != Bzip2 {
		return codec, nil
	}
	return "", fmt.Errorf("archive %s: its name must end in .tar, .tar.zst or .tar.gz", path)
}

// CodecOfHead tells a codec by a file's first sniff.HeadLen bytes.
func CodecOfHead(head []byte) (Codec, error) {
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

// CodecOfFile tells a codec by a file's first bytes. A file that is not an archive is an
// error that says what it is.
func CodecOfFile(r io.ReaderAt, size int64) (Codec, error) {
	head := make([]byte, min(size, sniff.HeadLen))
	if !ReadAt(r, head, 0) {
		return "", io.ErrUnexpectedEOF
	}
	return CodecOfHead(head)
}

// Decompress reads what codec made of a tar. A zstd frame whose window is over
// MaxWindow is an error, as it is for nodes. It decodes in the calling goroutine,
// with no more memory than the frames' own windows: most of what is read by it is
// small.
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

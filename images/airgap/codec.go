package airgap

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
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

// codecOf tells a codec by the file's name, as nodes do.
func codecOf(name string) (Codec, bool) {
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
	if codec, ok := codecOf(path); ok && codec != Bzip2 {
		return codec, nil
	}
	return "", fmt.Errorf("archive %s: its name must end in .tar, .tar.zst or .tar.gz", path)
}

// sniffLen is how much of a file sniff has to see: a tar header.
const sniffLen = 512

// sniff tells a codec by a file's first bytes.
func sniff(head []byte) (Codec, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte{0x2a, 0x4d, 0x18}):
		return Zstd, nil
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return Bzip2, nil
	case bytes.HasPrefix(head, []byte{0x04, 0x22, 0x4d, 0x18}):
		return "", fmt.Errorf("it is compressed by lz4; decompress it first")
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z'}):
		return "", fmt.Errorf("it is compressed by xz; decompress it first")
	case len(head) == 0:
		return "", fmt.Errorf("it is empty")
	}
	if _, err := tar.NewReader(bytes.NewReader(head)).Next(); err == nil {
		return Tar, nil
	}
	return "", fmt.Errorf("it is neither a tar nor one compressed by zstd, gzip or bzip2")
}

// decompress reads what codec made of a tar. A zstd frame whose window is over
// MaxWindow is an error, as it is for nodes.
func (codec Codec) decompress(r io.Reader) (io.ReadCloser, error) {
	switch codec {
	case Zstd:
		return newZstdReader(r)
	case Gzip:
		return gzip.NewReader(r)
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(r)), nil
	}
	return io.NopCloser(r), nil
}

// newZstdReader decodes in the calling goroutine, with no more memory than the
// frames' own windows: most of what is read by it is small.
func newZstdReader(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(MaxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// compression tells how a layer blob is compressed by its first bytes: gzip,
// zstd or none, the words of store.BlobInfo.
func compression(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	}
	return "none"
}

// uncompressed reads a layer blob that is compressed in this way.
func uncompressed(r io.Reader, compression string) (io.ReadCloser, error) {
	switch compression {
	case "gzip":
		return gzip.NewReader(r)
	case "zstd":
		// Layers were made for registries, whose readers allow any window.
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}

package verify

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// A frameReader decompresses an archive.
type frameReader struct {
	codec format.Codec
	src   io.Reader
	// whole is set to decompress all of src as one stream. Otherwise spans are the frames still to read,
	// each as a stream.
	whole bool
	spans []format.Span
	frame int
	// shared is set if there are other decompressors at the same time.
	shared bool

	zstd    *zstd.Decoder
	gzip    *gzip.Reader
	current io.Reader
	limited *io.LimitedReader
	size    int64 // bytes of current that were read
}

func (d *frameReader) Read(p []byte) (int, error) {
	for {
		if d.current == nil {
			if !d.whole && len(d.spans) == 0 {
				return 0, io.EOF
			}
			if err := d.open(); err != nil {
				return 0, d.inFrame(err)
			}
		}
		n, err := d.current.Read(p)
		d.size += int64(n)
		if err != io.EOF || d.whole {
			return n, d.inFrame(err)
		}
		if d.size != d.spans[0].TarSize || d.limited.N > 0 {
			return n, d.inFrame(fmt.Errorf("it contains %d bytes instead of %d", d.size, d.spans[0].TarSize))
		}
		d.current, d.spans, d.frame = nil, d.spans[1:], d.frame+1
		if n > 0 {
			return n, nil
		}
	}
}

// inFrame adds the current frame to an error.
func (d *frameReader) inFrame(err error) error {
	if err == nil || d.whole {
		return err
	}
	return fmt.Errorf("frame %d, at byte %d of the file: %w", d.frame, d.spans[0].Offset, streams.NoEOF(err))
}

// verifyWindow is the largest zstd window that is read here, in bytes, so that the report can contain what else is
// wrong with an archive whose windows are too large for nodes.
const verifyWindow = 512 << 20

func (d *frameReader) open() (err error) {
	src := d.src
	if !d.whole {
		d.limited = &io.LimitedReader{R: d.src, N: d.spans[0].Size}
		src = d.limited
	}
	d.size = 0
	switch {
	case d.codec == format.Zstd && d.zstd == nil:
		d.zstd, err = zstd.NewReader(src, d.zstdOptions()...)
		d.current = d.zstd
	case d.codec == format.Zstd:
		err = d.zstd.Reset(src)
		d.current = d.zstd
	case d.codec == format.Gzip && !d.whole && d.gzip == nil:
		d.gzip, err = gzip.NewReader(src)
		d.current = d.gzip
	case d.codec == format.Gzip && !d.whole:
		err = d.gzip.Reset(src)
		d.current = d.gzip
	default:
		var r io.ReadCloser
		r, err = d.codec.Decompress(src)
		d.current = r
	}
	return err
}

// begin makes src the source, which has the frames of spans. The number of the first one is frame.
func (d *frameReader) begin(src io.Reader, spans []format.Span, frame int) {
	d.src, d.spans, d.frame, d.current = src, spans, frame, nil
}

// zstdOptions returns the options of the decoder. Alone, it decodes in other goroutines, while this one takes digests.
func (d *frameReader) zstdOptions() []zstd.DOption {
	if d.shared {
		return append(sniff.LowMemory(), zstd.WithDecoderMaxWindow(format.MaxWindow))
	}
	return []zstd.DOption{zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(verifyWindow)}
}

// Close ends the goroutines of the decoder.
func (d *frameReader) Close() error {
	if d.zstd != nil {
		d.zstd.Close()
	}
	return nil
}

package airgap

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/filestate"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// A GzipStream is the gzip stream of an uncompressed layer, as it lies in an archive that is a .tar.gz. If the registry
// served the layer as gzip, the stream has the digest of the registry (docs/airgap-format.md, "Frames").
type GzipStream struct {
	// Size is the size of the stream, in bytes.
	Size int64

	archive *Archive
	layer   PackedLayer
	begin   int64 // in the archive
	content int64 // size of the layer, in bytes
}

// GzipStream returns the gzip stream of a layer. It returns nil if the archive does not have one: the archive is no
// .tar.gz or has no index, the layer is compressed, or its header and padding are not in gzip members of their own. The
// content of the stream is not verified yet; see Verify.
func (a *Archive) GzipStream(ctx context.Context, l PackedLayer) (*GzipStream, error) {
	// The digest of a layer that is not compressed is its diff ID.
	if a.codec != format.Gzip || a.index == nil || l.Digest != l.DiffID {
		return nil, nil
	}
	m, err := a.lookup(ctx, l.file)
	if err != nil {
		return nil, err
	}
	begin, end, pos, err := a.runOf(m)
	if err != nil {
		return nil, a.wrap(err)
	}
	n, err := a.memberBefore(begin, end, m.Offset-pos)
	if err != nil || n == 0 {
		return nil, err
	}
	begin += n
	if end, err = a.withoutPadding(begin, end, format.Padding(m.Size)); err != nil || end == 0 {
		return nil, err
	}
	return &GzipStream{Size: end - begin, archive: a, layer: l, begin: begin, content: m.Size}, nil
}

// memberBefore returns the size of the gzip member at the beginning of a frame, if its content has size bytes, and 0
// otherwise.
func (a *Archive) memberBefore(begin, end, size int64) (int64, error) {
	section := io.NewSectionReader(a.file, begin, end-begin)
	// The decompressor reads no byte too many from a bufio.Reader.
	below := bufio.NewReaderSize(section, 4<<10)
	if !sniff.GzipMember(below, size) {
		return 0, nil
	}
	read, err := section.Seek(0, io.SeekCurrent)
	return read - int64(below.Buffered()), err
}

// maxPaddingMember is the size of the largest gzip member that is taken for the padding of a file, in bytes. Ours have
// less than 40.
const maxPaddingMember = 600

// withoutPadding returns the end of a gzip stream that is followed by a gzip member of padding zeros up to end. It
// returns 0 if there is no such member. The caller must verify the stream, because its own bytes may look like such a
// member.
func (a *Archive) withoutPadding(begin, end, padding int64) (int64, error) {
	if padding == 0 {
		return end, nil
	}
	tail := make([]byte, min(end-begin, maxPaddingMember))
	if !format.ReadFullAt(a.file, tail, end-int64(len(tail))) {
		return 0, a.wrap(io.ErrUnexpectedEOF)
	}
	for i := len(tail); ; {
		if i = bytes.LastIndex(tail[:i], []byte(sniff.GzipMagic)); i <= 0 {
			return 0, nil
		}
		below := bytes.NewReader(tail[i:])
		if sniff.GzipMember(below, padding) && below.Len() == 0 {
			return end - int64(len(tail)-i), nil
		}
	}
}

// Verify reads the stream, and returns its digest. ok is false if its content does not have the layer's diff ID, or is
// not one gzip stream.
func (s *GzipStream) Verify(ctx context.Context) (digest v1.Hash, ok bool, err error) {
	sum, content := sha256.New(), sha256.New()
	if err := s.decompress(ctx, sum, content); err != nil {
		if ended := context.Cause(ctx); ended != nil {
			return v1.Hash{}, false, ended
		}
		var wrong *gzipError
		if errors.As(err, &wrong) {
			return v1.Hash{}, false, nil
		}
		return v1.Hash{}, false, s.archive.wrap(err)
	}
	return hashOf(sum), hashOf(content) == s.layer.DiffID, nil
}

// A gzipError is the error of a stream that cannot be decompressed.
type gzipError struct{ error }

// decompress writes the stream to sum, and its content to content.
func (s *GzipStream) decompress(ctx context.Context, sum, content io.Writer) error {
	var readErr error
	raw := io.TeeReader(streams.WithContext(ctx, s.section()), sum)
	below := streams.Func(func(p []byte) (int, error) {
		n, err := raw.Read(p)
		if err != io.EOF {
			readErr = errors.Join(readErr, err)
		}
		return n, err
	})
	compression, r, err := sniff.Open(below)
	if err == nil && compression != sniff.Gzip {
		err = fmt.Errorf("%s instead of gzip", compression)
	}
	var n int64
	if err == nil {
		n, err = io.CopyBuffer(struct{ io.Writer }{content}, io.LimitReader(r, s.content+1), make([]byte, 64<<10))
	}
	switch {
	case readErr != nil:
		return readErr
	case err != nil:
		return &gzipError{err}
	case n != s.content || sniff.Padding(r) > 0:
		return &gzipError{fmt.Errorf("%d bytes instead of %d, and %d zeros after the stream", n, s.content, sniff.Padding(r))}
	}
	return nil
}

func hashOf(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", h.Sum(nil))}
}

func (s *GzipStream) section() io.Reader { return io.NewSectionReader(s.archive.file, s.begin, s.Size) }

// Key identifies the stream among all archives without reading it, as long as the files of the archive do not change.
func (s *GzipStream) Key() (string, error) {
	var states []filestate.State
	for _, f := range s.archive.file.Files {
		info, err := f.Stat()
		if err != nil {
			return "", s.archive.wrap(err)
		}
		states = append(states, filestate.Of(info))
	}
	return fmt.Sprintf("%s %+v%s %d %d", s.layer.DiffID, states, s.archive.file.State(), s.begin, s.Size), nil
}

// Digest reads the stream, and returns its digest.
func (s *GzipStream) Digest(ctx context.Context) (v1.Hash, error) {
	digest, n, err := v1.SHA256(streams.WithContext(ctx, s.section()))
	if err == nil && n != s.Size {
		err = io.ErrUnexpectedEOF // the file became shorter
	}
	if err != nil {
		return v1.Hash{}, s.archive.wrap(err)
	}
	return digest, nil
}

// Part returns a reader of the bytes of the stream from begin to end, which are not verified.
func (s *GzipStream) Part(begin, end int64) io.Reader {
	return io.NewSectionReader(s.archive.file, s.begin+begin, end-begin)
}

// Layer returns the stream as a layer with the digest and a media type. If the stream does not have the digest, reading
// it ends with an error. ctx must be valid while the layer is used.
func (s *GzipStream) Layer(ctx context.Context, digest v1.Hash, mediaType types.MediaType) (v1.Layer, error) {
	return partial.CompressedToLayer(&streamLayer{ctx, s, digest, mediaType})
}

// streamLayer stores the context of Layer, since the methods of v1.Layer take none.
type streamLayer struct {
	ctx       context.Context
	stream    *GzipStream
	digest    v1.Hash
	mediaType types.MediaType
}

func (l *streamLayer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *streamLayer) DiffID() (v1.Hash, error)            { return l.stream.layer.DiffID, nil }
func (l *streamLayer) Size() (int64, error)                { return l.stream.Size, nil }
func (l *streamLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }

func (l *streamLayer) Compressed() (io.ReadCloser, error) {
	s := l.stream
	return io.NopCloser(streams.Verified(streams.WithContext(l.ctx, s.section()), func(sum string, _ int64) error {
		if got := (v1.Hash{Algorithm: "sha256", Hex: sum}); got != l.digest {
			return s.archive.wrap(fmt.Errorf("layer %s is damaged: its gzip stream has the digest %s instead of %s", s.layer.DiffID, got, l.digest))
		}
		return nil
	})), nil
}

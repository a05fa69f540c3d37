package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// An Index has the position of each frame and each file of a compressed archive, so that a reader
// can decompress one frame alone. docs/airgap-format.md describes its format. A plain tar has no
// index.
type Index struct {
	Version int     `json:"version"`
	Frames  []Span  `json:"frames"`
	Entries []Entry `json:"entries"`
}

// A Span has the position of the compressed bytes of a frame in the archive, and of their content
// in the tar, in bytes.
type Span struct {
	Offset    int64 `json:"offset"`
	Size      int64 `json:"size"`
	TarOffset int64 `json:"tarOffset"`
	TarSize   int64 `json:"tarSize"`
}

// An Entry has the position of the content of a file in the tar, in bytes.
type Entry struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
}

const (
	indexVersion = 1
	// indexTrailer is the size of the trailer at the end of the payload: the distance
	// between the beginning of the index and the end of the payload (8 bytes, little
	// endian), and indexMagic.
	indexMagic   = "SlwI"
	indexTrailer = 8 + len(indexMagic)

	// The index is a skippable zstd frame with the magic number skippableIndex. It is
	// followed by a seek table of zstd's seekable format, a skippable frame too, which ends
	// in seekTableMagic.
	skippableIndex     = 0x184D2A5B
	skippableSeekTable = 0x184D2A5E
	seekTableMagic     = 0x8F92EAB1
	seekTableFooter    = 9
	// seekTableFrame is the size of the largest frame in the seekable format, decompressed
	// (zstd_seekable.h, ZSTD_SEEKABLE_MAX_FRAME_DECOMPRESSED_SIZE).
	seekTableFrame = 1 << 30

	// gzipExtra is the number of bytes of the index in the extra field of one gzip member.
	// The field has room for 64 KiB with the headers of its subfields.
	gzipExtra = 60000
	// gzipEmpty is what follows the header in a gzip member without content: an empty
	// final block with fixed codes, the CRC-32 and the size.
	gzipEmpty = "\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

// NewIndex returns the index of an archive without frames.
func NewIndex() *Index {
	return &Index{Version: indexVersion, Frames: []Span{}, Entries: []Entry{}}
}

// Add appends a frame of size compressed bytes, which are tarSize bytes of the tar. Offsets of
// entries are relative to the beginning of the frame in the tar.
func (idx *Index) Add(size, tarSize int64, entries []Entry) {
	at := Span{Size: size, TarSize: tarSize}
	if n := len(idx.Frames); n > 0 {
		last := idx.Frames[n-1]
		at.Offset, at.TarOffset = last.Offset+last.Size, last.TarOffset+last.TarSize
	}
	idx.Frames = append(idx.Frames, at)
	for _, e := range entries {
		e.Offset += at.TarOffset
		idx.Entries = append(idx.Entries, e)
	}
}

// Encode returns the bytes to write after the last frame; none for a plain tar.
func (idx *Index) Encode(codec Codec) ([]byte, error) {
	if codec == Tar {
		return nil, nil
	}
	raw, err := json.Marshal(idx)
	if err != nil {
		return nil, err
	}
	if codec == Gzip {
		return idx.encodeGzip(raw), nil
	}
	if len(raw) > math.MaxUint32-indexTrailer {
		return nil, fmt.Errorf("the index of %d files has %d bytes, too many for a skippable frame", len(idx.Entries), len(raw))
	}
	out := binary.LittleEndian.AppendUint32(nil, skippableIndex)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(raw)+indexTrailer))
	out = append(out, raw...)
	out = appendTrailer(out, len(out))
	return append(out, idx.seekTable(int64(len(out)))...), nil
}

func appendTrailer(b []byte, before int) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(before+indexTrailer))
	return append(b, indexMagic...)
}

// seekTable returns the seek table of zstd's seekable format, which other programs can read. It
// lists all frames before it, and among them our own index of indexSize bytes. If a frame is too
// large for the format, there is no seek table.
func (idx *Index) seekTable(indexSize int64) []byte {
	var table []byte
	for _, f := range append(idx.Frames, Span{Size: indexSize}) {
		if f.TarSize > seekTableFrame || f.Size > math.MaxUint32 {
			return nil
		}
		table = binary.LittleEndian.AppendUint32(table, uint32(f.Size))
		table = binary.LittleEndian.AppendUint32(table, uint32(f.TarSize))
	}
	out := binary.LittleEndian.AppendUint32(nil, skippableSeekTable)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(table)+seekTableFooter))
	out = append(out, table...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(idx.Frames)+1))
	out = append(out, 0) // no checksums: frames have their own
	return binary.LittleEndian.AppendUint32(out, seekTableMagic)
}

// encodeGzip writes the index into the extra fields of gzip members without content, as
// subfield SW (RFC 1952, 2.3.1.1).
func (*Index) encodeGzip(raw []byte) []byte {
	var out []byte
	for {
		part := raw[:min(len(raw), gzipExtra)]
		raw = raw[len(part):]
		last := len(raw) == 0
		extra := len(part)
		if last {
			extra += indexTrailer
		}
		out = append(out, 0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255)
		out = binary.LittleEndian.AppendUint16(out, uint16(extra+4))
		out = append(out, 'S', 'W')
		out = binary.LittleEndian.AppendUint16(out, uint16(extra))
		out = append(out, part...)
		if last {
			out = appendTrailer(out, len(out))
		}
		out = append(out, gzipEmpty...)
		if last {
			return out
		}
	}
}

// ErrNoIndex is returned for an archive without an index, or with one of a later version. Such
// an archive is read from its beginning.
var ErrNoIndex = errors.New("the archive has no index")

// ReadIndex reads the index at the end of an archive of size bytes. An index that is
// impossible is an error. One that is possible and wrong is noticed when a file is read.
func ReadIndex(r io.ReaderAt, size int64, codec Codec) (*Index, error) {
	var (
		raw []byte
		end int64 // of all frames
		err error
	)
	switch codec {
	case Zstd:
		raw, end, err = readZstdIndex(r, size)
	case Gzip:
		raw, end, err = readGzipIndex(r, size)
	default:
		return nil, ErrNoIndex
	}
	if err != nil {
		return nil, err
	}
	var idx Index
	if err := json.Unmarshal(raw, &idx); err != nil {
		return nil, fmt.Errorf("reading the archive's index: %w", err)
	}
	if idx.Version != indexVersion {
		// A reader of the archive does not need the index. One of a later version is ignored.
		return nil, ErrNoIndex
	}
	if err := idx.check(end); err != nil {
		return nil, fmt.Errorf("reading the archive's index: %w", err)
	}
	return &idx, nil
}

// check returns an error unless the frames follow one another up to end, and the entries
// follow one another inside the tar.
func (idx *Index) check(end int64) error {
	var offset, tarOffset int64
	for i, f := range idx.Frames {
		if f.Offset != offset || f.TarOffset != tarOffset || f.Size <= 0 || f.TarSize < 0 ||
			f.Size > end-offset || f.TarSize > math.MaxInt64-tarOffset {
			return fmt.Errorf("frame %d does not follow the one before it", i)
		}
		offset, tarOffset = offset+f.Size, tarOffset+f.TarSize
	}
	if offset != end {
		return fmt.Errorf("its frames end at byte %d instead of %d", offset, end)
	}
	var before int64
	for _, e := range idx.Entries {
		if e.Size < 0 || e.Offset < before+BlockSize || e.Offset%BlockSize != 0 || e.Size > tarOffset-e.Offset {
			return fmt.Errorf("the offset of file %q is out of range", e.Name)
		}
		before = e.Offset + e.Size
	}
	return nil
}

func readZstdIndex(r io.ReaderAt, size int64) ([]byte, int64, error) {
	end := size
	var foot [seekTableFooter]byte
	if !ReadFullAt(r, foot[:], end-seekTableFooter) {
		return nil, 0, ErrNoIndex
	}
	if binary.LittleEndian.Uint32(foot[5:]) == seekTableMagic {
		frames, each := int64(binary.LittleEndian.Uint32(foot[:])), int64(8)
		if foot[4]&0x80 != 0 {
			each = 12 // with checksums
		}
		end -= 8 + frames*each + seekTableFooter
	}
	length, ok := readTrailer(r, end)
	var head [8]byte
	if !ok || length < int64(len(head)+indexTrailer) || !ReadFullAt(r, head[:], end-length) {
		return nil, 0, ErrNoIndex
	}
	if binary.LittleEndian.Uint32(head[:]) != skippableIndex || int64(binary.LittleEndian.Uint32(head[4:])) != length-int64(len(head)) {
		return nil, 0, ErrNoIndex
	}
	payload := length - int64(len(head)+indexTrailer)
	if payload > JSONLimit {
		return nil, 0, fmt.Errorf("the archive's index has %d bytes; at most %d are read", payload, JSONLimit)
	}
	raw := make([]byte, payload)
	if !ReadFullAt(r, raw, end-length+int64(len(head))) {
		return nil, 0, ErrNoIndex
	}
	return raw, end - length, nil
}

func readGzipIndex(r io.ReaderAt, size int64) ([]byte, int64, error) {
	end := size - int64(len(gzipEmpty))
	length, ok := readTrailer(r, end)
	if !ok {
		return nil, 0, ErrNoIndex
	}
	if length > JSONLimit {
		return nil, 0, fmt.Errorf("the archive's index has %d bytes; at most %d are read", length, JSONLimit)
	}
	raw := make([]byte, length+int64(len(gzipEmpty)))
	if !ReadFullAt(r, raw, end-length) {
		return nil, 0, ErrNoIndex
	}
	var payload []byte
	for len(raw) > 0 {
		const head = 16 // header, XLEN, SI1, SI2, LEN
		if len(raw) < head || !bytes.HasPrefix(raw, []byte{0x1f, 0x8b, 8, 4}) || raw[12] != 'S' || raw[13] != 'W' {
			return nil, 0, ErrNoIndex
		}
		n := int(binary.LittleEndian.Uint16(raw[14:]))
		if int(binary.LittleEndian.Uint16(raw[10:])) != n+4 || len(raw) < head+n+len(gzipEmpty) ||
			string(raw[head+n:head+n+len(gzipEmpty)]) != gzipEmpty {
			return nil, 0, ErrNoIndex
		}
		payload = append(payload, raw[head:head+n]...)
		raw = raw[head+n+len(gzipEmpty):]
	}
	if len(payload) < indexTrailer {
		return nil, 0, ErrNoIndex
	}
	return payload[:len(payload)-indexTrailer], end - length, nil
}

// readTrailer returns the length of the index with a payload that ends at end.
func readTrailer(r io.ReaderAt, end int64) (int64, bool) {
	var trailer [indexTrailer]byte
	if !ReadFullAt(r, trailer[:], end-int64(indexTrailer)) || string(trailer[8:]) != indexMagic {
		return 0, false
	}
	length := binary.LittleEndian.Uint64(trailer[:])
	return int64(length), length <= uint64(end) && length >= uint64(indexTrailer)
}

// ReadFullAt reads all of p, and reports whether it could.
func ReadFullAt(r io.ReaderAt, p []byte, offset int64) bool {
	if offset < 0 {
		return false
	}
	n, err := r.ReadAt(p, offset)
	return n == len(p) && (err == nil || err == io.EOF)
}

package fstree

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
)

// IndexVersion is part of the key of a stored index. It must change with AppendHeader and with the
// fields of Header.
const IndexVersion = "2"

// An index is the headers of an archive, one after another. A string is encoded as its length and
// its bytes, a number as a varint. JSON and other text encodings would replace bytes that are not
// UTF-8, which may occur in file names and capabilities.

// AppendHeader appends the encoding of h to b.
func AppendHeader(b []byte, h *Header) []byte {
	b = append(b, h.Type)
	b = appendString(b, h.Name)
	b = appendString(b, h.Link)
	for _, n := range h.numbers() {
		b = binary.AppendVarint(b, n)
	}
	b = binary.AppendUvarint(b, uint64(len(h.Xattrs)))
	for _, name := range slices.Sorted(maps.Keys(h.Xattrs)) {
		b = appendString(b, name)
		b = appendString(b, h.Xattrs[name])
	}
	return b
}

// numbers returns the numbers of h in the order of the encoding.
func (h *Header) numbers() [7]int64 {
	return [...]int64{h.Mode, int64(h.UID), int64(h.GID), h.Size, h.ModTime, h.Major, h.Minor}
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errBadIndex = errors.New("the index is damaged")

// ParseHeaders decodes an index. The strings of the headers share its memory.
func ParseHeaders(index string) ([]Header, error) {
	// A header of a usual layer takes some 60 bytes.
	headers := make([]Header, 0, len(index)/48)
	for p := (indexParser{rest: index}); p.rest != ""; {
		h := Header{Type: p.byte(), Name: p.string(), Link: p.string()}
		h.Mode, h.UID, h.GID, h.Size = p.varint(), int(p.varint()), int(p.varint()), p.varint()
		h.ModTime, h.Major, h.Minor = p.varint(), p.varint(), p.varint()
		for range p.count() {
			if h.Xattrs == nil {
				h.Xattrs = map[string]string{}
			}
			name := p.string()
			h.Xattrs[name] = p.string()
		}
		if p.failed {
			return nil, errBadIndex
		}
		headers = append(headers, h)
	}
	return headers, nil
}

// An indexParser takes values from the front of rest. After a failure all values
// are zero.
type indexParser struct {
	rest   string
	failed bool
}

func (p *indexParser) fail() {
	p.rest, p.failed = "", true
}

func (p *indexParser) byte() byte {
	if p.rest == "" {
		p.fail()
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b
}

func (p *indexParser) uvarint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := p.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	p.fail()
	return 0
}

func (p *indexParser) varint() int64 {
	n := p.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// count takes a number of bytes or items. Each item is at least one byte long, so a
// number greater than that of the bytes left is damage.
func (p *indexParser) count() int {
	n := p.uvarint()
	if n > uint64(len(p.rest)) {
		p.fail()
		return 0
	}
	return int(n)
}

func (p *indexParser) string() string {
	n := p.count()
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s
}

// An indexWriter writes the index of an archive.
type indexWriter struct {
	w      io.Writer
	buffer []byte
}

// newIndexWriter returns an indexWriter that writes to w.
func newIndexWriter(w io.Writer) *indexWriter { return &indexWriter{w: w} }

// write adds a header to the index.
func (i *indexWriter) write(h *Header) error {
	i.buffer = AppendHeader(i.buffer[:0], h)
	_, err := i.w.Write(i.buffer)
	return err
}

package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strconv"
)

// A Header describes an rpm package. Fields that the package does not have are empty.
type Header struct {
	Name, Version, Release string
	// Epoch is a number, or empty if the package has none.
	Epoch     string
	Arch      string
	SourceRPM string // a file name
	License   string
	Vendor    string
	Summary   string
	URL       string
	// Files are the paths of files and folders, relative to the root.
	Files []string
	// Payload is the compression of the files of a package file, such as zstd.
	Payload string
}

// Tags of entries (rpmtag.h).
const (
	tagName       = 1000
	tagVersion    = 1001
	tagRelease    = 1002
	tagEpoch      = 1003
	tagSummary    = 1004
	tagVendor     = 1011
	tagLicense    = 1014
	tagURL        = 1020
	tagArch       = 1022
	tagOldNames   = 1027
	tagSourceRPM  = 1044
	tagDirIndexes = 1116
	tagBaseNames  = 1117
	tagDirNames   = 1118
	tagCompressor = 1125
)

// Types of entries.
const (
	typeInt32       = 4
	typeString      = 6
	typeStringArray = 8
	typeI18NString  = 9
)

// Limits of a header: the number of entries, and the bytes of data. The limits of rpm itself are 65,535 and 256 MiB.
const (
	maxEntries = 1 << 16
	maxData    = 64 << 20
)

// entrySize is the size of an entry in bytes, introSize that of the two numbers before the entries.
const (
	entrySize = 16
	introSize = 8
)

// parseHeader parses a value of a database: the numbers of entries and of bytes of data, the entries, the data.
// It subtracts from limit what it keeps.
func parseHeader(blob []byte, limit *budget) (*Header, error) {
	if len(blob) < introSize {
		return nil, errors.New("the header is truncated")
	}
	entries, size := binary.BigEndian.Uint32(blob), binary.BigEndian.Uint32(blob[4:])
	if entries > maxEntries || size > maxData {
		return nil, fmt.Errorf("the header has %d entries and %d bytes, which is out of range", entries, size)
	}
	blob = blob[introSize:]
	if uint64(len(blob)) < uint64(entries)*entrySize+uint64(size) {
		return nil, errors.New("the header is truncated")
	}
	p := headerParser{data: blob[entries*entrySize:][:size], last: map[uint32]entry{}, budget: limit}
	for i := range entries {
		p.entry(blob[i*entrySize:])
	}
	h := p.header()
	if h.Name == "" || h.Version == "" {
		return nil, errors.New("the header has no name or version")
	}
	return h, nil
}

// maxText limits what is kept of all headers of a database, or of one package file, in bytes.
const maxText = 256 << 20

// A budget is the number of bytes that may still be kept. It is negative if something was left out.
type budget int64

func (b *budget) take(n int) bool {
	if *b >= 0 {
		*b -= budget(n)
	}
	return *b >= 0
}

// An entry is the count of the values of a tag, and the data from the first one on.
type entry struct {
	count uint32
	data  []byte
}

// A headerParser collects the entries of a header.
type headerParser struct {
	data []byte
	// last has the last entry of each tag, as in rpm. Only these are parsed: their data may overlap.
	last   map[uint32]entry
	budget *budget
}

// entry reads an entry. Entries that are out of range or of another type than their tag are left out.
func (p *headerParser) entry(e []byte) {
	tag, kind := binary.BigEndian.Uint32(e), binary.BigEndian.Uint32(e[4:])
	offset, count := binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint32(e[12:])
	if uint64(offset) >= uint64(len(p.data)) {
		return
	}
	data, ok := p.data[offset:], false
	switch tag {
	case tagBaseNames, tagDirNames, tagOldNames:
		ok = kind == typeStringArray
	case tagEpoch, tagDirIndexes:
		ok = kind == typeInt32 && count > 0 && uint64(count)*4 <= uint64(len(data))
	default:
		ok = kind == typeString || kind == typeI18NString
	}
	if ok {
		p.last[tag] = entry{count, data}
	}
}

// header returns the header, without what exceeds the budget.
func (p *headerParser) header() *Header {
	h := &Header{Name: p.text(tagName), Version: p.text(tagVersion), Release: p.text(tagRelease), Arch: p.text(tagArch),
		SourceRPM: p.text(tagSourceRPM), License: p.text(tagLicense), Vendor: p.text(tagVendor), Summary: p.text(tagSummary),
		URL: p.text(tagURL), Payload: p.text(tagCompressor)}
	if e, ok := p.last[tagEpoch]; ok {
		h.Epoch = strconv.FormatUint(uint64(binary.BigEndian.Uint32(e.data)), 10)
	}
	if p.budget.take(headerSize) {
		h.Files = p.files()
	}
	return h
}

// headerSize and nameSize are what a Header and a path need in memory beside their text, in bytes.
const (
	headerSize = 256
	nameSize   = 16
)

// text returns the text of a tag: that before the first zero.
func (p *headerParser) text(tag uint32) string {
	data := p.last[tag].data
	if i := bytes.IndexByte(data, 0); i >= 0 {
		data = data[:i]
	}
	if data = bytes.TrimSpace(data); !p.budget.take(len(data)) {
		return ""
	}
	return string(data)
}

// files returns the paths of the files: old packages have whole paths, others base names, names of folders, and for
// each file the index of its folder. The paths can be longer than the header, because files share the names of folders.
func (p *headerParser) files() (out []string) {
	add := func(dir, base []byte) bool {
		ok := p.budget.take(nameSize + len(dir) + len(base))
		if ok {
			out = append(out, path.Clean("/" + string(dir) + string(base))[1:])
		}
		return ok
	}
	for name := range p.last[tagOldNames].names() {
		if !add(nil, name) {
			return out
		}
	}
	var dirs [][]byte
	for dir := range p.last[tagDirNames].names() {
		if len(dirs) == maxDirs {
			break
		}
		dirs = append(dirs, dir)
	}
	indexes, i := p.last[tagDirIndexes], uint32(0)
	for base := range p.last[tagBaseNames].names() {
		if i == indexes.count {
			break
		}
		if index := binary.BigEndian.Uint32(indexes.data[i*4:]); uint64(index) < uint64(len(dirs)) && !add(dirs[index], base) {
			break
		}
		i++
	}
	return out
}

// maxDirs is the largest number of folders of one package.
const maxDirs = 1 << 20

// names returns the texts of an array, each of which ends with a zero.
func (e entry) names() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		data := e.data
		for range e.count {
			i := bytes.IndexByte(data, 0)
			if i < 0 || !yield(data[:i]) {
				return
			}
			data = data[i+1:]
		}
	}
}

// leadSize is the size of the obsolete lead at the start of a package file, in bytes.
const leadSize = 96

// leadMagic starts a package file, headerMagic each of its two headers.
var (
	leadMagic   = []byte{0xed, 0xab, 0xee, 0xdb}
	headerMagic = []byte{0x8e, 0xad, 0xe8, 1}
)

// IsPackage reports whether a file that begins with head is a package file.
func IsPackage(head []byte) bool { return bytes.HasPrefix(head, leadMagic) }

// ReadPackage reads the headers of a package file. r is then at the start of its payload, a compressed cpio archive.
func ReadPackage(r io.Reader) (*Header, error) {
	lead := make([]byte, leadSize)
	if _, err := io.ReadFull(r, lead); err != nil {
		return nil, err
	}
	if !IsPackage(lead) {
		return nil, fmt.Errorf("not an rpm: it starts with %x", lead[:4])
	}
	signature, err := readBlob(r)
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	// Only the first header is padded.
	if _, err := io.CopyN(io.Discard, r, int64(-len(signature)&7)); err != nil {
		return nil, err
	}
	blob, err := readBlob(r)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	limit := budget(maxText)
	return parseHeader(blob, &limit)
}

// readBlob reads a header of a package file without its magic number.
func readBlob(r io.Reader) ([]byte, error) {
	intro := make([]byte, 16)
	if _, err := io.ReadFull(r, intro); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(intro, headerMagic) {
		return nil, fmt.Errorf("not an rpm header: it starts with %x", intro[:4])
	}
	entries, size := binary.BigEndian.Uint32(intro[8:]), binary.BigEndian.Uint32(intro[12:])
	if entries > maxEntries || size > maxData {
		return nil, fmt.Errorf("it has %d entries and %d bytes, which is out of range", entries, size)
	}
	var blob bytes.Buffer
	blob.Write(intro[8:])
	want := int64(entries)*entrySize + int64(size)
	if n, err := io.CopyN(&blob, r, want); err != nil {
		return nil, fmt.Errorf("after %d of %d bytes: %w", n, want, err)
	}
	return blob.Bytes(), nil
}

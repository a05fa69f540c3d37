package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
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
func parseHeader(blob []byte) (*Header, error) {
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
	p := headerParser{data: blob[entries*entrySize:][:size]}
	for i := range entries {
		p.entry(blob[i*entrySize:])
	}
	h := &p.header
	if h.Name == "" || h.Version == "" {
		return nil, errors.New("the header has no name or version")
	}
	h.Files = p.files()
	return h, nil
}

// A headerParser collects the entries of a header.
type headerParser struct {
	header Header
	data   []byte
	// The names of files: base names, names of folders, and for each file the index of its folder. Old packages have
	// whole paths.
	bases, dirs, paths []string
	indexes            []uint32
}

// entry reads an entry. Entries that are out of range are left out.
func (p *headerParser) entry(e []byte) {
	tag, kind := binary.BigEndian.Uint32(e), binary.BigEndian.Uint32(e[4:])
	offset, count := binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint32(e[12:])
	if uint64(offset) >= uint64(len(p.data)) {
		return
	}
	data := p.data[offset:]
	switch kind {
	case typeString, typeI18NString:
		p.text(tag, cString(data))
	case typeStringArray:
		switch tag {
		case tagBaseNames:
			p.bases = cStrings(data, count)
		case tagDirNames:
			p.dirs = cStrings(data, count)
		case tagOldNames:
			p.paths = cStrings(data, count)
		}
	case typeInt32:
		if uint64(count)*4 > uint64(len(data)) || count == 0 {
			return
		}
		switch tag {
		case tagEpoch:
			p.header.Epoch = strconv.FormatUint(uint64(binary.BigEndian.Uint32(data)), 10)
		case tagDirIndexes:
			for i := range count {
				p.indexes = append(p.indexes, binary.BigEndian.Uint32(data[i*4:]))
			}
		}
	}
}

func (p *headerParser) text(tag uint32, s string) {
	h := &p.header
	switch tag {
	case tagName:
		h.Name = s
	case tagVersion:
		h.Version = s
	case tagRelease:
		h.Release = s
	case tagSummary:
		h.Summary = s
	case tagVendor:
		h.Vendor = s
	case tagLicense:
		h.License = s
	case tagURL:
		h.URL = s
	case tagArch:
		h.Arch = s
	case tagSourceRPM:
		h.SourceRPM = s
	case tagCompressor:
		h.Payload = s
	}
}

// files returns the paths of the files. The paths of a package can be longer than its header, because files share the
// names of folders. Paths beyond the limit are left out.
func (p *headerParser) files() []string {
	var out []string
	length := 0
	add := func(name string) {
		if length += len(name); length <= maxData {
			out = append(out, path.Clean("/" + name)[1:])
		}
	}
	for _, name := range p.paths {
		add(name)
	}
	for i, base := range p.bases {
		if i < len(p.indexes) && uint64(p.indexes[i]) < uint64(len(p.dirs)) {
			add(p.dirs[p.indexes[i]] + base)
		}
	}
	return out
}

// cString returns the text before the first zero.
func cString(data []byte) string {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		data = data[:i]
	}
	return strings.TrimSpace(string(data))
}

// cStrings returns up to count texts that end with zeros.
func cStrings(data []byte, count uint32) (out []string) {
	for range count {
		i := bytes.IndexByte(data, 0)
		if i < 0 {
			break
		}
		out = append(out, string(data[:i]))
		data = data[i+1:]
	}
	return out
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
	return parseHeader(blob)
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

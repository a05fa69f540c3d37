package zstd

import (
	"encoding/binary"
	"io"

	"github.com/cespare/xxhash/v2"
)

// A StoredWriter writes a frame whose blocks are not compressed, for content that is compressed already. The frame has a
// checksum, and a window of one block.
type StoredWriter struct {
	w     io.Writer
	left  int64  // bytes of content that were not written yet
	frame []byte // what was not passed to w yet; its last bytes are a block, from block on
	block int
	sum   *xxhash.Digest
}

const (
	blockHeaderSize = 3
	checksumSize    = 4
)

// StoredSize returns the size of the frame of a StoredWriter, in bytes.
func StoredSize(content int64) int64 {
	blocks := max((content+maxBlock-1)/maxBlock, 1)
	return int64(len(storedHeader(content))) + content + blocks*blockHeaderSize + checksumSize
}

func storedHeader(content int64) []byte {
	return appendHeader(nil, uint64(content), maxBlock, true)
}

// NewStoredWriter returns a writer of a frame with size bytes of content, at least one. The frame is complete when all of
// them were written.
func NewStoredWriter(w io.Writer, size int64) *StoredWriter {
	s := &StoredWriter{w: w, left: size, sum: xxhash.New()}
	s.frame = append(make([]byte, 0, maxBlock+32), storedHeader(size)...)
	s.begin()
	return s
}

// begin begins a block, whose header is not known yet.
func (s *StoredWriter) begin() {
	s.block = len(s.frame) + blockHeaderSize
	s.frame = s.frame[:s.block]
}

// Write writes content. The caller must not write more than the size of the content.
func (s *StoredWriter) Write(p []byte) (int, error) {
	s.sum.Write(p)
	s.left -= int64(len(p))
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxBlock-(len(s.frame)-s.block))
		s.frame, rest = append(s.frame, rest[:n]...), rest[n:]
		last := s.left == 0 && len(rest) == 0
		if len(s.frame)-s.block < maxBlock && !last {
			break
		}
		size := len(s.frame) - s.block
		appendBlockHeader(s.frame[:s.block-blockHeaderSize], rawBlock, size)
		if last {
			s.frame[s.block-blockHeaderSize] |= 1
			s.frame = binary.LittleEndian.AppendUint32(s.frame, uint32(s.sum.Sum64()))
		}
		if _, err := s.w.Write(s.frame); err != nil {
			return 0, err
		}
		s.frame = s.frame[:0]
		s.begin()
	}
	return len(p), nil
}

package catalog

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/slipway-build/slipway/internal/fileop"
)

// inMemory is the size of the largest file that is kept in memory for random access, in bytes. Most programs are
// smaller.
const inMemory = 32 << 20

// A spool keeps a copy of one file at a time for random access.
type spool struct {
	dir    string
	memory []byte
	file   *os.File
}

// fill reads size bytes of r, and returns a reader of them that is valid until the next call.
func (s *spool) fill(r io.Reader, size int64) (io.ReaderAt, error) {
	if size <= inMemory {
		if int64(cap(s.memory)) < size {
			s.memory = make([]byte, size)
		}
		s.memory = s.memory[:size]
		_, err := io.ReadFull(r, s.memory)
		return bytesAt(s.memory), err
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, ".slipway-sbom-*")
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	n, err := io.Copy(s.file, io.LimitReader(r, size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("copying %d bytes to %s: %w", size, s.file.Name(), err)
	}
	return io.NewSectionReader(s.file, 0, size), nil
}

// close removes the copy. fill can be called again.
func (s *spool) close() error {
	s.memory = nil
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return errors.Join(f.Close(), fileop.Remove(f.Name()))
}

// bytesAt is content in memory.
type bytesAt []byte

func (b bytesAt) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 || offset >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

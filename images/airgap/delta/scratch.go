package delta

import (
	"cmp"
	"io"
	"os"
	"slices"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/regular"
)

// A scratch is a temporary file beside the result, which is removed in the end. If the process is killed, it is removed when
// the result is written again.
type scratch struct {
	temp *atomicfile.File
	r    *os.File
}

// newScratch makes a scratch for the result final.
func newScratch(final string) (*scratch, error) {
	temp, err := atomicfile.Create(final, 0)
	if err != nil {
		return nil, err
	}
	r, err := regular.Open(temp.Path())
	if err != nil {
		temp.Discard()
		return nil, err
	}
	return &scratch{temp, r}, nil
}

func (s *scratch) close() {
	s.r.Close()
	s.temp.Discard()
}

// pieces is a file that consists of pieces of others.
type pieces struct {
	all  []piece
	size int64
}

// A piece is a part of a file.
type piece struct {
	at     int64 // in the pieces
	size   int64
	file   io.ReaderAt
	offset int64 // in the file
}

// add adds a piece. For of, all must be of one file, and in its order. Adjacent pieces become one, so that a layer of
// several segments is in one piece.
func (p *pieces) add(file io.ReaderAt, offset, size int64) {
	if size <= 0 {
		return
	}
	if n := len(p.all); n > 0 && p.all[n-1].file == file && p.all[n-1].offset+p.all[n-1].size == offset {
		p.all[n-1].size += size
		p.size += size
		return
	}
	p.all = append(p.all, piece{p.size, size, file, offset})
	p.size += size
}

// of returns where an offset of the file is in the pieces, if it is.
func (p *pieces) of(offset int64) (int64, bool) {
	i, found := slices.BinarySearchFunc(p.all, offset, func(a piece, offset int64) int { return cmp.Compare(a.offset, offset) })
	if !found {
		i--
	}
	if i < 0 || offset >= p.all[i].offset+p.all[i].size {
		return 0, false
	}
	return p.all[i].at + offset - p.all[i].offset, true
}

func (p *pieces) ReadAt(b []byte, at int64) (n int, err error) {
	i, found := slices.BinarySearchFunc(p.all, at, func(a piece, at int64) int { return cmp.Compare(a.at, at) })
	if !found {
		i--
	}
	for ; i >= 0 && i < len(p.all) && n < len(b); i++ {
		skip := at + int64(n) - p.all[i].at
		if skip < 0 || skip >= p.all[i].size {
			break
		}
		part := b[n:min(int64(len(b)), int64(n)+p.all[i].size-skip)]
		read, err := p.all[i].file.ReadAt(part, p.all[i].offset+skip)
		if n += read; read < len(part) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

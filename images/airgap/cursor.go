package airgap

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/streams"
)

// seek returns a cursor that can reach a file.
func (a *Archive) seek(m file) (*cursor, error) {
	if a.codec == format.Tar {
		return &cursor{r: io.NopCloser(io.NewSectionReader(a.file, m.Offset, a.size-m.Offset)), pos: m.Offset}, nil
	}
	begin, _, pos, err := a.runOf(m)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	best := -1
	for i, c := range a.cursors {
		if a.onTheWay(c, m, pos) && (best < 0 || c.pos > a.cursors[best].pos) {
			best = i
		}
	}
	if best >= 0 {
		c := a.cursors[best]
		a.cursors = append(a.cursors[:best], a.cursors[best+1:]...)
		a.mu.Unlock()
		return c, nil
	}
	a.mu.Unlock()
	return a.newCursor(begin, a.end(), pos)
}

// runOf returns the frame of a file, or all of an archive without an index: its compressed bytes, from begin
// to end, and its offset pos in the tar.
func (a *Archive) runOf(m file) (begin, end, pos int64, err error) {
	if a.index == nil {
		return 0, a.size, 0, nil
	}
	frames := a.index.Frames
	header := a.headerOf(m)
	i := sort.Search(len(frames), func(i int) bool { return frames[i].TarOffset+frames[i].TarSize > header })
	if i == len(frames) {
		return 0, 0, 0, io.ErrUnexpectedEOF
	}
	return frames[i].Offset, frames[i].Offset + frames[i].Size, frames[i].TarOffset, nil
}

// end returns the end of the last frame in the archive.
func (a *Archive) end() int64 {
	if a.index == nil || len(a.index.Frames) == 0 {
		return a.size
	}
	last := a.index.Frames[len(a.index.Frames)-1]
	return last.Offset + last.Size
}

// onTheWay reports whether c reaches a file with no more work than a new cursor at pos in the tar. c may be
// before the padding of the previous file.
func (a *Archive) onTheWay(c *cursor, m file, pos int64) bool {
	return c.pos > pos-format.BlockSize && c.pos <= a.headerOf(m)
}

// headerOf returns the offset in the tar of the last header block of a file. Without an index it returns the
// offset of the content, because the scanner has read the header.
func (a *Archive) headerOf(m file) int64 {
	if a.index == nil {
		return m.Offset
	}
	return m.Offset - format.BlockSize
}

// reach moves a cursor to pos in a file. If the archive has an index, the cursor must be before the file, and
// reach compares the header with the index.
func (a *Archive) reach(ctx context.Context, c *cursor, m file, pos int64) error {
	if a.index != nil && a.codec != format.Tar {
		if err := c.skip(ctx, a.headerOf(m)); err != nil {
			return err
		}
		var block [format.BlockSize]byte
		if _, err := io.ReadFull(c.r, block[:]); err != nil {
			return streams.NoEOF(err)
		}
		c.pos += format.BlockSize
		h, err := tar.NewReader(bytes.NewReader(block[:])).Next()
		// The size of a file over 8 GiB is in a PAX record, before this block.
		if err != nil || h.Name != m.Name || h.Typeflag != tar.TypeReg || h.Size != m.Size && m.Size < 1<<33 {
			return errors.New("the archive's index names a place where the file is not")
		}
	}
	return c.skip(ctx, pos)
}

// A cursor reads the tar from pos on.
type cursor struct {
	r   io.ReadCloser
	pos int64
}

// newCursor returns a cursor that decompresses the bytes of the archive from begin to end, which are those of
// the tar from pos on.
func (a *Archive) newCursor(begin, end, pos int64) (*cursor, error) {
	r, err := a.codec.Decompress(io.NewSectionReader(a.file, begin, end-begin))
	if err != nil {
		return nil, err
	}
	return &cursor{r: r, pos: pos}, nil
}

// skip moves the cursor forward to pos.
func (c *cursor) skip(ctx context.Context, pos int64) error {
	n, err := io.CopyN(io.Discard, streams.WithContext(ctx, c.r), pos-c.pos)
	c.pos += n
	return streams.NoEOF(err)
}

// maxCursors is the number of decompressors that are kept for later readers. Each has a window, of at most
// 32 MiB in archives that we write.
const maxCursors = 4

// A fileReader reads the rest of a file. It stores the context of open, for the reader that open returns.
type fileReader struct {
	archive *Archive
	cursor  *cursor
	ctx     context.Context
	name    string
	left    int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.cursor.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	r.cursor.pos += int64(n)
	if err == nil || n > 0 && r.left == 0 {
		return n, nil
	}
	return n, r.archive.wrap(fmt.Errorf("file %q: %w", r.name, streams.NoEOF(err)))
}

// Close keeps the decompressor for a reader of a later file.
func (r *fileReader) Close() error {
	a, c := r.archive, r.cursor
	if c == nil {
		return nil
	}
	r.cursor, r.left = nil, 0
	if a.codec == format.Tar {
		return c.r.Close()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cursors = append(a.cursors, c)
	if len(a.cursors) > maxCursors {
		oldest := a.cursors[0]
		a.cursors = a.cursors[1:]
		return oldest.r.Close()
	}
	return nil
}

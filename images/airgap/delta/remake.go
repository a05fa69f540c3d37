package delta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/delta/match"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/zstd"
)

const (
	// minMade is the number of bytes that must be missing from OLD before a run is made.
	minMade = 4 << 10
	// blockSize is the size of the blocks of a segment, in bytes of content. The last one is smaller.
	blockSize = 128 << 10
)

// A remaker finds runs of NEW that can be made of content.
type remaker struct {
	new    *layout
	copies []match.Run
	// runs are what it has found. Their From is an offset in content, of which entries are the files.
	runs    []madeRun
	content io.ReaderAt
	entries []format.Entry

	scratch  *scratch // decompressed frames of NEW
	size     int64    // of scratch
	encoder  runEncoder
	encoders []string
	unknown  map[byte]int // deflate streams that no encoder makes, by the operating system in their header
}

// missing returns how many bytes of a range of NEW are not copied.
func (m *remaker) missing(offset, size int64) int64 {
	return size - overlapping(m.copies, offset, size)
}

// overlapping returns how many bytes of a range of NEW are in runs.
func overlapping(runs []match.Run, offset, size int64) (n int64) {
	for _, c := range runs[firstAfter(runs, offset):] {
		if c.New >= offset+size {
			break
		}
		n += min(c.New+c.Size, offset+size) - max(c.New, offset)
	}
	return n
}

// firstAfter returns the index of the first run that ends after offset.
func firstAfter(runs []match.Run, offset int64) int {
	low, high := 0, len(runs)
	for low < high {
		if mid := (low + high) / 2; runs[mid].New+runs[mid].Size > offset {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// plain finds the changed files of a plain tar.
func (m *remaker) plain() {
	m.content, m.entries = m.new.file, m.new.entries
	for _, e := range m.new.entries {
		if m.missing(e.Offset, e.Size) >= minMade {
			m.runs = append(m.runs, madeRun{New: e.Offset, Size: e.Size, From: e.Offset, Content: e.Size, tar: e.Offset})
		}
	}
}

// compressed finds the changed segments and streams of frames that this program makes. final is the path of the delta.
func (m *remaker) compressed(ctx context.Context, final string) (err error) {
	if m.scratch, err = newScratch(final); err != nil {
		return err
	}
	m.content = m.scratch.r
	frames, size := m.changed(), int64(0)
	for _, f := range frames {
		size += f.TarSize
	}
	if err := growth(size, m.new.file.Size()); err != nil {
		return fmt.Errorf("decompressing %s: %w", m.new.file.Name, err)
	}
	for _, f := range frames {
		if err := m.frame(ctx, f.Span, f.entries); err != nil {
			return fmt.Errorf("decompressing byte %d of %s: %w", f.Offset, m.new.file.Name, err)
		}
	}
	return nil
}

// A changedFrame is a frame of NEW, with its files.
type changedFrame struct {
	format.Span
	entries []format.Entry
}

// changed returns the frames with files of which enough is missing from OLD.
func (m *remaker) changed() (all []changedFrame) {
	first := 0
	for _, frame := range m.new.frames {
		// Entries are in the order of the frames.
		for first < len(m.new.entries) && m.new.entries[first].Offset < frame.TarOffset {
			first++
		}
		last := first
		for last < len(m.new.entries) && m.new.entries[last].Offset < frame.TarOffset+frame.TarSize {
			last++
		}
		if last > first && m.missing(frame.Offset, frame.Size) >= minMade {
			all = append(all, changedFrame{frame, m.new.entries[first:last]})
		}
		first = last
	}
	return all
}

func (m *remaker) close() {
	if m.scratch != nil {
		m.scratch.close()
	}
}

// frame adds the changed segments or streams of one frame, if this program makes the same.
func (m *remaker) frame(ctx context.Context, frame format.Span, entries []format.Entry) error {
	w, err := m.scratch.temp.OpenAt(m.size)
	if err != nil {
		return err
	}
	err = decompress(ctx, w, m.new.codec, io.NewSectionReader(m.new.file, frame.Offset, frame.Size), frame.TarSize)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	var runs []madeRun
	if m.new.codec == format.Gzip {
		runs, err = m.streamsMade(ctx, frame)
	} else if runs, err = m.madeBy(ctx, segmentEncoders, m.segments(frame, entries)); err == nil && len(runs) == 0 {
		runs, err = m.madeBy(ctx, libraryEncoders, []madeRun{{New: frame.Offset, Size: frame.Size, From: m.size, Content: frame.TarSize, tar: frame.TarOffset}})
	}
	if err != nil || len(runs) == 0 {
		return err
	}
	m.runs = append(m.runs, runs...)
	for _, e := range entries {
		e.Offset += m.size - frame.TarOffset
		m.entries = append(m.entries, e)
	}
	m.size += frame.TarSize
	return nil
}

// madeBy returns runs of a frame with the first of some encoders that makes them, or nothing.
func (m *remaker) madeBy(ctx context.Context, encoders []string, runs []madeRun) ([]madeRun, error) {
	for _, encoder := range encoders {
		if same, err := m.made(ctx, encoder, runs...); err != nil {
			return nil, err
		} else if same {
			for i := range runs {
				runs[i].Encoder = m.number(encoder)
			}
			return runs, nil
		}
	}
	return nil, nil
}

// made reports whether an encoder makes runs of NEW.
func (m *remaker) made(ctx context.Context, encoder string, runs ...madeRun) (bool, error) {
	for _, run := range runs {
		same := &comparer{r: io.NewSectionReader(m.new.file, run.New, run.Size)}
		if err := m.encoder.write(ctx, same, m.content, encoder, run, make([]byte, 256<<10)); errors.Is(err, errOther) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

// number returns the number of an encoder in the recipe.
func (m *remaker) number(encoder string) int {
	i := slices.Index(m.encoders, encoder)
	if i < 0 {
		i = len(m.encoders)
		m.encoders = append(m.encoders, encoder)
	}
	return i + 1
}

// segments returns the changed segments of a frame, or nothing if its header and blocks are not those of this
// program.
func (m *remaker) segments(frame format.Span, entries []format.Entry) []madeRun {
	var (
		sizes []int64
		done  = frame.TarOffset
	)
	for _, e := range entries {
		end := e.Offset + e.Size + format.Padding(e.Size)
		sizes = append(sizes, end-done)
		done = end
	}
	all := format.Segments(sizes)
	header := zstd.AppendHeader(nil, uint64(frame.TarSize), len(all) == 1)
	got := make([]byte, len(header))
	if done != frame.TarOffset+frame.TarSize || !format.ReadFullAt(m.new.file, got, frame.Offset) || !bytes.Equal(got, header) {
		return nil
	}
	at := frame.Offset + int64(len(header))
	var runs []madeRun
	for _, s := range all {
		size, ok := m.blocks(at, frame.Offset+frame.Size, (s.Size+blockSize-1)/blockSize)
		if !ok {
			return nil
		}
		run := madeRun{New: at, Size: size, From: m.size + s.From, Content: s.Size, tar: frame.TarOffset + s.From}
		at += size
		changed := m.missing(run.New, run.Size) > 0
		switch n := len(runs); {
		case n == 0 && changed:
			run.Window = min(s.From, zstd.Window)
			runs = append(runs, run)
		case n > 0 && run.From-(runs[n-1].From+runs[n-1].Content) < zstd.Window:
			// Segments whose window has changed content have changed, or are made again to keep the window.
			run.Continued = true
			runs = append(runs, run)
		}
	}
	for n := len(runs); n > 0 && m.missing(runs[n-1].New, runs[n-1].Size) == 0; n-- {
		runs = runs[:n-1]
	}
	return runs
}

// blocks returns the size of a number of zstd blocks at an offset of NEW.
func (m *remaker) blocks(at, end, count int64) (size int64, ok bool) {
	var head [3]byte
	for range count {
		if !format.ReadFullAt(m.new.file, head[:], at+size) {
			return 0, false
		}
		h := int64(head[0]) | int64(head[1])<<8 | int64(head[2])<<16
		const last, kinds, rle = 1, 3, 1
		if h&last != 0 {
			return 0, false
		}
		if size += int64(len(head)); h>>1&kinds == rle {
			size++
		} else {
			size += h >> 3
		}
		if at+size > end {
			return 0, false
		}
	}
	return size, true
}

// A comparer is a writer that fails with errOther if the bytes are not those of r.
type comparer struct {
	r   io.Reader
	buf []byte
}

func (c *comparer) Write(b []byte) (int, error) {
	if len(c.buf) < len(b) {
		c.buf = make([]byte, len(b))
	}
	if _, err := io.ReadFull(c.r, c.buf[:len(b)]); err != nil {
		return 0, err
	}
	if !bytes.Equal(c.buf[:len(b)], b) {
		return 0, errOther
	}
	return len(b), nil
}

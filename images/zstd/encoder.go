package zstd

import (
	"errors"
	"io"
	"sync/atomic"
)

// slack is the number of bytes in the buffer of an encoder besides the window. The window moves
// after that many bytes.
const slack = 8 << 20

// An Encoder encodes segments. The encoding of a segment depends only on its content and
// on the content before it in the window: not on the sizes of the writes, nor on what
// the encoder has encoded before.
//
// It uses about 60 MB. Two goroutines work on a segment besides the one that writes. An Encoder
// must not be used by several goroutines at a time.
type Encoder struct {
	tables tables
	parser *parser
	writer blockWriter

	// hist is the window and the content after it. base is the position of its first
	// byte in the frame, modulo 2^32.
	hist []byte
	base uint32
	// hist[:done] has been parsed or was loaded.
	done int
	// The positions before farIndexed and nearIndexed are in the tables.
	farIndexed, nearIndexed int

	// These are of the segment that has begun:
	piece  piece       // the last piece, not yet complete
	pieces chan piece  // to searchPieces
	spare  chan []byte // empty buffers for pieces
	free   chan *block // blocks to fill
	full   chan *block // to encode
	ended  chan error
	failed atomic.Bool // a write has failed: the rest of the segment is dropped
}

// A piece is a part of the content that was written or loaded.
type piece struct {
	bytes  []byte
	loaded bool
}

// A block is a block of a segment on its way from the search to the parser.
type block struct {
	hist  []byte // the content before the block, and the block
	start int    // of the block in hist
	// near and far are the candidates for each byte of the block, see searchNear and
	// searchFar. matches is the number of candidates.
	near, far []uint32
	matches   int
	// At level Max, found has the near candidates in place of near: found[ends[i-1]:ends[i]] are
	// those for byte i.
	found []candidate
	ends  []uint32
}

const (
	// blocks is the number of blocks in the pipeline. One is searched and one is parsed. The others
	// compensate for varying times of these two.
	blocks = 4
	// pieces is the number of pieces in the pipeline, pieceSize the size of one in bytes.
	pieces    = 4
	pieceSize = 256 << 10
)

// NewEncoder returns an Encoder of a level at the beginning of a frame.
func NewEncoder(level Level) *Encoder {
	e := &Encoder{parser: newParser(level), hist: make([]byte, 0, Window+slack), free: make(chan *block, blocks), spare: make(chan []byte, pieces)}
	for range blocks {
		e.free <- &block{near: make([]uint32, maxBlock), far: make([]uint32, maxBlock)}
	}
	for range pieces {
		e.spare <- make([]byte, 0, pieceSize)
	}
	if level == Max {
		e.tables.rows = new(rowTable)
	}
	e.Reset()
	return e
}

// Reset begins another frame: the next segment has no content before it.
func (e *Encoder) Reset() {
	e.hist, e.base, e.done, e.farIndexed, e.nearIndexed = e.hist[:0], 0, 0, 0, 0
	e.tables.reset(e.base)
}

// Begin begins a segment, after the content that was loaded and written since Reset. The
// blocks of the segment are written to w. The caller must call End.
func (e *Encoder) Begin(w io.Writer) {
	e.parser.reset()
	e.writer.reset()
	e.failed.Store(false)
	e.piece = piece{bytes: <-e.spare}
	e.pieces, e.full, e.ended = make(chan piece, pieces), make(chan *block, blocks), make(chan error, 1)
	go e.searchPieces()
	go e.encode(w)
}

// Load primes the window with content of the frame that is not encoded here. Call it
// after Begin and before Write. Only the last Window bytes before a segment matter.
func (e *Encoder) Load(content []byte) { e.put(content, true) }

// Write adds content to the segment. End returns the reason of an error.
func (e *Encoder) Write(content []byte) (int, error) {
	e.put(content, false)
	if e.failed.Load() {
		return 0, errFailed
	}
	return len(content), nil
}

// errFailed ends the writing of a segment. End returns the reason.
var errFailed = errors.New("zstd: the segment could not be written")

// put appends content to the current piece, and sends complete pieces to searchPieces.
func (e *Encoder) put(content []byte, loaded bool) {
	for len(content) > 0 {
		if len(e.piece.bytes) == cap(e.piece.bytes) || loaded != e.piece.loaded {
			e.pieces <- e.piece
			e.piece = piece{<-e.spare, loaded}
		}
		n := min(len(content), cap(e.piece.bytes)-len(e.piece.bytes))
		e.piece.bytes = append(e.piece.bytes, content[:n]...)
		content = content[n:]
	}
}

// End ends the segment, also after an error. It returns after the last block was
// written, or with the error of the first write that failed.
func (e *Encoder) End() error {
	e.pieces <- e.piece
	close(e.pieces)
	return <-e.ended
}

// searchPieces makes blocks of written pieces, and adds loaded ones to the window.
func (e *Encoder) searchPieces() {
	for piece := range e.pieces {
		for rest := piece.bytes; len(rest) > 0 && !e.failed.Load(); {
			rest = rest[e.add(rest):]
			if piece.loaded {
				e.done = len(e.hist)
				e.indexFar()
				continue
			}
			for len(e.hist)-e.done >= maxBlock+ahead {
				e.search(e.done + maxBlock)
			}
		}
		e.spare <- piece.bytes[:0]
	}
	for e.done < len(e.hist) && !e.failed.Load() {
		e.search(min(e.done+maxBlock, len(e.hist)))
	}
	e.done = len(e.hist)
	close(e.full)
}

// add appends as much of content to hist as fits, and returns how many bytes.
func (e *Encoder) add(content []byte) int {
	e.makeRoom()
	n := min(len(content), cap(e.hist)-len(e.hist))
	e.hist = append(e.hist, content[:n]...)
	return n
}

// makeRoom moves the window to the front of hist if hist is full.
func (e *Encoder) makeRoom() {
	if len(e.hist) < cap(e.hist) {
		return
	}
	// Wait for the parser, which reads hist.
	var idle [blocks]*block
	for i := range idle {
		idle[i] = <-e.free
	}
	gone := e.done - Window
	e.hist = e.hist[:copy(e.hist, e.hist[gone:])]
	e.base += uint32(gone)
	e.done -= gone
	e.farIndexed = max(e.farIndexed-gone, 0)
	e.nearIndexed = max(e.nearIndexed-gone, 0)
	for _, b := range idle {
		e.free <- b
	}
}

// search sends the block hist[done:end] to the parser, with candidates. The last bytes of
// hist have none: their hashes need the bytes after them.
func (e *Encoder) search(end int) {
	b := <-e.free
	e.indexFar()
	e.indexNear()
	limit := min(end, len(e.hist)-ahead)
	size := end - e.done
	b.hist, b.start, b.matches = e.hist[:end], e.done, 0
	b.found, b.ends = b.found[:0], b.ends[:0]
	b.near, b.far = b.near[:size], b.far[:size]
	clear(b.near[max(limit-e.done, 0):])
	clear(b.far)
	for at := e.done; at < limit; at += searchStep {
		from, to := at-e.done, min(at+searchStep, limit)-e.done
		b.matches += e.tables.searchFar(e.hist, e.base, at, b.far[from:to])
		if e.tables.rows != nil {
			b.matches += e.tables.rows.search(e.hist, e.base, at, to-from, b)
			continue
		}
		b.matches += e.tables.searchNear(e.hist, e.base, at, b.near[from:to])
	}
	e.farIndexed, e.nearIndexed = max(limit, e.farIndexed), max(limit, e.nearIndexed)
	e.done = end
	e.full <- b
}

// indexFar adds the positions before the next block that are not in the far table yet:
// those of loaded content, and the last ones of the segment before, whose hashes need
// the bytes after them.
func (e *Encoder) indexFar() {
	e.tables.sweep(e.base + uint32(e.farIndexed))
	for end := min(e.done, len(e.hist)-ahead); e.farIndexed < end; {
		n := min(searchStep, end-e.farIndexed)
		e.tables.indexFar(e.hist, e.base, e.farIndexed, n)
		e.farIndexed += n
	}
}

// indexNear does the same for the near table, within its reach.
func (e *Encoder) indexNear() {
	e.nearIndexed = max(e.nearIndexed, e.done-nearReach)
	for end := min(e.done, len(e.hist)-ahead); e.nearIndexed < end; {
		n := min(searchStep, end-e.nearIndexed)
		if e.tables.rows != nil {
			e.tables.rows.index(e.hist, e.base, e.nearIndexed, n)
		} else {
			e.tables.searchNear(e.hist, e.base, e.nearIndexed, e.tables.picked[:n])
		}
		e.nearIndexed += n
	}
}

// encode parses the blocks from full and writes them to w.
func (e *Encoder) encode(w io.Writer) {
	var (
		out []byte
		err error
	)
	for b := range e.full {
		if err == nil {
			last := e.parser.reps
			e.parser.parse(b)
			var ok bool
			if out, ok = e.writer.append(out[:0], b.hist[b.start:], e.parser.literals, e.parser.sequences); !ok {
				e.parser.reps = last
			}
			if _, err = w.Write(out); err != nil {
				e.failed.Store(true)
			}
		}
		e.free <- b
	}
	e.ended <- err
}

package zstd

import (
	"errors"
	"io"
	"sync/atomic"
)

// Version changes with what any content becomes.
const Version = "1"

// slack is how much more than a window an encoder holds, in bytes: after so many,
// the window moves.
const slack = 8 << 20

// An Encoder encodes segments, which are runs of blocks. What a segment becomes
// depends on its content and on what is before it in the window, and on nothing
// else: not on how it came in pieces, nor on what else the encoder has encoded.
//
// It holds about 60 MB. Two goroutines work on a segment besides the one that
// writes. It must not be used by several at a time.
type Encoder struct {
	tables tables
	parser parser
	writer blockWriter

	// hist is the window and what was written since. base is the position of its
	// first byte in the frame, modulo 2^32.
	hist []byte
	base uint32
	// done is up to where in hist blocks went to the parser, or none are needed.
	done int
	// farListed and nearListed are up to where positions are in the tables.
	farIndexed, nearIndexed int

	// Of the segment that is open:
	piece  piece       // what came last, and is not handed on
	pieces chan piece  // on their way to the search
	spare  chan []byte // that may be filled
	free   chan *block // that may be filled
	full   chan *block // on their way to the parser
	ended  chan error
	failed atomic.Bool // writing has: what else comes is not looked at
}

// A piece is some of what was written, or loaded.
type piece struct {
	bytes  []byte
	loaded bool
}

// A block is a piece of a segment on its way from the search to the parser.
type block struct {
	hist  []byte // what is before it, then itself
	start int    // where in hist it begins
	// near and far are the candidates for each of its bytes, and matches how many
	// there are: see searchNear and searchFar.
	near, far []uint32
	matches   int
}

const (
	// blocks is how many blocks may be under way. One is searched and one parsed;
	// the others wait, since some take longer to search and some to parse.
	blocks = 4
	// pieces is how many pieces of what is written may be, and pieceSize how
	// large one is.
	pieces    = 4
	pieceSize = 256 << 10
)

// NewEncoder returns an encoder that has encoded nothing.
func NewEncoder() *Encoder {
	e := &Encoder{hist: make([]byte, 0, Window+slack), free: make(chan *block, blocks), spare: make(chan []byte, pieces)}
	for range blocks {
		e.free <- &block{near: make([]uint32, maxBlock), far: make([]uint32, maxBlock)}
	}
	for range pieces {
		e.spare <- make([]byte, 0, pieceSize)
	}
	e.Reset()
	return e
}

// Reset begins another frame: nothing is before the next segment.
func (e *Encoder) Reset() {
	e.hist, e.base, e.done, e.farIndexed, e.nearIndexed = e.hist[:0], 0, 0, 0, 0
	e.tables.reset(e.base)
}

// Begin begins a segment, whose blocks go to w. It follows what was loaded and
// encoded since Reset, and must be ended by End.
func (e *Encoder) Begin(w io.Writer) {
	e.parser.reset()
	e.writer.reset()
	e.failed.Store(false)
	e.piece = piece{bytes: <-e.spare}
	e.pieces, e.full, e.ended = make(chan piece, pieces), make(chan *block, blocks), make(chan error, 1)
	go e.searchPieces()
	go e.encode(w)
}

// Load has a segment that has begun, and of which nothing is written yet, follow
// content that is not encoded here. Only the last Window bytes before a segment
// matter.
func (e *Encoder) Load(content []byte) { e.put(content, true) }

// Write adds to the segment. What goes wrong with it, End returns.
func (e *Encoder) Write(content []byte) (int, error) {
	e.put(content, false)
	if e.failed.Load() {
		return 0, errFailed
	}
	return len(content), nil
}

// errFailed stops who writes; the reason comes with End.
var errFailed = errors.New("zstd: the segment could not be written")

// put collects pieces.
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

// End ends the segment, also after an error. When it returns, all blocks are
// written, or it says why not.
func (e *Encoder) End() error {
	e.pieces <- e.piece
	close(e.pieces)
	return <-e.ended
}

// searchPieces makes blocks of what is written, and the window of what is loaded.
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

// add adds what there is room for to hist, and says how much.
func (e *Encoder) add(content []byte) int {
	e.makeRoom()
	n := min(len(content), cap(e.hist)-len(e.hist))
	e.hist = append(e.hist, content[:n]...)
	return n
}

// makeRoom moves the window to the front when there is no room behind it.
func (e *Encoder) makeRoom() {
	if len(e.hist) < cap(e.hist) {
		return
	}
	// The parser still reads what is moved.
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

// search sends the block up to end to the parser, with candidates. Its last bytes
// have none if nothing follows them yet.
func (e *Encoder) search(end int) {
	b := <-e.free
	e.indexFar()
	e.indexNear()
	limit := min(end, len(e.hist)-ahead)
	size := end - e.done
	b.hist, b.start, b.matches = e.hist[:end], e.done, 0
	b.near, b.far = b.near[:size], b.far[:size]
	clear(b.near[max(limit-e.done, 0):])
	clear(b.far)
	for at := e.done; at < limit; at += searchStep {
		from, to := at-e.done, min(at+searchStep, limit)-e.done
		b.matches += e.tables.searchFar(e.hist, e.base, at, b.far[from:to])
		b.matches += e.tables.searchNear(e.hist, e.base, at, b.near[from:to])
	}
	e.farIndexed, e.nearIndexed = max(limit, e.farIndexed), max(limit, e.nearIndexed)
	e.done = end
	e.full <- b
}

// listFar lists the positions before a block that are not: those of loaded content,
// and the last ones of the segment before, which could not be looked up without
// what follows them.
func (e *Encoder) indexFar() {
	e.tables.sweep(e.base + uint32(e.farIndexed))
	for end := min(e.done, len(e.hist)-ahead); e.farIndexed < end; {
		n := min(searchStep, end-e.farIndexed)
		e.tables.indexFar(e.hist, e.base, e.farIndexed, n)
		e.farIndexed += n
	}
}

// listNear does the same for the near table, as far as that may lead.
func (e *Encoder) indexNear() {
	e.nearIndexed = max(e.nearIndexed, e.done-nearReach)
	for end := min(e.done, len(e.hist)-ahead); e.nearIndexed < end; {
		n := min(searchStep, end-e.nearIndexed)
		e.tables.searchNear(e.hist, e.base, e.nearIndexed, e.tables.picked[:n])
		e.nearIndexed += n
	}
}

// encode parses and writes blocks as they come.
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

package zstd

import "io"

// Version changes with what any content becomes.
const Version = "1"

// slack is how much more than a window an encoder holds, in bytes: after so many,
// the window moves.
const slack = 8 << 20

// An Encoder encodes segments, which are runs of blocks. What a segment becomes
// depends on its content and on what is before it in the window, and on nothing
// else: not on how it came in pieces, nor on what else the encoder has encoded.
//
// It holds about 60 MB. Two goroutines work on a segment, so that one encoder keeps
// two cores busy. It must not be used by several at a time.
type Encoder struct {
	tables tables
	parser parser
	writer blockWriter

	// hist is the window and what was written since. base is the position of its
	// first byte in the frame, modulo 2^32.
	hist []byte
	base uint32
	// done is up to where in hist blocks went to the parser, and listed up to
	// where positions are in the tables.
	done, listed int

	free  chan *block // that may be filled
	full  chan *block // on their way to the parser
	ended chan error
}

// A block is a piece of a segment on its way from the search to the parser.
type block struct {
	hist  []byte // what is before it, then itself
	start int    // where in hist it begins
	// near and far are the candidates for each of its bytes, and matches how many
	// there are: see searchNear and searchFar.
	near, far []uint32
	matches   int
	// err is that of writing blocks so far.
	err error
}

// blocks is how many blocks may be under way: one is searched, one parsed.
const blocks = 2

// NewEncoder returns an encoder that has encoded nothing.
func NewEncoder() *Encoder {
	e := &Encoder{hist: make([]byte, 0, Window+slack), free: make(chan *block, blocks)}
	for range blocks {
		e.free <- &block{near: make([]uint32, maxBlock), far: make([]uint32, maxBlock)}
	}
	e.tables.reset()
	return e
}

// Reset begins another frame: nothing is before the next segment.
func (e *Encoder) Reset() {
	e.hist, e.base, e.done, e.listed = e.hist[:0], 0, 0, 0
	e.tables.reset()
}

// Load has the next segment follow content that is not encoded here. Only the last
// Window bytes before a segment matter.
func (e *Encoder) Load(content []byte) {
	for len(content) > 0 {
		e.makeRoom()
		n := min(len(content), cap(e.hist)-len(e.hist))
		e.hist = append(e.hist, content[:n]...)
		e.done = len(e.hist)
		content = content[n:]
	}
}

// Begin begins a segment, whose blocks go to w. It follows what was loaded and
// encoded since Reset, and must be ended by End.
func (e *Encoder) Begin(w io.Writer) {
	e.parser.reset()
	e.writer.reset()
	for range blocks {
		b := <-e.free
		b.err = nil
		e.free <- b
	}
	e.full, e.ended = make(chan *block, blocks), make(chan error, 1)
	go e.encode(w, e.full, e.ended)
}

// Write adds to the segment. An error is that of writing an earlier block.
func (e *Encoder) Write(content []byte) (int, error) {
	written := 0
	for written < len(content) {
		e.makeRoom()
		n := min(len(content)-written, cap(e.hist)-len(e.hist))
		e.hist = append(e.hist, content[written:written+n]...)
		written += n
		for len(e.hist)-e.done >= maxBlock+ahead {
			if err := e.search(e.done + maxBlock); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// End ends the segment, also after an error. When it returns, all blocks are
// written, or it says why not.
func (e *Encoder) End() error {
	for e.done < len(e.hist) && e.search(min(e.done+maxBlock, len(e.hist))) == nil {
	}
	e.done = len(e.hist)
	close(e.full)
	return <-e.ended
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
	e.listed = max(e.listed-gone, 0)
	for _, b := range idle {
		e.free <- b
	}
}

// search sends the block up to end to the parser, with candidates. Its last bytes
// have none if nothing follows them yet.
func (e *Encoder) search(end int) error {
	b := <-e.free
	if b.err != nil {
		e.free <- b
		return b.err
	}
	e.tables.sweep(e.base + uint32(e.done))
	e.catchUp()
	limit := min(end, len(e.hist)-ahead)
	size := end - e.done
	b.hist, b.start, b.matches = e.hist[:end], e.done, 0
	b.near, b.far = b.near[:size], b.far[:size]
	clear(b.near[max(limit-e.done, 0):])
	clear(b.far)
	for e.listed < limit {
		n := min(searchStep, limit-e.listed)
		place := e.listed - b.start
		b.matches += e.tables.searchFar(e.hist, e.base, e.listed, n, b.far[place:place+n])
		b.matches += e.tables.searchNear(e.hist, e.base, e.listed, b.near[place:place+n])
		e.listed += n
	}
	e.done = end
	e.full <- b
	return nil
}

// catchUp lists the positions before a block that are not: those of loaded content,
// and the last ones of the segment before, which could not be looked up without
// what follows them.
func (e *Encoder) catchUp() {
	for e.listed < e.done {
		n := min(searchStep, e.done-e.listed, len(e.hist)-ahead-e.listed)
		if n <= 0 {
			return
		}
		e.tables.searchFar(e.hist, e.base, e.listed, n, nil)
		if e.done-e.listed <= nearReach+searchStep {
			e.tables.searchNear(e.hist, e.base, e.listed, e.tables.picked[:n])
		}
		e.listed += n
	}
}

// encode parses and writes blocks as they come.
func (e *Encoder) encode(w io.Writer, full <-chan *block, ended chan<- error) {
	var (
		out []byte
		err error
	)
	for b := range full {
		if err == nil {
			last := e.parser.last
			e.parser.parse(b)
			var ok bool
			if out, ok = e.writer.append(out[:0], b.hist[b.start:], e.parser.literals, e.parser.sequences); !ok {
				e.parser.last = last
			}
			_, err = w.Write(out)
		}
		b.err = err
		e.free <- b
	}
	ended <- err
}

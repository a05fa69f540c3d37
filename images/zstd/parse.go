package zstd

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Optimal parsing.
//
// Which matches are best depends on the content after them. The parser therefore looks
// for the shortest path through a graph: its nodes are the positions between bytes, its
// edges are literals and matches, and the length of an edge is its price in bits.
// forward visits the nodes in order and relaxes their edges, so that each node knows the
// best edge to it when it is visited. Where no edge leads past a node, backtrack turns
// the path to it into sequences.

const (
	// A match of sufficientLen bytes, or at level Max of longestEdge, is taken without a look at
	// others.
	sufficientLen = 40
	longestEdge   = 64
	// forward visits at most maxNodes nodes before backtrack, and at least minNodes if
	// the block has as many.
	maxNodes = 1024
	minNodes = 32
	// A block with less than one candidate for incompressibleRatio bytes is not parsed.
	incompressibleRatio = 1024
)

// A node is a position between two bytes, with the last edge of the best path to it.
type node struct {
	price int32 // of the path
	// offset is that of the match that ends here, as in a sequence; 0 if the edge is a
	// literal.
	offset   uint32
	matchLen int32 // of that match
	litLen   int32 // the number of literals at the end of the path
}

// repcodes are the last three distances, the most recent first; 0 is none.
type repcodes struct{ rep1, rep2, rep3 uint32 }

// An openMatch is a match that goes on beyond the node at which it was found.
type openMatch struct {
	distance int
	end      int // in hist
}

// A parser turns blocks into literals and sequences.
type parser struct {
	thorough   bool // at level Max: no edge is left out
	sufficient int  // the length of a match of sufficient length
	prices     prices
	reps       repcodes

	// These are of the block that is parsed:
	block     *block
	near, far openMatch // the last candidates whose end was looked for
	literals  []byte
	sequences []sequence

	// These are of the nodes since the last backtrack:
	first    int // the position of nodes[0] in hist
	reach    int // the last node that an edge leads to
	nodes    [maxNodes + longestEdge]node
	nodeReps [maxNodes + longestEdge]repcodes // of the visited nodes
	path     [maxNodes]sequence
}

func newParser(level Level) *parser {
	if level == Max {
		return &parser{thorough: true, sufficient: longestEdge}
	}
	return &parser{sufficient: sufficientLen}
}

// reset forgets all blocks: the next block can be decoded after any other.
func (p *parser) reset() {
	p.prices.reset()
	p.reps = repcodes{}
}

// parse finds the literals and sequences of a block.
func (p *parser) parse(b *block) {
	content := b.hist[b.start:]
	p.sequences, p.literals = p.sequences[:0], p.literals[:0]
	p.prices.set(content)
	if b.matches > len(content)/incompressibleRatio {
		p.search(b)
	}
	at := 0
	for _, s := range p.sequences {
		p.literals = append(p.literals, content[at:at+int(s.litLen)]...)
		at += int(s.litLen + s.matchLen)
	}
	p.literals = append(p.literals, content[at:]...)
	p.prices.learn(p.literals, p.sequences)
}

// search finds the sequences of a block.
func (p *parser) search(b *block) {
	p.block, p.near, p.far = b, openMatch{}, openMatch{}
	p.first = b.start
	p.nodes[0] = node{}
	for p.first < len(b.hist) {
		i, copied := p.forward()
		p.backtrack(i)
		p.first += i
		p.nodes[0] = node{litLen: p.nodes[i].litLen}
		if copied.matchLen > 0 {
			p.reps = p.reps.after(copied.offset, copied.litLen > 0)
			p.sequences = append(p.sequences, copied)
			p.first += int(copied.matchLen)
			p.nodes[0] = node{}
		}
	}
}

// forward visits nodes until it reaches one that no edge leads past, the limit of nodes,
// or a match of sufficient length. It returns that node, with its repcodes in reps, and
// the match, if there is one.
func (p *parser) forward() (i int, copied sequence) {
	rest := p.block.hist[p.first:]
	stop := min(maxNodes, len(rest))
	literals, more := &p.prices.literal, &p.prices.litLenDelta
	p.reach = 0
	for i = 0; i < stop && (i < p.reach || i <= minNodes); i++ {
		n, next := &p.nodes[i], &p.nodes[i+1]
		if i == p.reach {
			p.reach++
			next.price = math.MaxInt32
		}
		price := n.price + literals[rest[i]]
		if run := n.litLen + 1; int(run) < len(more) {
			price += more[run]
		}
		if price < next.price {
			*next = node{price: price, litLen: n.litLen + 1}
		} else if !p.thorough {
			// The next node has a better path, and matches that begin there are nearly
			// as good as those that begin here.
			continue
		}
		p.updateReps(i, n)
		if copied = p.relaxMatches(i, n); copied.matchLen > 0 {
			return i, copied
		}
	}
	p.updateReps(i, &p.nodes[i])
	return i, copied
}

// updateReps computes the repcodes at the node i, whose best path is known. After a
// literal, they are those of the node visited before.
func (p *parser) updateReps(i int, n *node) {
	if n.offset != 0 {
		from := i - int(n.matchLen)
		p.reps = p.nodeReps[from].after(n.offset, p.nodes[from].litLen > 0)
	}
	p.nodeReps[i] = p.reps
}

// backtrack appends the sequences of the best path to the node i.
func (p *parser) backtrack(i int) {
	k := len(p.path)
	for i -= min(i, int(p.nodes[i].litLen)); i > 0; {
		n := &p.nodes[i]
		i -= int(n.matchLen)
		literals := p.nodes[i].litLen
		k--
		p.path[k] = sequence{uint32(literals), uint32(n.matchLen), n.offset}
		i -= min(i, int(literals))
	}
	p.sequences = append(p.sequences, p.path[k:]...)
}

// after returns the repcodes after a sequence with this offset. literals reports whether the
// sequence has literals (RFC 8878, section 3.1.1.5).
func (r repcodes) after(offset uint32, literals bool) repcodes {
	if offset > 3 {
		return repcodes{offset - 3, r.rep1, r.rep2}
	}
	if !literals {
		offset++
	}
	switch offset {
	case 1:
		return r
	case 2:
		return repcodes{r.rep2, r.rep1, r.rep3}
	case 3:
		return repcodes{r.rep3, r.rep1, r.rep2}
	}
	return repcodes{r.rep1 - 1, r.rep1, r.rep2}
}

// matchLen returns the number of bytes from here on that are equal to those from there
// on. there is before here.
func matchLen(hist []byte, there, here int) int {
	n := 0
	for rest := hist[here:]; len(rest)-n >= 8; n += 8 {
		if differ := binary.LittleEndian.Uint64(rest[n:]) ^ binary.LittleEndian.Uint64(hist[there+n:]); differ != 0 {
			return n + bits.TrailingZeros64(differ)>>3
		}
	}
	for here+n < len(hist) && hist[there+n] == hist[here+n] {
		n++
	}
	return n
}

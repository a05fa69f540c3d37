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
	// A match of sufficientLen bytes is taken without a look at others.
	sufficientLen = 40
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
	prices prices
	reps   repcodes

	// These are of the block that is parsed:
	block     *block
	near, far openMatch // the last candidates whose end was looked for
	literals  []byte
	sequences []sequence

	// These are of the nodes since the last backtrack:
	first    int // the position of nodes[0] in hist
	reach    int // the last node that an edge leads to
	nodes    [maxNodes + sufficientLen]node
	nodeReps [maxNodes + sufficientLen]repcodes // of the visited nodes
	path     [maxNodes]sequence
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
		if price >= next.price {
			// The next node has a better path, and matches that begin there are nearly
			// as good as those that begin here.
			continue
		}
		*next = node{price: price, litLen: n.litLen + 1}
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

// relaxMatches relaxes the edges of matches from the node i: those of the three repcodes,
// and the near and the far candidate, each if it is longer than those before. It returns
// the first match of sufficient length.
func (p *parser) relaxMatches(i int, n *node) sequence {
	hist, at := p.block.hist, p.first+i
	if len(hist)-at < nearLen {
		return sequence{}
	}
	price := n.price + p.prices.noLiterals
	longest := minMatch - 1

	last := p.reps
	if n.litLen == 0 {
		last = repcodes{last.rep2, last.rep3, last.rep1 - 1}
	}
	word := binary.LittleEndian.Uint32(hist[at:])
	for offset := uint32(1); offset <= 3; offset++ {
		distance := last.rep1
		last = repcodes{last.rep2, last.rep3, last.rep1}
		// The first three bytes must be equal. A distance of 0, or to before the
		// beginning, is not valid.
		if uint(distance-1) >= uint(at) || (binary.LittleEndian.Uint32(hist[at-int(distance):])^word)<<8 != 0 {
			continue
		}
		if length := matchLen(hist, at-int(distance), at); length > longest {
			if length >= sufficientLen {
				return sequence{uint32(n.litLen), uint32(length), offset}
			}
			p.relax(i, length, longest, price+p.prices.offset[offset>>1], offset)
			longest = length
		}
	}

	place := at - p.block.start
	found := p.block.near[place]
	if length := int(found >> nearShift); length > longest && length >= nearLen {
		distance := int(found & nearMask)
		if length == 8 {
			if p.near.distance != distance || p.near.end <= at {
				p.near = openMatch{distance, at + matchLen(hist, at-distance, at)}
			}
			length = p.near.end - at
		}
		length = min(length, len(hist)-at)
		if length > longest {
			offset := uint32(distance + 3)
			if length >= sufficientLen {
				return sequence{uint32(n.litLen), uint32(length), offset}
			}
			p.relax(i, length, longest, price+p.prices.offset[offsetCode(offset)], offset)
			longest = length
		}
	}

	if distance := int(p.block.far[place]); distance != 0 && (distance != p.far.distance || p.far.end <= at) {
		if end := at + matchLen(hist, at-distance, at); end > p.far.end {
			p.far = openMatch{distance, end}
		}
	}
	if length := p.far.end - at; length > longest && length >= nearLen {
		offset := uint32(p.far.distance + 3)
		if length >= sufficientLen {
			return sequence{uint32(n.litLen), uint32(length), offset}
		}
		p.relax(i, length, longest, price+p.prices.offset[offsetCode(offset)], offset)
	}
	return sequence{}
}

// relax relaxes the edge of a match of this length from the node i, and those of its
// shorter forms, longer than shorter, while they are better than the paths known. price
// is that of the match without its length.
func (p *parser) relax(i, length, shorter int, price int32, offset uint32) {
	nodes, lengths := p.nodes[i:i+length+1], p.prices.matchLen[:length+1]
	l := length
	for ; l > max(shorter, p.reach-i); l-- {
		nodes[l] = node{price: price + lengths[l], offset: offset, matchLen: int32(l)}
	}
	for k := l; k > p.reach-i; k-- {
		nodes[k].price = math.MaxInt32
	}
	p.reach = max(p.reach, i+length)
	for ; l > shorter; l-- {
		total := price + lengths[l]
		if total < nodes[l].price {
			nodes[l] = node{price: total, offset: offset, matchLen: int32(l)}
		} else if l < length {
			break
		}
	}
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

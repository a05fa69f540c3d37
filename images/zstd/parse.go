package zstd

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// How a block is parsed.
//
// Which copies are best depends on what follows them. So the way through a block
// is searched like the shortest one through a graph: its nodes are the places
// between bytes, its edges literals and copies, which are as long as their price.
// When a node is left, all edges that lead to it are known, and it remembers the
// best. Where no edge leads past a node, all before it is settled.

const (
	// enough is how long a copy is that is taken as soon as it is found.
	sufficientLen = 40
	// maxSeries is how many nodes there are at most before one is settled, and
	// minSeries how many there should be.
	maxNodes = 1024
	minNodes = 32
	// barren is one match for how many bytes makes a block worth to be parsed.
	incompressibleRatio = 1024
)

// A node is a place between two bytes, and the end of the best way to it.
type node struct {
	price int32
	// offset is that of the copy that ends here, as in a sequence; 0 if a literal
	// does.
	offset   uint32
	matchLen int32 // of that copy
	litLen   int32 // how many literals came last
}

// repeated are the last three offsets, a being the last; 0 is none.
type repcodes struct{ rep1, rep2, rep3 uint32 }

// A run is a match that goes on beyond a node.
type openMatch struct {
	distance int
	end      int // in history
}

// A parser turns blocks into literals and sequences.
type parser struct {
	prices prices
	reps   repcodes

	// Of the block that is parsed:
	block     *block
	near, far openMatch // that were followed to their end
	literals  []byte
	sequences []sequence

	// Of the series of nodes that is not settled:
	first    int // where in history node 0 is
	reach    int // the last node that an edge leads to
	nodes    [maxNodes + sufficientLen]node
	nodeReps [maxNodes + sufficientLen]repcodes // of the nodes that were left
	path     [maxNodes]sequence
}

// reset forgets all blocks: the next one can be decoded after any other.
func (p *parser) reset() {
	p.prices.reset()
	p.reps = repcodes{}
}

// parse finds the sequences of a block, and puts the bytes that they leave into
// literals.
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

// search searches the way through a block, series by series.
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

// series goes from node to node until one is settled, whose last offsets are in last
// then. If a copy from there is to be taken, it is that too.
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
			// There is a better way to the next node, and copies that begin there
			// are nearly as good as those that begin here.
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

// know finds the last offsets at a node to which the best way is known. If that came
// by a literal, the node before was the last one that was left.
func (p *parser) updateReps(i int, n *node) {
	if n.offset != 0 {
		from := i - int(n.matchLen)
		p.reps = p.nodeReps[from].after(n.offset, p.nodes[from].litLen > 0)
	}
	p.nodeReps[i] = p.reps
}

// copies leaves a node by copies: by one from each of the last offsets, and the near
// and the far one that are longer. It returns the first that is long enough to be
// taken at once.
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
		// The first three bytes must be the same. 0, and what is before the
		// beginning, is no offset.
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

// relax leaves a node by a copy of a length, and of the lesser ones down to over
// shorter as long as they are better than what is known. price is without that of
// the length.
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

// settle appends the sequences of the best way to a node.
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

// after are the last offsets after a sequence with an offset, before whose copy
// there are literals or none (RFC 8878, section 3.1.1.5).
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

// matchLength is how many bytes from here on are the same as those from there on,
// which is before.
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

package zstd

import (
	"encoding/binary"
	"math"
)

// relaxMatches relaxes the edges of matches from the node i: those of the three repcodes,
// and of the near and the far candidates, each if it is longer than those before. It returns
// the first match of sufficient length.
func (p *parser) relaxMatches(i int, n *node) sequence {
	at := p.first + i
	if len(p.block.hist)-at < nearLen {
		return sequence{}
	}
	price := n.price + p.prices.noLiterals
	longest, copied := p.relaxReps(i, n, price)
	if copied.matchLen > 0 {
		return copied
	}
	if p.thorough {
		longest, copied = p.relaxFound(i, n, price, longest)
	} else {
		longest, copied = p.relaxNear(i, n, price, longest)
	}
	if copied.matchLen > 0 {
		return copied
	}

	hist := p.block.hist
	if distance := int(p.block.far[at-p.block.start]); distance != 0 && (distance != p.far.distance || p.far.end <= at) {
		if end := at + matchLen(hist, at-distance, at); end > p.far.end {
			p.far = openMatch{distance, end}
		}
	}
	if length := p.far.end - at; length > longest && length >= nearLen {
		return p.relaxCandidate(i, n, price, longest, p.far.distance, length)
	}
	return sequence{}
}

// relaxReps relaxes the edges of the repcodes. It returns the length of the longest match, and the
// first match of sufficient length.
func (p *parser) relaxReps(i int, n *node, price int32) (longest int, copied sequence) {
	hist, at := p.block.hist, p.first+i
	longest = minMatch - 1
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
			if length >= p.sufficient {
				return longest, sequence{uint32(n.litLen), uint32(length), offset}
			}
			p.relax(i, length, longest, price+p.prices.offset[offset>>1], offset)
			longest = length
		}
	}
	return longest, sequence{}
}

// relaxNear relaxes the edges of the near candidate.
func (p *parser) relaxNear(i int, n *node, price int32, longest int) (int, sequence) {
	hist, at := p.block.hist, p.first+i
	found := p.block.near[at-p.block.start]
	length := int(found >> nearShift)
	if length <= longest || length < nearLen {
		return longest, sequence{}
	}
	distance := int(found & nearMask)
	if length == 8 {
		if p.near.distance != distance || p.near.end <= at {
			p.near = openMatch{distance, at + matchLen(hist, at-distance, at)}
		}
		length = p.near.end - at
	}
	length = min(length, len(hist)-at)
	if length <= longest {
		return longest, sequence{}
	}
	return length, p.relaxCandidate(i, n, price, longest, distance, length)
}

// relaxFound relaxes the edges of the near candidates at level Max. Of each, the lengths count that
// those nearer by do not have.
func (p *parser) relaxFound(i int, n *node, price int32, longest int) (int, sequence) {
	hist, at := p.block.hist, p.first+i
	place := at - p.block.start
	if place >= len(p.block.ends) {
		return longest, sequence{}
	}
	from := uint32(0)
	if place > 0 {
		from = p.block.ends[place-1]
	}
	for _, c := range p.block.found[from:p.block.ends[place]] {
		length := int(c.length)
		if length <= longest {
			continue
		}
		if length == longestEdge {
			length = matchLen(hist, at-int(c.distance), at)
		}
		if copied := p.relaxCandidate(i, n, price, longest, int(c.distance), length); copied.matchLen > 0 {
			return length, copied
		}
		longest = length
	}
	return longest, sequence{}
}

// relaxCandidate relaxes the edges of a match, or returns it if its length is sufficient.
func (p *parser) relaxCandidate(i int, n *node, price int32, longest, distance, length int) sequence {
	offset := uint32(distance + 3)
	if length >= p.sufficient {
		return sequence{uint32(n.litLen), uint32(length), offset}
	}
	p.relax(i, length, longest, price+p.prices.offset[offsetCode(offset)], offset)
	return sequence{}
}

// relax relaxes the edge of a match of this length from the node i, and those of its
// shorter forms, longer than shorter, while they are better than the paths known, or all at
// level Max. price is that of the match without its length.
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
		} else if l < length && !p.thorough {
			break
		}
	}
}

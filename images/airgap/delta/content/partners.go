package content

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// partners finds partners among the members of OLD.
type partners struct {
	all    []member
	bySum  map[uint64]int32 // the first member with each beginning of a SHA-256
	byPath map[string][]int32
	hashes []hashed // in ascending order
}

// hashed says that a member has a hash in its sketch.
type hashed struct {
	hash   uint32
	member int32
}

const (
	// maxAlike is the maximum number of members that are looked at for one hash or path. It bounds the time for
	// layers whose files are all alike.
	maxAlike = 8
	// maxHashes is the maximum number of hashes of all members. It bounds the memory.
	maxHashes = 8 << 20
)

func newPartners(all []member) *partners {
	p := &partners{all: all, bySum: map[uint64]int32{}, byPath: map[string][]int32{}}
	for i := range all {
		m := &all[i]
		if _, ok := p.bySum[m.key()]; !ok {
			p.bySum[m.key()] = int32(i)
		}
		if m.path != "" && len(p.byPath[m.path]) < maxAlike {
			p.byPath[m.path] = append(p.byPath[m.path], int32(i))
		}
		for _, h := range m.sketch[:min(len(m.sketch), maxHashes-len(p.hashes))] {
			p.hashes = append(p.hashes, hashed{h, int32(i)})
		}
	}
	slices.SortFunc(p.hashes, func(a, b hashed) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.member, b.member))
	})
	return p
}

func (m *member) key() uint64 { return binary.LittleEndian.Uint64(m.sum[:]) }

// of returns the partner of a member of NEW, or nil, and whether they are equal.
func (p *partners) of(m *member) (_ *member, equal bool) {
	if i, ok := p.bySum[m.key()]; ok && p.all[i].sum == m.sum {
		return &p.all[i], true
	}
	votes := map[int32]int{}
	for _, h := range m.sketch {
		i, _ := slices.BinarySearchFunc(p.hashes, h, func(a hashed, h uint32) int { return cmp.Compare(a.hash, h) })
		for end := min(i+maxAlike, len(p.hashes)); i < end && p.hashes[i].hash == h; i++ {
			votes[p.hashes[i].member] += 8
		}
	}
	// The same path is worth as much as an eighth of the sketch.
	for _, i := range p.byPath[m.path] {
		votes[i] += max(len(m.sketch), 1)
	}
	best, most := int32(-1), 0
	for i, n := range votes {
		if n > most || n == most && i < best {
			best, most = i, n
		}
	}
	if best < 0 {
		return nil, false
	}
	return &p.all[best], false
}

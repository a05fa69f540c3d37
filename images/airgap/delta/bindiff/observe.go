package bindiff

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// resembling calls do with the pieces of NEW that resemble OLD, as they are coded, and with their adjust arguments.
func (p *patch) resembling(new []byte, do func(b []byte, from, shift int64)) {
	c := cursor{patch: p}
	for at := 0; at < len(new); at += blockSize {
		c.pieces(new[at:min(at+blockSize, len(new))], at, func(b []byte, from, shift int64) {
			if from != noneOfOld {
				do(b, from, shift)
			}
		})
	}
}

// misses returns how many bytes of NEW are not as expected.
func (p *patch) misses(new []byte) (count int) {
	expected := make([]byte, blockSize)
	p.resembling(new, func(b []byte, from, shift int64) {
		p.adjust(expected[:len(b)], from, shift)
		for i := range b {
			if b[i] != expected[i] {
				count++
			}
		}
	})
	return count
}

// farShifts returns the shifts of the addresses after the end of OLD that fit best.
func (p *patch) farShifts(new []byte) []farShift {
	const near = 64 // addresses that share a shift
	votes := map[farShift]int{}
	scratch := make([]byte, blockSize)
	p.resembling(new, func(b []byte, from, shift int64) {
		p.observe = func(field int, address, distance int64) {
			moved := int64(int32(binary.LittleEndian.Uint32(b[field:]))) - distance + shift
			if moved > -maxSize && moved < maxSize && len(votes) < 1<<20 {
				votes[farShift{address / near * near, moved}]++
			}
		}
		p.adjust(scratch[:len(b)], from, shift)
	})
	p.observe = nil
	best := map[int64]farShift{}
	for f, n := range votes {
		if b, ok := best[f.address]; !ok || n > votes[b] || n == votes[b] && f.shift < b.shift {
			best[f.address] = f
		}
	}
	var all []farShift
	for _, f := range best {
		if votes[f] > 1 {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b farShift) int { return cmp.Compare(a.address, b.address) })
	all = slices.CompactFunc(all, func(a, b farShift) bool { return a.shift == b.shift })
	return all[:min(len(all), maxFar)]
}

package bindiff

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// granule is the number of bytes of OLD that a mapping does not tell apart. Functions begin at multiples of it.
const granule = 16

// A mapping says where the bytes of OLD are in NEW, as far as the steps say it.
type mapping struct {
	shifts []int32 // by granule of OLD: how much further back they are in NEW, or unknown
	// far are shifts of addresses after the end of OLD, where programs have variables that files do not contain, in
	// ascending order. A shift counts from its address on.
	far []farShift
}

type farShift struct{ address, shift int64 }

const (
	unknown = math.MinInt32
	// farLimit is how many times as far as OLD has bytes an address after its end may be.
	farLimit = 8
	maxFar   = 1 << 12
)

func newMapping(size int, all []step) *mapping {
	m := &mapping{shifts: make([]int32, size/granule+1)}
	for i := range m.shifts {
		m.shifts[i] = unknown
	}
	type span struct{ from, to, shift int }
	spans, at := make([]span, 0, len(all)), 0
	for _, s := range all {
		if s.add >= granule {
			spans = append(spans, span{s.from, s.from + s.add, at - s.from})
		}
		at += s.add + s.extra
	}
	// Of two steps with the same bytes of OLD, the larger one counts.
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.to-a.from, b.to-b.from) })
	for _, s := range spans {
		for g := (s.from + granule - 1) / granule; g*granule < s.to; g++ {
			m.shifts[g] = int32(s.shift)
		}
	}
	return m
}

// of returns the shift of an address, or unknown.
func (m *mapping) of(address, size int64) int64 {
	switch {
	case address < 0:
		return unknown
	case address < size:
		return int64(m.shifts[address/granule])
	}
	i, ok := slices.BinarySearchFunc(m.far, address, func(f farShift, a int64) int { return cmp.Compare(f.address, a) })
	if !ok {
		i--
	}
	if i < 0 {
		return unknown
	}
	return m.far[i].shift
}

// An adjuster changes addresses in bytes of OLD to what they should be in NEW.
type adjuster struct {
	machine
	old     []byte
	mapping *mapping
	// observe, if set, is called for each relative field with an address after the end of OLD: where the field is in the
	// bytes that are adjusted, the address, and its distance.
	observe func(field int, address, distance int64)
}

// adjust writes to out the bytes of OLD at from, with the addresses that they should have in NEW, where they are
// shift bytes further back.
func (a *adjuster) adjust(out []byte, from, shift int64) {
	copy(out, a.old[from:from+int64(len(out))])
	switch a.kind {
	case x86:
		a.adjustX86(out, from, shift)
	case arm64:
		a.adjustARM64(out, from, shift)
	}
}

// adjustX86 adjusts the fields of 4 bytes that are relative to the next instruction, and aligned absolute addresses.
// It does not decode instructions: of the bytes that only look like such an instruction, few lead to an address
// in the file.
func (a *adjuster) adjustX86(out []byte, from, shift int64) {
	for i := 0; i+8 <= len(out); {
		if opcode := int(relativeX86[out[i]]); opcode > 0 && (opcode == 1 || out[i+1]&0xf0 == 0x80) && a.relative(out, i+opcode, from, shift) {
			i += opcode + 4
			continue
		}
		if (from+int64(i))%8 == 0 && a.absolute(out[i:]) {
			i += 8
			continue
		}
		i++
	}
}

// relativeX86 is how many bytes there are before a relative field, by the first of them, or 0. Two bytes are a jcc
// only if the second one is 0x80 to 0x8f.
var relativeX86 = func() (t [256]uint8) {
	t[0xe8], t[0xe9] = 1, 1 // call, jmp
	t[0x0f] = 2             // jcc
	for register := range 8 {
		t[0x05|register<<3] = 1 // ModRM: relative to the instruction pointer
	}
	return t
}()

// relative adjusts a relative field, unless it cannot be one.
func (a *adjuster) relative(out []byte, field int, from, shift int64) bool {
	if field+4 > len(out) {
		return false
	}
	distance := int64(int32(binary.LittleEndian.Uint32(out[field:])))
	address := from + int64(field) + 4 + distance
	if distance == 0 || address < 0 || address >= farLimit*int64(len(a.old)) {
		return false
	}
	if a.observe != nil && address >= int64(len(a.old)) {
		a.observe(field, address, distance)
	}
	moved := a.mapping.of(address, int64(len(a.old)))
	if moved == unknown {
		return false
	}
	binary.LittleEndian.PutUint32(out[field:], uint32(distance+moved-shift))
	return true
}

// absolute adjusts an absolute address of 8 bytes, unless it cannot be one.
func (a *adjuster) absolute(b []byte) bool {
	const nop = 0x1f0f // the beginning of a nop, which fills the space between functions
	word := binary.LittleEndian.Uint64(b)
	address := int64(word) - a.oldBase
	if address <= 0 || address >= int64(len(a.old)) || word&0xffff == nop {
		return false
	}
	moved := a.mapping.of(address, int64(len(a.old)))
	if moved == unknown {
		return false
	}
	binary.LittleEndian.PutUint64(b, uint64(address+moved+a.newBase))
	return true
}

// adjustARM64 adjusts B and BL, pairs of ADRP with the ADD, load or store after it, and aligned absolute addresses.
func (a *adjuster) adjustARM64(out []byte, from, shift int64) {
	for i := int(-from & 3); i+8 <= len(out); i += 4 {
		switch word := binary.LittleEndian.Uint32(out[i:]); {
		case word&0x7c000000 == 0x14000000: // B, BL: 26 bits, in words
			distance := int64(int32(word<<6)>>6) * 4
			address := from + int64(i) + distance
			if moved := a.mapping.of(address, int64(len(a.old))); moved != unknown && address < int64(len(a.old)) {
				word = word&^0x3ffffff | uint32((distance+moved-shift)/4)&0x3ffffff
				binary.LittleEndian.PutUint32(out[i:], word)
			}
		case word&0x9f000000 == 0x90000000: // ADRP: 21 bits, in pages
			if a.page(out[i:], from+int64(i), shift) {
				i += 4
			}
		case (from+int64(i))%8 == 0 && a.absolute(out[i:]):
			i += 4
		}
	}
}

// page adjusts an ADRP and the instruction after it.
func (a *adjuster) page(b []byte, at, shift int64) bool {
	adrp, next := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	scale := 0
	switch {
	case next&0xffc00000 == 0x91000000: // ADD, 64 bits
	case next&0x3b000000 == 0x39000000: // load and store, unsigned offset
		scale = int(next >> 30)
	default:
		return false
	}
	if next>>5&31 != adrp&31 {
		return false // another register
	}
	pages := int64(int32(adrp<<8)>>13)<<2 | int64(adrp>>29&3)
	pc := at + a.oldBase
	address := pc&^4095 + pages*4096 + int64(next>>10&4095)<<scale - a.oldBase
	moved := a.mapping.of(address, int64(len(a.old)))
	if address < 0 || address >= farLimit*int64(len(a.old)) || moved == unknown {
		return false
	}
	address += moved + a.newBase
	pc = at + shift + a.newBase
	pages = (address&^4095 - pc&^4095) >> 12
	binary.LittleEndian.PutUint32(b, adrp&0x9f00001f|uint32(pages&3)<<29|uint32(pages>>2&0x7ffff)<<5)
	binary.LittleEndian.PutUint32(b[4:], next&^(4095<<10)|uint32(address&4095>>scale)<<10)
	return true
}

package bindiff

import (
	"cmp"
	"math/bits"
)

// A codec codes a patch. Its methods both encode and decode: if its coder is a decoder, they return or fill in what
// was encoded, and ignore what they were given.
type codec struct {
	*coder
	numbers  [kinds][1 << 7]estimate
	mantissa [kinds][64][8]estimate
	equal    [1 << 8]estimate

	differences, literals *mixer

	runs     uint32 // of the last units: which differ
	differ   uint32 // of the last bytes: which differ
	last     [16]byte
	previous byte // the first byte of the last difference
	before   [4]byte
}

// The kinds of numbers in a patch.
const (
	numberMachine = iota
	numberBase
	numberCount
	numberFrom
	numberAdd
	numberExtra
	numberFar
	kinds
)

func newCodec(c *coder) *codec {
	x := &codec{coder: c, differences: newMixer(c), literals: newMixer(c)}
	fill := func(all []estimate) {
		for i := range all {
			all[i] = unlearned
		}
	}
	for i := range x.numbers {
		fill(x.numbers[i][:])
		for j := range x.mantissa[i] {
			fill(x.mantissa[i][j][:])
		}
	}
	fill(x.equal[:])
	return x
}

func (x *codec) learned(e *estimate, bit int) int {
	bit = x.code(bit, e.probability())
	e.learn(bit)
	return bit
}

// number codes a number: the number of its bits, the two bits below the highest one, and the rest.
func (x *codec) number(kind int, n uint64) uint64 {
	size := uint64(bits.Len64(n))
	node := uint64(1)
	for i := 6; i >= 0; i-- {
		node = node<<1 | uint64(x.learned(&x.numbers[kind][node], int(size>>i&1)))
	}
	size = min(node&0x7f, 64)
	if size <= 1 {
		return size
	}
	result, at := uint64(1), 1
	for i := int(size) - 2; i >= 0; i-- {
		bit := int(n >> i & 1)
		if at < 4 {
			bit = x.learned(&x.mantissa[kind][size-1][at], bit)
			at = at<<1 | bit
		} else {
			bit = x.code(bit, half)
		}
		result = result<<1 | uint64(bit)
	}
	return result
}

// signed codes a number that may be negative.
func (x *codec) signed(kind int, n int64) int64 {
	u := x.number(kind, uint64(n<<1^n>>63))
	return int64(u>>1) ^ -int64(u&1)
}

// unit is the number of bytes that are coded as one if they are as expected.
const unit = 8

// different codes new, which resembles the expected bytes. from is where OLD has them.
func (x *codec) different(new, expected []byte, from int64) {
	for i := 0; i < len(new); i += unit {
		end := min(i+unit, len(new))
		differs := 0
		if !x.decoding && string(new[i:end]) != string(expected[i:end]) {
			differs = 1
		}
		differs = x.learned(&x.equal[x.runs&0xff], differs)
		x.runs = x.runs<<1 | uint32(differs)
		if differs == 0 {
			copy(new[i:end], expected[i:end])
			x.differ, x.last = 0, [16]byte{}
			continue
		}
		for j := i; j < end; j++ {
			var before, after byte
			if j > 0 {
				before = expected[j-1]
			}
			if j+1 < len(expected) {
				after = expected[j+1]
			}
			new[j] = expected[j] + x.difference(new[j]-expected[j], before, expected[j], after, uint32(from+int64(j))&7)
		}
	}
}

// difference codes the difference of a byte from what is expected. before, here and after are the expected bytes,
// position where in 8 bytes it is.
func (x *codec) difference(d, before, here, after byte, position uint32) byte {
	m, last := x.differences, &x.last
	d1, d2, d3, d4, d8 := uint32(last[15]), uint32(last[14]), uint32(last[13]), uint32(last[12]), uint32(last[8])
	m.contexts = [inputs]uint32{
		hash(1, x.differ&0xff, position),
		hash(2, uint32(here)<<8|uint32(before), min(d1, 1)),
		hash(3, d4<<16|d8<<8|x.differ&0xf, position),
		hash(4, d1<<16|d2<<8|d3, 0),
		hash(6, uint32(after)<<8|uint32(here), d1),
		hash(7, d1<<8|uint32(x.previous), x.differ&3),
	}
	differs := 0
	if d != 0 {
		differs = 1
	}
	if m.flag(differs, 0, int(x.differ&15)) == 0 {
		d = 0
		x.differ <<= 1
	} else {
		// Tables have entries of 4 or 8 bytes, whose differences are often the same.
		guess := byte(cmp.Or(d8, d4, uint32(x.previous), 1))
		wrong := 0
		if d != guess {
			wrong = 1
		}
		if m.flag(wrong, 1, guessWeights+int(x.differ&15)) == 0 {
			d = guess
		} else {
			d = m.byte(d, byteWeights)
		}
		if x.differ <<= 1; x.differ&2 == 0 {
			x.previous = d
		}
		x.differ |= 1
	}
	copy(last[:], last[1:])
	last[15] = d
	return d
}

// Sets of weights of a difference. The first 16 are of whether there is one.
const (
	guessWeights = 16
	byteWeights  = 32
)

// literal codes bytes that resemble no others.
func (x *codec) literal(new []byte) {
	m := x.literals
	for i, b := range new {
		h := &x.before
		word := uint32(h[0]) | uint32(h[1])<<8 | uint32(h[2])<<16 | uint32(h[3])<<24
		m.contexts = [inputs]uint32{
			hash(0, 0, 0),
			hash(1, word&0xff, 0),
			hash(2, word&0xffff, 0),
			hash(3, word&0xffffff, 0),
			hash(4, word, 0),
			hash(6, word&0xf0f0f0f0, 0),
		}
		new[i] = m.byte(b, int(uint32(i)&3)<<8)
		copy(h[1:], h[:3])
		h[0] = new[i]
	}
}

package bindiff

import "cmp"

// A content codes bytes of NEW. An encoder reads them, and writes none: OLD may be in the same memory, where other lanes read.
type content struct {
	*coder
	equal       [1 << 8]estimate
	differences *mixer
	literals    *mixer // nil until there are extra bytes

	runs     uint32 // of the last units: which differ
	differ   uint32 // of the last bytes: which differ
	last     uint64 // the last 8 differences
	previous byte   // the first byte of the last difference
	before   [4]byte
}

func newContent(c *coder) *content {
	x := &content{coder: c, differences: newMixer(c)}
	unlearn(x.equal[:])
	return x
}

// unit is the number of bytes that are coded as one if they are as expected.
const unit = 8

// different codes new, which resembles the expected bytes. from is where OLD has them.
func (x *content) different(new, expected []byte, from int64) {
	for i := 0; i < len(new); i += unit {
		end := min(i+unit, len(new))
		differs := 0
		if !x.decoding && string(new[i:end]) != string(expected[i:end]) {
			differs = 1
		}
		differs = x.learned(&x.equal[x.runs&0xff], differs)
		x.runs = x.runs<<1 | uint32(differs)
		if differs == 0 {
			if x.decoding {
				copy(new[i:end], expected[i:end])
			}
			x.differ, x.last = 0, 0
			continue
		}
		for j := i; j < end; j++ {
			var before byte
			if j > 0 {
				before = expected[j-1]
			}
			d := x.difference(new[j]-expected[j], before, expected[j], uint32(from+int64(j))&7)
			if x.decoding {
				new[j] = expected[j] + d
			}
		}
	}
}

// difference codes the difference of a byte from what is expected. before and here are the expected bytes,
// position where in 8 bytes it is.
func (x *content) difference(d, before, here byte, position uint32) byte {
	m := x.differences
	d1, d4, d8 := uint32(x.last)&0xff, uint32(x.last>>24)&0xff, uint32(x.last>>56)
	m.contexts = [inputs]uint32{
		hash(2, uint32(here)<<8|uint32(before), min(d1, 1)),
		hash(3, d4<<16|d8<<8|x.differ&0xf, position),
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
	x.last = x.last<<8 | uint64(d)
	return d
}

// Sets of weights of a difference. The first 16 are of whether there is one.
const (
	guessWeights = 16
	byteWeights  = 32
)

// literal codes bytes that resemble no others.
func (x *content) literal(new []byte) {
	if x.literals == nil {
		x.literals = newMixer(x.coder)
	}
	m := x.literals
	for i, b := range new {
		h := &x.before
		word := uint32(h[0]) | uint32(h[1])<<8 | uint32(h[2])<<16 | uint32(h[3])<<24
		m.contexts = [inputs]uint32{
			hash(1, word&0xff, 0),
			hash(2, word&0xffff, 0),
			hash(3, word&0xffffff, 0),
		}
		b = m.byte(b, int(uint32(i)&3)<<8)
		if x.decoding {
			new[i] = b
		}
		copy(h[1:], h[:3])
		h[0] = b
	}
}

package bindiff

import "math/bits"

// A codec codes numbers. Its methods both encode and decode, as do those of a content: if its coder is a decoder, they
// return or fill in what was encoded, and ignore what they were given.
type codec struct {
	*coder
	numbers  [kinds][1 << 7]estimate
	mantissa [kinds][64][8]estimate
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
	numberLane
	kinds
)

func newCodec(c *coder) *codec {
	x := &codec{coder: c}
	for i := range x.numbers {
		unlearn(x.numbers[i][:])
		for j := range x.mantissa[i] {
			unlearn(x.mantissa[i][j][:])
		}
	}
	return x
}

func unlearn(all []estimate) {
	for i := range all {
		all[i] = unlearned
	}
}

// learned codes a bit with one estimate.
func (c *coder) learned(e *estimate, bit int) int {
	bit = c.code(bit, e.probability())
	*e = e.after(bit)
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

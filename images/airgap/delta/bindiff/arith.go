package bindiff

import (
	"encoding/binary"
	"errors"
)

// A coder codes bits: an encoder writes them, a decoder reads them. Both call the same code of this package with
// the same probabilities, which are those of a one, of 65536.
type coder interface {
	// code codes bit. A decoder ignores bit, and returns the one that was encoded.
	code(bit int, probability uint32) int
	// decodes reports whether the coder is a decoder.
	decodes() bool
}

// half is the probability of a bit that may be anything.
const half = 1 << 15

// An encoder is a binary arithmetic encoder without carries, as in Mahoney's lpaq.
type encoder struct {
	out       []byte
	low, high uint32
}

func newEncoder() *encoder { return &encoder{high: 1<<32 - 1} }

func (e *encoder) decodes() bool { return false }

func (e *encoder) code(bit int, probability uint32) int {
	mid := e.low + uint32(uint64(e.high-e.low)*uint64(probability)>>16)
	if bit != 0 {
		e.high = mid
	} else {
		e.low = mid + 1
	}
	for (e.low^e.high)>>24 == 0 {
		e.out = append(e.out, byte(e.high>>24))
		e.low <<= 8
		e.high = e.high<<8 | 255
	}
	return bit
}

// finish returns what was encoded.
func (e *encoder) finish() []byte {
	return binary.BigEndian.AppendUint32(e.out, e.low+(e.high-e.low)/2)
}

// A decoder decodes what an encoder encoded.
type decoder struct {
	in              []byte
	missing         int // number of bytes read after the end of in
	low, high, next uint32
}

func newDecoder(in []byte) *decoder {
	d := &decoder{in: in, high: 1<<32 - 1}
	for range 4 {
		d.shift()
	}
	return d
}

func (d *decoder) decodes() bool { return true }

func (d *decoder) shift() {
	d.next <<= 8
	if len(d.in) == 0 {
		d.missing++
		return
	}
	d.next |= uint32(d.in[0])
	d.in = d.in[1:]
}

func (d *decoder) code(_ int, probability uint32) int {
	mid := d.low + uint32(uint64(d.high-d.low)*uint64(probability)>>16)
	bit := 0
	if d.next <= mid {
		bit, d.high = 1, mid
	} else {
		d.low = mid + 1
	}
	for (d.low^d.high)>>24 == 0 {
		d.low <<= 8
		d.high = d.high<<8 | 255
		d.shift()
	}
	return bit
}

var errCut = errors.New("the patch is cut off")

// err returns an error if the input has ended too early. The decoder of a whole patch reads no byte after its end.
func (d *decoder) err() error {
	if d.missing > 0 {
		return errCut
	}
	return nil
}

package bindiff

import (
	"encoding/binary"
	"errors"
)

// A coder is a binary arithmetic coder without carries, as in Mahoney's lpaq. It either encodes bits or decodes them. An
// encoder and its decoder are called by the same code of this package with the same probabilities, which are those of a
// one, of 65536.
type coder struct {
	low, high uint32

	out []byte // of an encoder

	// Of a decoder:
	decoding bool
	in       []byte
	missing  int    // number of bytes read after the end of in
	next     uint32 // the 4 bytes before in
}

// half is the probability of a bit that may be anything.
const half = 1 << 15

func newEncoder() *coder { return &coder{high: 1<<32 - 1} }

// newDecoder returns a decoder of what an encoder encoded.
func newDecoder(in []byte) *coder {
	c := &coder{high: 1<<32 - 1, decoding: true, in: in}
	for range 4 {
		c.read()
	}
	return c
}

// code codes a bit. A decoder ignores bit, and returns the one that was encoded.
func (c *coder) code(bit int, probability uint32) int {
	mid := c.low + uint32(uint64(c.high-c.low)*uint64(probability)>>16)
	if c.decoding {
		bit = 0
		if c.next <= mid {
			bit = 1
		}
	}
	if bit != 0 {
		c.high = mid
	} else {
		c.low = mid + 1
	}
	if c.low^c.high < 1<<24 {
		c.shift()
	}
	return bit
}

// shift writes, or reads, the bytes that are decided.
func (c *coder) shift() {
	for c.low^c.high < 1<<24 {
		if c.decoding {
			c.read()
		} else {
			c.out = append(c.out, byte(c.high>>24))
		}
		c.low <<= 8
		c.high = c.high<<8 | 255
	}
}

// read reads the next byte of in.
func (c *coder) read() {
	c.next <<= 8
	if len(c.in) == 0 {
		c.missing++
		return
	}
	c.next |= uint32(c.in[0])
	c.in = c.in[1:]
}

// finish returns what was encoded.
func (c *coder) finish() []byte {
	return binary.BigEndian.AppendUint32(c.out, c.low+(c.high-c.low)/2)
}

var errCut = errors.New("the patch is cut off")

// ended returns an error if a decoder has not read all of its input, and no more.
func (c *coder) ended() error {
	if len(c.in) > 0 {
		return errLong
	}
	return c.err()
}

// err returns an error if the input of a decoder has ended too early. The decoder of a whole patch reads no byte after its
// end.
func (c *coder) err() error {
	if c.missing > 0 {
		return errCut
	}
	return nil
}

package zstd

import "encoding/binary"

// A bitWriter writes a bit stream, from the lowest bit of the first byte on (RFC 8878,
// section 4.1). Its buffer must be 8 bytes larger than the stream.
type bitWriter struct {
	buf []byte
	pos int    // of the next byte in buf
	acc uint64 // bits that are not in buf yet, the first one lowest
	n   uint   // the number of bits in acc
}

// add adds the n bits of v. acc must have room for them.
func (w *bitWriter) add(v uint64, n uint) {
	w.acc |= v << (w.n & 63)
	w.n += n
}

// flush writes the whole bytes of acc. At most 7 bits stay.
func (w *bitWriter) flush() {
	binary.LittleEndian.PutUint64(w.buf[w.pos:], w.acc)
	w.pos += int(w.n >> 3)
	w.acc >>= w.n &^ 7 & 63
	w.n &= 7
}

// bytes returns the stream, with zero bits up to a whole byte.
func (w *bitWriter) bytes() []byte {
	w.flush()
	if w.n > 0 {
		w.pos++
		w.acc, w.n = 0, 0
	}
	return w.buf[:w.pos]
}

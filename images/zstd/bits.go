package zstd

import "encoding/binary"

// A bitWriter writes numbers of some bits each, as RFC 8878 has them: from the
// lowest bit of the first byte on. Its buffer has 8 bytes more than are written.
type bitWriter struct {
	buf []byte
	pos int    // of the first byte that is not written
	acc uint64 // bits that wait, the first lowest
	n   uint   // how many
}

// add adds n bits, of which v has no more. With those that wait there may be 64.
func (w *bitWriter) add(v uint64, n uint) {
	w.acc |= v << (w.n & 63)
	w.n += n
}

// flush writes all whole bytes; no more than 7 bits wait then.
func (w *bitWriter) flush() {
	binary.LittleEndian.PutUint64(w.buf[w.pos:], w.acc)
	w.pos += int(w.n >> 3)
	w.acc >>= w.n &^ 7 & 63
	w.n &= 7
}

// bytes are what was written, with zeros up to a whole byte.
func (w *bitWriter) bytes() []byte {
	w.flush()
	if w.n > 0 {
		w.pos++
		w.acc, w.n = 0, 0
	}
	return w.buf[:w.pos]
}

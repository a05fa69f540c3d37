package zstd

import (
	"math/bits"

	"github.com/klauspost/compress/huff0"
)

// maxBlock is the largest content of a block in bytes (RFC 8878, section 3.1.1.2.4).
const maxBlock = 128 << 10

// Kinds of blocks and of literals (RFC 8878, sections 3.1.1.2.2 and 3.1.1.3.1.1).
const (
	rawBlock        = 0
	compressedBlock = 2

	rawLiterals        = 0
	rleLiterals        = 1
	compressedLiterals = 2
	treelessLiterals   = 3
)

// Kinds of codes, in the order of their tables in a block: lengths of literals, offsets,
// lengths of matches.
const (
	litLenKind = iota
	offsetKind
	matchLenKind
	kinds
)

// Modes of a table (RFC 8878, section 3.1.1.3.2.1).
const (
	predefinedMode = iota
	rleMode
	fseMode
	repeatMode
)

// predefinedTables are the tables that need no description (RFC 8878, section 3.1.1.3.2.2).
var predefinedTables = [kinds]*fseTable{
	litLenKind: newTable(6, 4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1),
	offsetKind: newTable(5, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1),
	matchLenKind: newTable(6, 1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1),
}

func newTable(log uint, states ...int16) *fseTable {
	t := &fseTable{log: log, n: len(states)}
	copy(t.norm[:], states)
	t.build()
	return t
}

// A blockWriter encodes the blocks of a segment.
type blockWriter struct {
	huffman huff0.Scratch
	// tables are the tables that the repeat mode refers to, where known is set.
	tables [kinds]fseTable
	known  [kinds]bool
	fresh  [kinds]fseTable // tables for the block that is encoded
	codes  [kinds][]uint8  // of the sequences of the block that is encoded
	bits   []byte
}

// reset drops the state of earlier blocks: the next block can be decoded after any other.
func (b *blockWriter) reset() {
	b.huffman.Reuse = huff0.ReusePolicyNone
	b.known = [kinds]bool{}
}

// append encodes one block, whose content is that of literals and sequences. If the
// encoding is no smaller than content, append writes a raw block and returns false; the
// caller must restore the repcodes of before the block.
func (b *blockWriter) append(out, content, literals []byte, sequences []sequence) (_ []byte, ok bool) {
	start := len(out)
	out = appendBlockHeader(out, compressedBlock, 0)
	header := len(out)
	out = b.appendLiterals(out, literals)
	out = b.appendSequences(out, sequences)
	if size := len(out) - header; size < len(content) {
		appendBlockHeader(out[:start], compressedBlock, size)
		return out, true
	}
	b.reset()
	out = appendBlockHeader(out[:start], rawBlock, len(content))
	return append(out, content...), false
}

func appendBlockHeader(out []byte, kind, size int) []byte {
	v := kind<<1 | size<<3
	return append(out, byte(v), byte(v>>8), byte(v>>16))
}

// appendLiterals encodes the literals section (RFC 8878, section 3.1.1.3.1).
func (b *blockWriter) appendLiterals(out, literals []byte) []byte {
	const (
		worthIt    = 32   // fewer literals are smaller without a table
		oneStream  = 1024 // from this number on, there are four streams
		small, mid = 1 << 10, 1 << 14
	)
	var (
		packed []byte
		again  bool
		err    = huff0.ErrIncompressible
		n      = len(literals)
	)
	switch {
	case n < worthIt:
	case n < oneStream:
		packed, again, err = huff0.Compress1X(literals, &b.huffman)
	default:
		packed, again, err = huff0.Compress4X(literals, &b.huffman)
	}
	switch {
	case err == huff0.ErrUseRLE:
		return append(appendPlainHeader(out, rleLiterals, n), literals[0])
	case err != nil:
		return append(appendPlainHeader(out, rawLiterals, n), literals...)
	}
	b.huffman.Reuse = huff0.ReusePolicyAllow
	v := uint64(compressedLiterals)
	if again {
		v = treelessLiterals
	}
	size := 0
	switch m := uint64(len(packed)); {
	case n < small && m < small:
		if n >= oneStream {
			v |= 1 << 2
		}
		v, size = v|uint64(n)<<4|m<<14, 3
	case n < mid && m < mid:
		v, size = v|2<<2|uint64(n)<<4|m<<18, 4
	default:
		v, size = v|3<<2|uint64(n)<<4|m<<22, 5
	}
	for range size {
		out = append(out, byte(v))
		v >>= 8
	}
	return append(out, packed...)
}

// appendPlainHeader appends the header of raw or RLE literals.
func appendPlainHeader(out []byte, kind, n int) []byte {
	switch {
	case n < 1<<5:
		return append(out, byte(kind|n<<3))
	case n < 1<<12:
		v := kind | 1<<2 | n<<4
		return append(out, byte(v), byte(v>>8))
	}
	v := kind | 3<<2 | n<<4
	return append(out, byte(v), byte(v>>8), byte(v>>16))
}

// appendSequences encodes the sequences section (RFC 8878, section 3.1.1.3.2).
func (b *blockWriter) appendSequences(out []byte, sequences []sequence) []byte {
	const long = 0x7f00
	n := len(sequences)
	switch {
	case n == 0:
		return append(out, 0)
	case n < 128:
		out = append(out, byte(n))
	case n < long:
		out = append(out, byte(n>>8+128), byte(n))
	default:
		out = append(out, 255, byte(n-long), byte((n-long)>>8))
	}
	var counts [kinds][maxCodes]uint32
	for kind := range b.codes {
		b.codes[kind] = b.codes[kind][:0]
	}
	for _, s := range sequences {
		l, o, m := litLenCode(s.litLen), offsetCode(s.offset), matchLenCode(s.matchLen-minMatch)
		counts[litLenKind][l]++
		counts[offsetKind][o]++
		counts[matchLenKind][m]++
		b.codes[litLenKind] = append(b.codes[litLenKind], l)
		b.codes[offsetKind] = append(b.codes[offsetKind], o)
		b.codes[matchLenKind] = append(b.codes[matchLenKind], m)
	}
	modes := len(out)
	out = append(out, 0)
	var tables [kinds]*fseTable
	for kind := range tables {
		var mode byte
		tables[kind], mode, out = b.chooseTable(kind, counts[kind][:], out)
		out[modes] |= mode << (6 - 2*kind)
	}
	return append(out, b.encodeSequences(sequences, tables)...)
}

// chooseTable returns the table with the least cost and its mode. It appends the
// description of the table to out if the mode needs one.
func (b *blockWriter) chooseTable(kind int, counts []uint32, out []byte) (*fseTable, byte, []byte) {
	codes := b.codes[kind]
	total := uint32(len(codes))
	fresh := &b.fresh[kind]
	if counts[codes[0]] == total {
		fresh.setRLE(codes[0])
		b.known[kind] = false
		return fresh, rleMode, append(out, codes[0])
	}
	fresh.normalize(counts, total, tableLog(kind, counts, total))
	described := fresh.appendTo(out)
	cost := fresh.cost(counts) + (len(described)-len(out))*8
	before := impossible
	if b.known[kind] {
		before = b.tables[kind].cost(counts)
	}
	switch usual := predefinedTables[kind].cost(counts); {
	case usual <= min(before, cost):
		b.known[kind] = false
		return predefinedTables[kind], predefinedMode, out
	case before <= cost:
		return &b.tables[kind], repeatMode, out
	}
	fresh.build()
	b.tables[kind], b.known[kind] = *fresh, true
	return &b.tables[kind], fseMode, described
}

// tableLog returns the accuracy log for a table. A larger table is nearer to the
// frequencies, and its description is longer.
func tableLog(kind int, counts []uint32, total uint32) uint {
	most := uint(maxTableLog)
	if kind == offsetKind {
		most = maxOffsetTableLog
	}
	used := 0
	for _, n := range counts {
		if n > 0 {
			used++
		}
	}
	// Each code needs a state, and rounding needs some more.
	least := max(minTableLog, uint(bits.Len(uint(used)))+1)
	return min(max(uint(max(bits.Len32(total-1), 2)-2), least), most)
}

// encodeSequences encodes the sequences with the tables, from the last to the first:
// decoders read the bits backwards.
func (b *blockWriter) encodeSequences(sequences []sequence, tables [kinds]*fseTable) []byte {
	// A sequence has at most 26 bits of states, 16 bits of each length and 31 bits of
	// the offset.
	if need := 12*len(sequences) + 32; len(b.bits) < need {
		b.bits = make([]byte, need)
	}
	w := bitWriter{buf: b.bits}
	literals, offsets, matches := tables[litLenKind], tables[offsetKind], tables[matchLenKind]
	i := len(sequences) - 1
	l, o, m := b.codes[litLenKind][i], b.codes[offsetKind][i], b.codes[matchLenKind][i]
	atLiterals, atOffsets, atMatches := literals.start(l), offsets.start(o), matches.start(m)
	for {
		s := &sequences[i]
		w.flush()
		w.add(uint64(s.litLen-litLenBase[l]), uint(litLenBits[l]))
		w.add(uint64(s.matchLen-minMatch-matchLenBase[m]), uint(matchLenBits[m]))
		w.flush()
		w.add(uint64(s.offset-1<<o), uint(o))
		w.flush()
		if i--; i < 0 {
			break
		}
		l, o, m = b.codes[litLenKind][i], b.codes[offsetKind][i], b.codes[matchLenKind][i]
		atOffsets = offsets.encode(&w, atOffsets, o)
		atMatches = matches.encode(&w, atMatches, m)
		atLiterals = literals.encode(&w, atLiterals, l)
	}
	matches.finish(&w, atMatches)
	offsets.finish(&w, atOffsets)
	literals.finish(&w, atLiterals)
	w.add(1, 1) // the padding bit, where decoders begin
	return w.bytes()
}

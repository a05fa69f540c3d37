package deflate

import (
	"encoding/binary"
	"io"
	"math/bits"
)

// maxSymbols is the number of symbols with which a block ends.
const maxSymbols = 1<<14 - 1

// A symbol is a literal, with a distance of 0, or a copy, whose value is its length less minMatch.
type symbol struct {
	distance uint16
	value    byte
}

// zlibBlocks writes the blocks of a stream (RFC 1951, section 3.2). It follows zlib's trees.c.
type zlibBlocks struct {
	w       io.Writer
	err     error
	out     []byte
	pending uint64 // bits that are not in out
	count   uint   // of these

	symbols           []symbol
	literals, offsets tree
}

func (b *zlibBlocks) init(w io.Writer) {
	b.w, b.symbols = w, make([]symbol, 0, maxSymbols)
	b.begin()
}

// begin begins a block.
func (b *zlibBlocks) begin() {
	b.symbols = b.symbols[:0]
	b.literals, b.offsets = tree{frequency: [codes]int{endOfBlock: 1}}, tree{}
}

// literal adds a byte, and reports whether the block is full.
func (b *zlibBlocks) literal(value byte) bool {
	b.symbols = append(b.symbols, symbol{value: value})
	b.literals.frequency[value]++
	return len(b.symbols) == maxSymbols
}

// copy adds a copy, and reports whether the block is full.
func (b *zlibBlocks) copy(length, distance int) bool {
	b.symbols = append(b.symbols, symbol{uint16(distance), byte(length - minMatch)})
	b.literals.frequency[lengthCode(length)]++
	b.offsets.frequency[distanceCode(distance)]++
	return len(b.symbols) == maxSymbols
}

// flush writes a block of size bytes in the form that is smallest. stored has the bytes, or is nil if they are not known.
func (b *zlibBlocks) flush(stored []byte, size int, last bool) {
	const storedBlock, staticTrees, dynamicTrees = 0, 1, 2
	b.literals.build(literalTree)
	b.offsets.build(distanceTree)
	lengths := b.codeLengths()
	lengths.build(lengthTree)
	sent := lengthCodes
	for sent > 4 && lengths.length[lengthOrder[sent-1]] == 0 {
		sent--
	}
	dynamic := (b.literals.size(literalTree, &b.literals) + b.offsets.size(distanceTree, &b.offsets) + lengths.size(lengthTree, &lengths) + 3*sent + 5 + 5 + 4 + 3 + 7) / 8
	static := (b.literals.size(literalTree, &staticLiterals) + b.offsets.size(distanceTree, &staticDistances) + 3 + 7) / 8
	head := uint64(0)
	if last {
		head = 1
	}
	switch {
	case size+4 <= min(static, dynamic) && stored != nil:
		b.bits(head|storedBlock<<1, 3)
		b.align()
		b.out = binary.LittleEndian.AppendUint16(b.out, uint16(size))
		b.out = binary.LittleEndian.AppendUint16(b.out, ^uint16(size))
		b.out = append(b.out, stored...)
	case static <= dynamic:
		b.bits(head|staticTrees<<1, 3)
		b.content(&staticLiterals, &staticDistances)
	default:
		b.bits(head|dynamicTrees<<1, 3)
		b.bits(uint64(b.literals.last+1-257), 5)
		b.bits(uint64(b.offsets.last+1-1), 5)
		b.bits(uint64(sent-4), 4)
		for _, code := range lengthOrder[:sent] {
			b.bits(uint64(lengths.length[code]), 3)
		}
		for _, t := range []*tree{&b.literals, &b.offsets} {
			t.runs(func(code, extra int) {
				b.code(&lengths, code)
				b.bits(uint64(extra), lengthTree.extraBits(code))
			})
		}
		b.content(&b.literals, &b.offsets)
	}
	b.begin()
	if last {
		b.align()
	}
	if b.err == nil {
		_, b.err = b.w.Write(b.out)
	}
	b.out = b.out[:0]
}

// codeLengths returns the tree of the lengths of the codes of both trees.
func (b *zlibBlocks) codeLengths() (t tree) {
	for _, of := range []*tree{&b.literals, &b.offsets} {
		of.runs(func(code, _ int) { t.frequency[code]++ })
	}
	return t
}

// content writes the symbols.
func (b *zlibBlocks) content(literals, offsets *tree) {
	for _, s := range b.symbols {
		if s.distance == 0 {
			b.code(literals, int(s.value))
			continue
		}
		length, distance := int(s.value)+minMatch, int(s.distance)
		code := lengthCode(length)
		b.code(literals, code)
		b.bits(uint64(length-lengthBase[code-firstLength]), literalTree.extraBits(code))
		code = distanceCode(distance)
		b.code(offsets, code)
		b.bits(uint64(distance-distanceBase[code]), distanceTree.extraBits(code))
	}
	b.code(literals, endOfBlock)
}

func (b *zlibBlocks) code(t *tree, code int) { b.bits(uint64(t.code[code]), t.length[code]) }

// bits writes count bits, the lowest one first.
func (b *zlibBlocks) bits(value uint64, count int) {
	b.pending |= value << b.count
	for b.count += uint(count); b.count >= 8; b.count -= 8 {
		b.out = append(b.out, byte(b.pending))
		b.pending >>= 8
	}
}

// align fills the last byte with zeros.
func (b *zlibBlocks) align() {
	if b.count > 0 {
		b.bits(0, int(8-b.count))
	}
}

// lengthBase and distanceBase are the smallest values of each code.
var (
	lengthBase = func() (t [29]int) {
		at := minMatch
		for i := range t {
			t[i] = at
			at += 1 << literalTree.extraBits(firstLength+i)
		}
		t[28] = maxMatch // which the code before it could express, too
		return t
	}()
	distanceBase = func() (t [30]int) {
		at := 1
		for i := range t {
			t[i] = at
			at += 1 << distanceTree.extraBits(i)
		}
		return t
	}()
)

// lengthCode returns the code of a length.
func lengthCode(length int) int {
	n := length - minMatch
	switch {
	case length == maxMatch:
		return firstLength + 28
	case n < 8:
		return firstLength + n
	}
	extra := bits.Len(uint(n)) - 3
	return firstLength + 4*extra + n>>extra
}

// distanceCode returns the code of a distance.
func distanceCode(distance int) int {
	n := distance - 1
	if n < 4 {
		return n
	}
	extra := bits.Len(uint(n)) - 2
	return 2*extra + n>>extra
}

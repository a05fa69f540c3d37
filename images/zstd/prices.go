package zstd

import (
	"math"
	"math/bits"
)

// bit is the price of one bit: prices are in 1/256 of a bit.
const bit = 1 << 8

// log2Table has the binary logarithms of 1 to 2 in steps of 1/256, as prices.
var log2Table = func() (table [257]uint16) {
	for i := range table {
		table[i] = uint16(math.Round(math.Log2(1+float64(i)/256) * bit))
	}
	return table
}()

// log2 returns the binary logarithm of n, at least 1, as a price.
func log2(n uint32) int {
	whole := bits.Len32(n) - 1
	return whole*bit + int(log2Table[(uint64(n)<<8>>whole)&255])
}

// prices are estimates of the bits of literals, lengths and offsets, from their
// frequencies in the blocks before.
type prices struct {
	literalCount  [256]uint32
	litLenCount   [litLenCodes]uint32
	matchLenCount [matchLenCodes]uint32
	offsetCount   [offsetCodes]uint32

	literal [256]int32
	// litLenDelta is the price of a number of literals less that of one literal fewer. It
	// is 0 from the end of the table on.
	litLenDelta [litLenSmall]int32
	matchLen    [longestEdge]int32 // of matches shorter than longestEdge
	offset      [offsetCodes]int32 // by code
	noLiterals  int32              // the price of 0 as a number of literals
}

// reset drops the frequencies of all blocks. The prices of the first block come from the predefined
// tables of the format.
func (p *prices) reset() {
	p.literalCount = [256]uint32{}
	for code := range p.litLenCount {
		p.litLenCount[code] = 16 * uint32(max(predefinedTables[litLenKind].norm[code], 1))
	}
	for code := range p.matchLenCount {
		p.matchLenCount[code] = 16 * uint32(max(predefinedTables[matchLenKind].norm[code], 1))
	}
	for code := range p.offsetCount {
		p.offsetCount[code] = 16
	}
}

// set computes the prices for a block.
func (p *prices) set(block []byte) {
	if sum(p.literalCount[:]) < 4096 {
		// There are too few literals in the blocks before.
		for _, b := range block {
			p.literalCount[b]++
		}
	}
	var litLens [litLenCodes]int32
	var matchLens [matchLenCodes]int32
	setPrices(p.literal[:], p.literalCount[:], 11*bit) // Huffman codes have at most 11 bits
	setPrices(litLens[:], p.litLenCount[:], 10*bit)
	setPrices(matchLens[:], p.matchLenCount[:], 10*bit)
	setPrices(p.offset[:], p.offsetCount[:], 9*bit)
	for code := range p.offset {
		p.offset[code] += int32(code) * bit
	}
	litLen := func(n int) int32 {
		code := litLenCode(uint32(n))
		return litLens[code] + int32(litLenBits[code])*bit
	}
	p.noLiterals = litLen(0)
	for n := 1; n < len(p.litLenDelta); n++ {
		p.litLenDelta[n] = litLen(n) - litLen(n-1)
	}
	for n := minMatch; n < len(p.matchLen); n++ {
		code := matchLenCode(uint32(n - minMatch))
		p.matchLen[n] = matchLens[code] + int32(matchLenBits[code])*bit
	}
}

func setPrices(price []int32, counts []uint32, most int32) {
	all := int32(log2(sum(counts) + 1))
	for i, count := range counts {
		if count == 0 {
			price[i] = min(all, most) + bit/2
			continue
		}
		price[i] = min(all-int32(log2(count)), most)
	}
}

// learn adds the literals and sequences of a block to the frequencies. Those of the
// blocks before count half as much from now on.
func (p *prices) learn(literals []byte, sequences []sequence) {
	for _, counts := range [][]uint32{p.literalCount[:], p.litLenCount[:], p.matchLenCount[:], p.offsetCount[:]} {
		for i, n := range counts {
			counts[i] = (n + 1) / 2
		}
	}
	for _, b := range literals {
		p.literalCount[b] += 2
	}
	for _, s := range sequences {
		p.litLenCount[litLenCode(s.litLen)] += 2
		p.matchLenCount[matchLenCode(s.matchLen-minMatch)] += 2
		p.offsetCount[offsetCode(s.offset)] += 2
	}
}

func sum(counts []uint32) (n uint32) {
	for _, c := range counts {
		n += c
	}
	return n
}

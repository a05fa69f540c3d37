package zstd

import (
	"math"
	"math/bits"
)

// bit is the price of a bit: prices are in 1/256.
const bit = 1 << 8

// log2Table are the logarithms of 1 to 2 in steps of 1/256, as prices.
var log2Table = func() (table [257]uint16) {
	for i := range table {
		table[i] = uint16(math.Round(math.Log2(1+float64(i)/256) * bit))
	}
	return table
}()

// log2 is the price of one of n things that are equally likely. n is at least 1.
func log2(n uint32) int {
	whole := bits.Len32(n) - 1
	return whole*bit + int(log2Table[(uint64(n)<<8>>whole)&255])
}

// prices are what things cost, going by how often they came in the blocks before.
type prices struct {
	literalCount  [256]uint32
	litLenCount   [litLenCodes]uint32
	matchLenCount [matchLenCodes]uint32
	offsetCount   [offsetCodes]uint32

	literal [256]int32
	// more is what a number of literals costs more than one less; no more from
	// the end of the table on.
	litLenDelta [litLenSmall]int32
	matchLen    [sufficientLen]int32 // of copies that are shorter than enough
	offset      [offsetCodes]int32   // by code
	noLiterals  int32                // of no literals
}

// reset forgets all blocks. The first one's prices are the format's own idea of
// what is likely.
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

// set sets the prices for a block.
func (p *prices) set(block []byte) {
	if sum(p.literalCount[:]) < 4096 {
		// Nothing is known of literals yet.
		for _, b := range block {
			p.literalCount[b]++
		}
	}
	var runs [litLenCodes]int32
	var matches [matchLenCodes]int32
	setPrices(p.literal[:], p.literalCount[:], 11*bit) // Huffman codes have at most 11 bits
	setPrices(runs[:], p.litLenCount[:], 10*bit)
	setPrices(matches[:], p.matchLenCount[:], 10*bit)
	setPrices(p.offset[:], p.offsetCount[:], 9*bit)
	for code := range p.offset {
		p.offset[code] += int32(code) * bit
	}
	run := func(n int) int32 {
		code := litLenCode(uint32(n))
		return runs[code] + int32(litLenBits[code])*bit
	}
	p.noLiterals = run(0)
	for n := 1; n < len(p.litLenDelta); n++ {
		p.litLenDelta[n] = run(n) - run(n-1)
	}
	for n := minMatch; n < len(p.matchLen); n++ {
		code := matchLenCode(uint32(n - minMatch))
		p.matchLen[n] = matches[code] + int32(matchLenBits[code])*bit
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

// learn adds what a block has come to. What came before counts half as much.
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

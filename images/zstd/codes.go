package zstd

import "math/bits"

// A sequence is some literals, then a copy of earlier bytes (RFC 8878, section
// 3.1.1.3.2).
type sequence struct {
	litLen   uint32 // how many
	matchLen uint32 // of the copy in bytes, at least minMatch
	offset   uint32 // 1 to 3 for one of the last offsets, else how far back, plus 3
}

// minMatch is the least that a sequence copies.
const minMatch = 3

// Each number of a sequence is written as a code, which has a probability, and
// some bits as they are.
const (
	litLenCodes   = 36 // of the number of literals
	matchLenCodes = 53 // of the length of a copy, less minMatch
	offsetCodes   = 32 // of the offset: how many bits follow
)

// literalBits and matchBits are how many bits follow a code (RFC 8878, tables 15
// and 16).
var (
	litLenBits   = [litLenCodes]uint8{16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	matchLenBits = [matchLenCodes]uint8{32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
)

// literalFirst and matchFirst are the first number that has each code.
var (
	litLenBase   = baselines(litLenBits[:])
	matchLenBase = baselines(matchLenBits[:])
)

func baselines(bits []uint8) []uint32 {
	first := make([]uint32, len(bits))
	for c := 1; c < len(bits); c++ {
		first[c] = first[c-1] + 1<<bits[c-1]
	}
	return first
}

// From these numbers on, codes follow from how many bits a number has.
const (
	litLenSmall   = 64
	matchLenSmall = 128
)

// smallLiterals and smallMatches are the codes of smaller numbers.
var (
	smallLitLenCodes   = codesBelow(litLenSmall, litLenBase)
	smallMatchLenCodes = codesBelow(matchLenSmall, matchLenBase)
)

func codesBelow(n int, first []uint32) []uint8 {
	codes := make([]uint8, n)
	code := 0
	for i := range codes {
		if first[code+1] == uint32(i) {
			code++
		}
		codes[i] = uint8(code)
	}
	return codes
}

func litLenCode(n uint32) uint8 {
	if n < litLenSmall {
		return smallLitLenCodes[n]
	}
	return uint8(bits.Len32(n)) + 18
}

// matchCode is the code of a copy's length, less minMatch.
func matchLenCode(n uint32) uint8 {
	if n < matchLenSmall {
		return smallMatchLenCodes[n]
	}
	return uint8(bits.Len32(n)) + 35
}

func offsetCode(n uint32) uint8 { return uint8(bits.Len32(n)) - 1 }

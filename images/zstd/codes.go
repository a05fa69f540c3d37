package zstd

import "math/bits"

// A sequence is a number of literals and a match after them (RFC 8878, section
// 3.1.1.3.2).
type sequence struct {
	litLen   uint32 // the number of literals
	matchLen uint32 // the length of the match in bytes, at least minMatch
	offset   uint32 // the Offset_Value: 1 to 3 for a repcode, else the distance plus 3
}

// minMatch is the length of the shortest match.
const minMatch = 3

// A number of a sequence is encoded as a code and some extra bits: the code selects the
// baseline and the number of extra bits.
const (
	litLenCodes   = 36 // of the number of literals
	matchLenCodes = 53 // of the length of a match, less minMatch
	offsetCodes   = 32 // of the offset: the code is the number of extra bits
)

// litLenBits and matchLenBits are the numbers of extra bits of codes (RFC 8878, tables 15
// and 16).
var (
	litLenBits   = [litLenCodes]uint8{16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	matchLenBits = [matchLenCodes]uint8{32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
)

// litLenBase and matchLenBase are the baselines of codes.
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

// From these numbers on, the code follows from the number of bits.
const (
	litLenSmall   = 64
	matchLenSmall = 128
)

// smallLitLenCodes and smallMatchLenCodes are the codes of smaller numbers.
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

// litLenCode returns the code of a number of literals.
func litLenCode(n uint32) uint8 {
	if n < litLenSmall {
		return smallLitLenCodes[n]
	}
	return uint8(bits.Len32(n)) + 18
}

// matchLenCode returns the code of the length of a match, less minMatch.
func matchLenCode(n uint32) uint8 {
	if n < matchLenSmall {
		return smallMatchLenCodes[n]
	}
	return uint8(bits.Len32(n)) + 35
}

func offsetCode(n uint32) uint8 { return uint8(bits.Len32(n)) - 1 }

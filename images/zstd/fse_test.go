package zstd

import (
	"math/rand/v2"
	"testing"
)

// randomCounts returns random frequencies of codes.
func randomCounts(r *rand.Rand) (counts []uint32, total uint32) {
	counts = make([]uint32, 2+r.IntN(maxCodes-1))
	for i := range counts {
		if r.IntN(4) > 0 {
			counts[i] = uint32(1 << r.IntN(16) >> r.IntN(8))
		}
	}
	counts[0]++
	counts[len(counts)-1]++
	for _, n := range counts {
		total += n
	}
	return counts, total
}

func TestTablesGiveAllTheirStates(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		counts, total := randomCounts(r)
		kind := r.IntN(kinds)
		var table fseTable
		table.normalize(counts, total, tableLog(kind, counts, total))
		given := 0
		for code, n := range table.norm[:table.n] {
			if (n == 0) != (counts[code] == 0) {
				t.Fatalf("code %d came %d times and has %d states", code, counts[code], n)
			}
			given += max(int(n), -int(n))
		}
		if given != 1<<table.log {
			t.Fatalf("%d of %d states are given for %v", given, 1<<table.log, counts)
		}
		if kind == offsetKind && table.log > maxOffsetTableLog || table.log > maxTableLog || table.log < minTableLog {
			t.Fatalf("a table of 2^%d states", table.log)
		}
	}
}

// decodeTable decodes the description of a table, by RFC 8878, section 4.1.1, literally.
func decodeTable(in []byte) (log uint, states []int16) {
	at := uint(0)
	read := func(n uint) (v int) {
		for i := range n {
			v |= int(in[(at+i)/8]>>((at+i)%8)&1) << i
		}
		at += n
		return v
	}
	log = uint(read(4)) + 5
	for remaining := 1 << log; remaining > 0; {
		// Values from 0 to remaining+1 are possible.
		n := uint(0)
		for 1<<n <= remaining+1 {
			n++
		}
		low := 1<<n - 1 - (remaining + 1)
		v := read(n - 1)
		if v >= low {
			if v += read(1) << (n - 1); v >= 1<<(n-1) {
				v -= low
			}
		}
		states = append(states, int16(v-1))
		switch {
		case v == 0:
			remaining--
		case v == 1:
			for again := 3; again == 3; {
				again = read(2)
				states = append(states, make([]int16, again)...)
			}
		default:
			remaining -= v - 1
		}
	}
	return log, states
}

func TestTablesAreDescribed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		counts, total := randomCounts(r)
		var table fseTable
		table.normalize(counts, total, tableLog(matchLenKind, counts, total))
		log, states := decodeTable(append(table.appendTo(nil), 0, 0))
		if log != table.log || len(states) != table.n {
			t.Fatalf("a table of 2^%d states for %d codes is read as 2^%d for %d", table.log, table.n, log, len(states))
		}
		for code, n := range states {
			if n != table.norm[code] {
				t.Fatalf("code %d has %d states, which are read as %d", code, table.norm[code], n)
			}
		}
	}
}

func TestCodesAreThoseOfTheFormat(t *testing.T) {
	for n := range uint32(maxBlock) {
		for _, c := range []struct {
			code  uint8
			first []uint32
			bits  []uint8
		}{{litLenCode(n), litLenBase, litLenBits[:]}, {matchLenCode(n), matchLenBase, matchLenBits[:]}} {
			if rest := n - c.first[c.code]; n < c.first[c.code] || rest >= 1<<c.bits[c.code] {
				t.Fatalf("%d has code %d, which is %d and %d bits", n, c.code, c.first[c.code], c.bits[c.code])
			}
		}
	}
	// The ends of the tables in the RFC.
	if litLenBase[35] != 65536 || matchLenBase[52] != 65539-minMatch {
		t.Errorf("the last codes are %d literals and copies of %d bytes", litLenBase[35], matchLenBase[52]+minMatch)
	}
}

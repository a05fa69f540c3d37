package zstd

import (
	"math"
	"math/bits"
)

const (
	// maxCodes is the size of the largest of the three alphabets.
	maxCodes = matchLenCodes
	// minTableLog and maxTableLog bound the accuracy log of a table, the binary logarithm
	// of its size (RFC 8878, section 3.1.1.3.2.1). maxOffsetTableLog is for offsets.
	minTableLog       = 5
	maxTableLog       = 9
	maxOffsetTableLog = 8
)

// An fseTable encodes codes by their probabilities (RFC 8878, section 4.1). Of its 2^log states,
// each code has a share that is its probability. Encoding a code selects one of its states, and
// writes the bits that lead a decoder from there back to the previous state.
type fseTable struct {
	log uint // the accuracy log
	// norm has the number of states of each of the first n codes. -1 is a code with one
	// state and a probability less than 1 in 2^log.
	norm [maxCodes]int16
	n    int
	// stateTable has the states of all codes, in the order of codes. They are numbers
	// from 2^log on.
	stateTable [1 << maxTableLog]uint16
	symbols    [maxCodes]symbolTransform
	// rle means that there is only one code, which takes no bits.
	rle bool
}

// A symbolTransform computes the next state for a code.
type symbolTransform struct {
	// deltaBits plus a state is the number of bits of the state to write, times 2^16.
	deltaBits uint32
	// deltaState plus the other bits of the state is the index of the next state in
	// stateTable.
	deltaState int32
}

// setRLE makes t the table of one code.
func (t *fseTable) setRLE(code uint8) {
	t.rle, t.log, t.n = true, 0, int(code)+1
}

// normalize distributes the states among the codes by their counts, whose sum is total.
// At least two counts are not 0.
func (t *fseTable) normalize(counts []uint32, total uint32, log uint) {
	t.rle, t.log, t.n = false, log, len(counts)
	for counts[t.n-1] == 0 {
		t.n--
	}
	clear(t.norm[:])
	left := 1 << log
	for code, count := range counts[:t.n] {
		var share int
		switch {
		case count == 0:
			continue
		case count <= total>>log:
			t.norm[code] = -1
			left--
			continue
		default:
			share = int(roundShare(uint64(count)<<(log+8)/uint64(total), 8))
		}
		t.norm[code] = int16(share)
		left -= share
	}
	// The remainder of rounding goes to, or comes from, the most frequent codes, where
	// it costs least.
	for left != 0 {
		most := 0
		for code, share := range t.norm[:t.n] {
			if share > t.norm[most] {
				most = code
			}
		}
		step := left
		if left < 0 {
			step = -min(-left, max(int(t.norm[most])/4, 1))
		}
		t.norm[most] += int16(step)
		left -= step
	}
}

// roundShare rounds a number of states with this many binary places. The cost of a code
// is the logarithm of its states, so the border between two numbers is their geometric
// mean.
func roundShare(share uint64, places uint) uint64 {
	whole := share >> places
	if whole == 0 {
		return 1
	}
	if share*share > (whole*(whole+1))<<(2*places) {
		whole++
	}
	return whole
}

// build computes symbols and stateTable, with the states spread as in decoders (RFC 8878,
// section 4.1.1).
func (t *fseTable) build() {
	var (
		size  = 1 << t.log
		owner [1 << maxTableLog]uint8 // the code of each state
		first [maxCodes + 1]int       // where in next the states of each code begin
		high  = size - 1
	)
	for code, n := range t.norm[:t.n] {
		if n == -1 {
			n = 1
			owner[high] = uint8(code)
			high--
		}
		first[code+1] = first[code] + int(n)
	}
	step, pos := size>>1+size>>3+3, 0
	for code, n := range t.norm[:t.n] {
		for range n {
			owner[pos] = uint8(code)
			for pos = (pos + step) & (size - 1); pos > high; {
				pos = (pos + step) & (size - 1)
			}
		}
	}
	at := first
	for state, code := range owner[:size] {
		t.stateTable[at[code]] = uint16(size + state)
		at[code]++
	}
	for code, n := range t.norm[:t.n] {
		switch {
		case n == 0:
		case n == -1 || n == 1:
			t.symbols[code] = symbolTransform{deltaBits: uint32(t.log<<16) - uint32(size), deltaState: int32(first[code] - 1)}
		default:
			most := t.log - uint(bits.Len16(uint16(n-1))) + 1
			t.symbols[code] = symbolTransform{deltaBits: uint32(most<<16) - uint32(n)<<most, deltaState: int32(first[code] - int(n))}
		}
	}
}

// start returns a state of the last code, which is encoded first and without bits.
func (t *fseTable) start(code uint8) uint32 {
	if t.rle {
		return 0
	}
	s := t.symbols[code]
	n := (s.deltaBits + 1<<15) >> 16
	return uint32(t.stateTable[int32((n<<16-s.deltaBits)>>n)+s.deltaState])
}

// encode encodes code after state: it writes at most maxTableLog bits and returns the
// next state.
func (t *fseTable) encode(w *bitWriter, state uint32, code uint8) uint32 {
	if t.rle {
		return 0
	}
	s := t.symbols[code]
	n := (state + s.deltaBits) >> 16
	w.add(uint64(state&(1<<n-1)), uint(n))
	return uint32(t.stateTable[int32(state>>n)+s.deltaState])
}

// finish writes the last state, at which decoders begin.
func (t *fseTable) finish(w *bitWriter, state uint32) {
	w.add(uint64(state&(1<<t.log-1)), t.log)
}

// appendTo appends the description of the table (RFC 8878, section 4.1.1).
func (t *fseTable) appendTo(out []byte) []byte {
	w := bitWriter{buf: make([]byte, 128)}
	w.add(uint64(t.log-minTableLog), 4)
	// remaining is the number of states without a code yet, plus one. half is the least
	// value of remaining that takes n bits.
	remaining, half, n := 1<<t.log+1, 1<<t.log, t.log+1
	for code := 0; remaining > 1; {
		share := int(t.norm[code])
		code++
		// Values are at most remaining. The unused ones let values below spare be one
		// bit shorter.
		spare := 2*half - 1 - remaining
		value, width := share+1, n
		if value >= half {
			value += spare
		}
		if value < spare {
			width--
		}
		w.add(uint64(value), width)
		w.flush()
		remaining -= max(share, -share)
		for ; remaining < half; half >>= 1 {
			n--
		}
		if share != 0 {
			continue
		}
		// The number of further codes without states, three at a time.
		none := 0
		for t.norm[code] == 0 {
			code++
			none++
		}
		for ; none >= 3; none -= 3 {
			w.add(3, 2)
			w.flush()
		}
		w.add(uint64(none), 2)
		w.flush()
	}
	return append(out, w.bytes()...)
}

// impossible is the cost of codes that a table cannot encode.
const impossible = math.MaxInt32

// cost estimates the number of bits for codes with these counts.
func (t *fseTable) cost(counts []uint32) int {
	if t.rle {
		return impossible
	}
	var sum int
	for code, count := range counts {
		if count == 0 {
			continue
		}
		if code >= t.n || t.norm[code] == 0 {
			return impossible
		}
		sum += int(count) * (int(t.log)*bit - log2(uint32(max(t.norm[code], 1))))
	}
	return sum / bit
}

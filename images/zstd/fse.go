package zstd

import (
	"math"
	"math/bits"
)

const (
	// maxCodes is the most that any of the three alphabets has.
	maxCodes = matchLenCodes
	// minTableLog and maxTableLog bound the size of a table, as a power of two
	// (RFC 8878, section 3.1.1.3.2.1). Offsets have one less.
	minTableLog       = 5
	maxTableLog       = 9
	maxOffsetTableLog = 8
)

// An fseTable encodes codes by their probabilities (RFC 8878, section 4.1). In a
// table of 2^log states, each code has as many as it is probable. To encode one is
// to go to one of its states, and to write the bits that lead a decoder back to
// the state from which that was.
type fseTable struct {
	log uint
	// states is how many of the 2^log states each of the first n codes has; -1
	// is one that needs all bits to come from.
	norm [maxCodes]int16
	n    int
	// next are the states of all codes in order, to which steps point. They are
	// numbers from 2^log on.
	stateTable [1 << maxTableLog]uint16
	symbols    [maxCodes]symbolTransform
	// only is set if there is but one code, which takes no bits.
	rle bool
}

// An fseStep says how a code leads from state to state.
type symbolTransform struct {
	// bits plus a state is how many of its bits are written, times 2^16.
	deltaBits uint32
	// base plus what remains of the state is where in next the new one is.
	deltaState int32
}

// set makes the table that knows one code.
func (t *fseTable) setRLE(code uint8) {
	t.rle, t.log, t.n = true, 0, int(code)+1
}

// normalize shares the states among the codes by how often each of them comes. At
// least two do, and total is the sum.
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
	// What rounding left or took goes to and comes from where it matters least.
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

// roundShare rounds a number of states that has some binary places. Codes cost
// the logarithm of their states, so that the middle between two numbers is the
// geometric mean.
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

// build makes the steps, in the order in which all decoders lay out states.
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

// start is the state that encodes the last code, for which no bits are needed.
func (t *fseTable) start(code uint8) uint32 {
	if t.rle {
		return 0
	}
	s := t.symbols[code]
	n := (s.deltaBits + 1<<15) >> 16
	return uint32(t.stateTable[int32((n<<16-s.deltaBits)>>n)+s.deltaState])
}

// encode writes what leads back from a state of code, and returns that state. It
// writes no more than maxTableLog bits.
func (t *fseTable) encode(w *bitWriter, state uint32, code uint8) uint32 {
	if t.rle {
		return 0
	}
	s := t.symbols[code]
	n := (state + s.deltaBits) >> 16
	w.add(uint64(state&(1<<n-1)), uint(n))
	return uint32(t.stateTable[int32(state>>n)+s.deltaState])
}

// finish writes the state at which a decoder begins.
func (t *fseTable) finish(w *bitWriter, state uint32) {
	w.add(uint64(state&(1<<t.log-1)), t.log)
}

// appendTo describes the table (RFC 8878, section 4.1.1).
func (t *fseTable) appendTo(out []byte) []byte {
	w := bitWriter{buf: make([]byte, 128)}
	w.add(uint64(t.log-minTableLog), 4)
	// remaining is one more than the states that are still to be given, of which
	// half is the least that takes all bits.
	remaining, half, n := 1<<t.log+1, 1<<t.log, t.log+1
	for code := 0; remaining > 1; {
		share := int(t.norm[code])
		code++
		// Numbers that cannot come any more make room for those below spare to
		// be a bit shorter.
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
		// How many more codes have none, by threes.
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

// impossible is the cost of what a table cannot encode.
const impossible = math.MaxInt32

// cost is about how many bits codes take that come so often.
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

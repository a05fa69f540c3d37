package zstd

import (
	"encoding/binary"
	"math/bits"
)

// The search for candidates.
//
// Two hash tables find earlier positions with the same bytes. The near table has every position,
// hashed over 4 bytes, and is small enough for the cache of a core. The far table covers the whole
// window, hashed over 8 bytes, and is too large for the cache: it has only one position in four,
// and is only looked up at such positions. Only the bytes around a position determine whether it is
// one of them (pick), so that equal content has the same positions in the table. A match that is
// found there is extended backwards to its beginning.
//
// Many positions are looked up at a time, in loops without branches that depend on the results. A
// core then fetches a dozen cache lines in parallel. Without that, an encoder would spend nearly
// all of its time waiting for memory.

const (
	// Window is the maximum distance of a match in bytes. Decoders need a buffer of that size.
	Window = 32 << 20
	// farReach is the largest distance of a candidate. The bytes around a candidate,
	// which the search compares, are in the window, too.
	farReach = Window - 64
	// nearReach is the largest distance of a candidate of the near table.
	nearReach = 1 << 20

	farBits  = 22 // the far table has 2^farBits entries
	nearBits = 17
	farLen   = 8 // the number of bytes in a hash of the far table
	nearLen  = 4

	// ahead is the number of bytes, from a position on, that its lookup needs: those of
	// its hash and of the hash of the next position.
	ahead = farLen + 1
)

// An entry of a table is a position, modulo 2^27, and a tag in the low bits: some bits of the hash,
// which rule out nearly all false candidates without reading their bytes. The difference of two
// entries is a distance if their tags are equal, and otherwise, rotated, more than any reach.
const (
	tagBits   = 5
	positions = 1 << (32 - tagBits)
	// Entries out of reach are marked every sweepEvery bytes. Otherwise they would be in
	// reach again after 2^27 bytes.
	sweepEvery = positions / 2
)

// A near candidate is a distance and, from nearShift on, the number of equal bytes, at
// most 8.
const (
	nearShift = 28
	nearMask  = 1<<nearShift - 1
)

// hashMultiplier is 2^64 divided by the golden ratio, made odd (Fibonacci hashing).
const hashMultiplier = 0x9e3779b97f4a7c15

// tables are the hash tables of positions.
type tables struct {
	far  [1 << farBits]uint32
	near [1 << nearBits]uint32
	// rows takes the place of near at level Max, and is nil at others.
	rows *rowTable
	// swept is the position of the last sweep.
	swept uint32

	// These are the results of indexFar.
	hashes    [searchStep + 2]uint64
	picked    [searchStep + 2]uint32
	distances [searchStep + 2]uint32
}

// searchStep is the number of positions that are looked up at a time. The cache lines of their
// candidates fit into the second-level cache of a core.
const searchStep = 8 << 10

// reset drops all positions. Later positions are not before position.
func (t *tables) reset(position uint32) {
	t.swept = position
	fill(t.far[:], unreachable(position))
	fill(t.near[:], unreachable(position))
	if t.rows != nil {
		t.rows.each(func(entries []uint32) { fill(entries, unreachable(position)) })
	}
}

// unreachable returns an entry that is out of reach at position and until the next sweep.
func unreachable(position uint32) uint32 { return (position - Window) << tagBits }

func fill(table []uint32, entry uint32) {
	for i := range table {
		table[i] = entry
	}
}

// sweep marks the entries that are out of reach at position, if a sweep is due.
func (t *tables) sweep(position uint32) {
	if position-t.swept < sweepEvery {
		return
	}
	t.swept = position
	sweepEntries(t.far[:], position)
	sweepEntries(t.near[:], position)
	if t.rows != nil {
		t.rows.each(func(entries []uint32) { sweepEntries(entries, position) })
	}
}

func sweepEntries(table []uint32, position uint32) {
	for i, entry := range table {
		if (position-entry>>tagBits)%positions > farReach {
			table[i] = unreachable(position)
		}
	}
}

// distance returns the distance of two entries, which is more than any reach if their
// tags differ.
func distance(entry, earlier uint32) uint32 { return bits.RotateLeft32(entry-earlier, -tagBits) }

// searchNear adds the positions from at on, one for each of found, to the near table, and
// puts the candidates for them into found. It returns the number of matches. base is the
// position of hist[0]. hist must have ahead bytes from the last position on.
func (t *tables) searchNear(hist []byte, base uint32, at int, found []uint32) (matches int) {
	table := &t.near
	in := hist[at : at+len(found)+8]
	for i := range found {
		word := binary.LittleEndian.Uint64(in[i:])
		hash := uint32(word) * (hashMultiplier >> 32)
		slot := &table[hash>>(32-nearBits)]
		entry := (base+uint32(at+i))<<tagBits | hash>>8&(1<<tagBits-1)
		d := distance(entry, *slot)
		*slot = entry
		// no is 1 if d is out of reach. Then the position is compared with itself, and
		// made to differ in the first byte.
		no := uint32((uint64(d-1) + (1<<32 - nearReach)) >> 32)
		d &= no - 1
		differ := word ^ binary.LittleEndian.Uint64(hist[at+i-int(d):]) | uint64(no)
		candidate := d | uint32(bits.TrailingZeros64(differ))>>3<<nearShift
		found[i] = candidate
		// Add 1 if 4 to 8 bytes are equal.
		matches += int((candidate>>(nearShift+2) + 1) >> 1)
	}
	return matches
}

// searchFar adds positions from at on to the far table, and puts into found the distance
// of a match of at least 8 bytes where such a match begins. It returns the number of
// matches. base is the position of hist[0]. hist must have ahead bytes from the last
// position on.
func (t *tables) searchFar(hist []byte, base uint32, at int, found []uint32) (matches int) {
	picked := t.indexFar(hist, base, at, len(found))
	for i, d := range t.distances[:len(picked)] {
		if d > farReach {
			continue
		}
		here := at + int(picked[i])
		there := here - int(d)
		if binary.LittleEndian.Uint64(hist[here:]) != binary.LittleEndian.Uint64(hist[there:]) {
			continue
		}
		// Extend the match backwards, as far as found goes.
		back := 0
		if there >= 8 {
			differ := binary.LittleEndian.Uint64(hist[here-8:]) ^ binary.LittleEndian.Uint64(hist[there-8:])
			back = min(bits.LeadingZeros64(differ)>>3, here-at)
		}
		found[here-at-back] = d
		matches++
	}
	return matches
}

// indexFar adds those of n positions from at on that pick selects to the far table. It
// returns them, relative to at, and leaves the distances to the entries that they
// replace in distances.
func (t *tables) indexFar(hist []byte, base uint32, at, n int) (picked []uint32) {
	hashes := t.hashes[:n+2]
	if at > 0 {
		hashAll(hashes, hist[at-1:])
	} else {
		hashAll(hashes[1:], hist)
		hashes[0] = hashes[1] // so that pick does not select the first position
	}
	picked = t.picked[:pick(t.picked[:], hashes)]
	distances := t.distances[:len(picked)]
	for i, p := range picked {
		hash := hashes[p+1]
		slot := &t.far[hash>>(64-farBits)]
		entry := (base+uint32(at)+p)<<tagBits | uint32(hash>>32)&(1<<tagBits-1)
		distances[i] = distance(entry, *slot)
		*slot = entry
	}
	return picked
}

func hashAll(hashes []uint64, in []byte) {
	in = in[:len(hashes)+farLen-1]
	for i := range hashes {
		hashes[i] = binary.LittleEndian.Uint64(in[i:]) * hashMultiplier
	}
}

// pick selects positions, counted from that of hashes[1]: those whose hash is before the
// hashes of both neighbours on the circle of all hashes. That is one position in four.
func pick(picked []uint32, hashes []uint64) int {
	n := 0
	for i := 1; i+1 < len(hashes); i++ {
		picked[n] = uint32(i - 1)
		n += int((hashes[i] - hashes[i-1]) >> 63 & ((hashes[i] - hashes[i+1]) >> 63))
	}
	return n
}

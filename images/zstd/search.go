package zstd

import (
	"encoding/binary"
	"math/bits"
)

// How candidates are found.
//
// For each position of a block it is looked up where the same bytes came before,
// in two tables. One knows every position, by 4 bytes, and is small enough to stay
// in a core's cache: it finds what is near. The other knows the whole window, by 8
// bytes, and is too large for that: it knows only one position in four, and is only
// asked there. Which those are depends on the bytes around them alone, so that of
// two equal runs of bytes the same positions are known; a match that is found there
// is followed back to where it begins.
//
// The tables are asked for many positions before anything is made of the answers.
// None of the steps branches on what it finds, so that a core fetches a dozen
// cache lines at a time: nearly all of an encoder's time would be spent waiting for
// memory otherwise.

const (
	// Window is how far back a copy may begin, in bytes. Decoders have to hold
	// as much.
	Window = 32 << 20
	// farReach is how far back copies do begin. It leaves what is needed around a
	// match in the window too.
	farReach = Window - 64
	// nearReach is how far back the near table may lead.
	nearReach = 1 << 20

	farBits  = 22
	nearBits = 17
	farLen   = 8 // bytes that the far table knows positions by
	nearLen  = 4

	// ahead is how many bytes from a position on it takes to look it up: the next
	// one's too.
	ahead = farLen + 1
)

// An entry of a table is a position and some bits of the hash, by which nearly all
// false candidates are known without a look at their bytes. The position comes
// first, so that the difference of two entries is a distance and no bits at all if
// the hashes agree. Positions are counted from the beginning of a frame, modulo
// 2^27.
const (
	tagBits   = 5
	positions = 1 << (32 - tagBits)
	// sweepEvery is after how many bytes entries out of reach are marked as such.
	// Unmarked, they would come into reach again after 2^27 bytes.
	sweepEvery = positions / 2
)

// Near candidates are a distance and, from nearShift on, for how many bytes up to 8
// the match goes on.
const (
	nearShift = 28
	nearMask  = 1<<nearShift - 1
)

// hashMultiplier is odd and looks like chance.
const hashMultiplier = 0x9e3779b97f4a7c15

// tables are where bytes were seen.
type tables struct {
	far  [1 << farBits]uint32
	near [1 << nearBits]uint32
	// swept is the position at which entries were swept.
	swept uint32

	// What listFar hands on.
	hashes    [searchStep + 2]uint64
	picked    [searchStep + 2]uint32
	distances [searchStep + 2]uint32
}

// searchStep is for how many positions a table is asked at a time. Their candidates'
// cache lines have room in a core's second cache.
const searchStep = 8 << 10

// reset forgets all positions. None that comes is before position.
func (t *tables) reset(position uint32) {
	t.swept = position
	fill(t.far[:], unreachable(position))
	fill(t.near[:], unreachable(position))
}

// outOfReach is an entry that is out of reach for long after a position.
func unreachable(position uint32) uint32 { return (position - Window) << tagBits }

func fill(table []uint32, entry uint32) {
	for i := range table {
		table[i] = entry
	}
}

// sweep marks entries that are out of reach from position on.
func (t *tables) sweep(position uint32) {
	if position-t.swept < sweepEvery {
		return
	}
	t.swept = position
	for _, table := range [][]uint32{t.far[:], t.near[:]} {
		for i, entry := range table {
			if (position-entry>>tagBits)%positions > farReach {
				table[i] = unreachable(position)
			}
		}
	}
}

// distance is how far apart two entries are; more than any reach if their hashes
// differ.
func distance(entry, earlier uint32) uint32 { return bits.RotateLeft32(entry-earlier, -tagBits) }

// searchNear puts into found what matches there are near the bytes from at on, one
// for each of found, and says how many. base is the position of hist's beginning.
// ahead bytes from the last one on are in hist.
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
		// no is 1 if that is out of reach, and the candidate then is the position
		// itself, which is made to differ from itself.
		no := uint32((uint64(d-1) + (1<<32 - nearReach)) >> 32)
		d &= no - 1
		differ := word ^ binary.LittleEndian.Uint64(hist[at+i-int(d):]) | uint64(no)
		candidate := d | uint32(bits.TrailingZeros64(differ))>>3<<nearShift
		found[i] = candidate
		// Of 4 to 8 bytes.
		matches += int((candidate>>(nearShift+2) + 1) >> 1)
	}
	return matches
}

// searchFar puts distances into found where matches of 8 bytes or more begin in the
// bytes from at on, one for each of found, and says how many it found. base is the
// position of hist's beginning. ahead bytes from the last one on are in hist.
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
		// Back to where it begins, if that is among what was asked for.
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

// listFar lists n positions, and returns those that it picked, from at on. How far
// back the same hash was is in distances.
func (t *tables) indexFar(hist []byte, base uint32, at, n int) (picked []uint32) {
	hashes := t.hashes[:n+2]
	if at > 0 {
		hashAll(hashes, hist[at-1:])
	} else {
		hashAll(hashes[1:], hist)
		hashes[0] = hashes[1] // which keeps the first from being picked
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

// pick lists the places, the first being that of hashes[1], whose hash lies before
// both its neighbours', going round in the circle of all hashes: that is one in
// four.
func pick(picked []uint32, hashes []uint64) int {
	n := 0
	for i := 1; i+1 < len(hashes); i++ {
		picked[n] = uint32(i - 1)
		n += int((hashes[i] - hashes[i-1]) >> 63 & ((hashes[i] - hashes[i+1]) >> 63))
	}
	return n
}

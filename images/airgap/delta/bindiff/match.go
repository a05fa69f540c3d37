package bindiff

import (
	"context"
	"encoding/binary"
	"math/bits"
)

// A step describes the next bytes of NEW: the first add bytes resemble the bytes of OLD at from, the
// extra bytes after them do not.
type step struct {
	from, add, extra int
}

const (
	// seed is the number of bytes that a hash covers, and so the length of the shortest match.
	seed = 8
	// maxChain is the number of positions that are tried for one hash. It bounds the time for OLDs that
	// repeat themselves.
	maxChain = 24
	// enough is the length of a match with which the search is content.
	enough = 256
	// better is the number of bytes by which a match must exceed what the current alignment has.
	better = 8
	// interval is the number of bytes of NEW after which steps looks whether it is wanted any more.
	interval = 1 << 16
)

// An index finds positions of OLD by the hash of the bytes there.
type index struct {
	old   []byte
	shift int
	heads []int32 // last position with each hash, plus 1
	prev  []int32 // for each position, the position before it with the same hash, plus 1
}

func newIndex(old []byte) *index {
	x := &index{old: old}
	n := len(old) - seed + 1
	if n <= 0 {
		return x
	}
	log := min(max(bits.Len(uint(n))-1, 8), 24)
	x.shift = 64 - log
	x.heads, x.prev = make([]int32, 1<<log), make([]int32, n)
	// From the end, so that a chain begins with the first position.
	for i := n - 1; i >= 0; i-- {
		h := x.hash(old[i:])
		x.prev[i] = x.heads[h]
		x.heads[h] = int32(i + 1)
	}
	return x
}

func (x *index) hash(b []byte) uint64 {
	return binary.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15 >> x.shift
}

// longest returns the longest match of b that it finds.
func (x *index) longest(b []byte) (pos, length int) {
	if len(b) < seed || x.heads == nil {
		return 0, 0
	}
	at := x.heads[x.hash(b)]
	for n := 0; at > 0 && n < maxChain && length < enough; n++ {
		p := int(at - 1)
		if p+length < len(x.old) && length < len(b) && x.old[p+length] == b[length] {
			if l := samePrefix(x.old[p:], b); l > length {
				pos, length = p, l
			}
		}
		at = x.prev[p]
	}
	return pos, length
}

// samePrefix returns the length of the common prefix of a and b.
func samePrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// steps returns the steps that make NEW. The method is that of bsdiff (Percival, "Naive differences of
// executable code", 2003): an alignment of OLD and NEW continues over bytes that differ, until another one has
// clearly more equal bytes.
func steps(ctx context.Context, old, new []byte) ([]step, error) {
	var (
		all                        []step
		x                          = newIndex(old)
		scan, length, pos          int
		lastScan, lastPos, lastOff int
	)
	at := func(i int) bool { return i >= 0 && i < len(old) }
	for scan < len(new) {
		score := 0
		scan += length
		counted := scan
		found := 0 // the length of the match at pos that is known from the position before
		for length = 0; scan < len(new); scan++ {
			if scan%interval == 0 && ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if found > enough {
				pos, length = pos+1, found-1
			} else {
				pos, length = x.longest(new[scan:])
			}
			found = length
			for ; counted < scan+length; counted++ {
				if at(counted+lastOff) && old[counted+lastOff] == new[counted] {
					score++
				}
			}
			if length == score && length != 0 || length > score+better {
				break
			}
			if at(scan+lastOff) && counted > scan && old[scan+lastOff] == new[scan] {
				score--
			}
			if counted <= scan {
				counted = scan + 1
				score = 0
			}
		}
		if length == score && scan < len(new) {
			continue
		}
		forward := extendForward(old, new, lastPos, lastScan, scan)
		backward := 0
		if scan < len(new) {
			backward = extendBackward(old, new, pos, scan, lastScan)
		}
		if overlap := lastScan + forward - (scan - backward); overlap > 0 {
			keep := splitOverlap(old, new, lastPos+forward-overlap, lastScan+forward-overlap, pos-backward, scan-backward, overlap)
			forward += keep - overlap
			backward -= keep
		}
		all = append(all, step{from: lastPos, add: forward, extra: scan - backward - (lastScan + forward)})
		lastScan, lastPos, lastOff = scan-backward, pos-backward, pos-scan
	}
	return all, nil
}

// extendForward returns how many bytes from scan on resemble those of OLD from pos on: the number for which
// twice the equal bytes, less all bytes, are most.
func extendForward(old, new []byte, pos, scan, end int) int {
	best, length, score := 0, 0, 0
	for i := 0; scan+i < end && pos+i < len(old); {
		if old[pos+i] == new[scan+i] {
			score++
		}
		i++
		if score*2-i > best*2-length {
			best, length = score, i
		}
	}
	return length
}

func extendBackward(old, new []byte, pos, scan, begin int) int {
	best, length, score := 0, 0, 0
	for i := 1; scan-i >= begin && pos >= i; i++ {
		if old[pos-i] == new[scan-i] {
			score++
		}
		if score*2-i > best*2-length {
			best, length = score, i
		}
	}
	return length
}

// splitOverlap returns how many of n bytes of NEW belong to the first of two alignments.
func splitOverlap(old, new []byte, pos1, scan1, pos2, scan2, n int) int {
	best, keep, score := 0, 0, 0
	for i := range n {
		if new[scan1+i] == old[pos1+i] {
			score++
		}
		if new[scan2+i] == old[pos2+i] {
			score--
		}
		if score > best {
			best, keep = score, i+1
		}
	}
	return keep
}

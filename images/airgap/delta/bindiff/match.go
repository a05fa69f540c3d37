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
	// stride is the distance of the positions of OLD that are in an index. With 1, patches are 1 % smaller, and finding the
	// steps takes a third more time; with 4, they are 8 % larger.
	stride = 2
	// maxChain is the number of positions that are tried for one hash. It bounds the time for OLDs that
	// repeat themselves.
	maxChain = 24
	// enough is the length of a match with which the search is content.
	enough = 256
	// better is the number of bytes by which a match must exceed what the current alignment has.
	better = 8
	// interval is the number of bytes of NEW after which the aligner looks whether it is wanted any more.
	interval = 1 << 16
	// maxExtended is how many bytes extendBackward compares at most for each byte of NEW. It bounds the time for NEWs
	// of which each alignment is better than the one before, all the way back.
	maxExtended = 4
)

// An index finds positions of OLD by the hash of the bytes there.
type index struct {
	old   []byte
	shift int
	heads []int32 // first position with each hash, in strides, plus 1
	next  []int32 // for each position, the one after it with the same hash, plus 1
}

func newIndex(old []byte) *index {
	x := &index{old: old}
	if len(old) < seed {
		return x
	}
	n := (len(old)-seed)/stride + 1
	log := min(max(bits.Len(uint(n))-1, 8), 24)
	x.shift = 64 - log
	x.heads, x.next = make([]int32, 1<<log), make([]int32, n)
	// From the end, so that a chain begins with the first position.
	for i := n - 1; i >= 0; i-- {
		h := x.hash(old[i*stride:])
		x.next[i] = x.heads[h]
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
		p := int(at-1) * stride
		if p+length < len(x.old) && length < len(b) && x.old[p+length] == b[length] {
			if l := samePrefix(x.old[p:], b); l > length {
				pos, length = p, l
			}
		}
		at = x.next[at-1]
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
	a := &aligner{old: old, new: new}
	if err := a.run(ctx); err != nil {
		return nil, err
	}
	return a.steps, nil
}

// An aligner finds the steps.
type aligner struct {
	old, new []byte
	steps    []step
	// The current alignment begins at scan of NEW and at pos of OLD.
	scan, pos int
	// extended is the number of bytes that extendBackward may have compared.
	extended int
}

// run adds all steps, or a single one if there are too many.
func (a *aligner) run(ctx context.Context) error {
	var (
		old, new          = a.old, a.new
		x                 = newIndex(old)
		scan, length, pos int
		check             int // where in NEW to look whether it is wanted any more
	)
	for scan < len(new) {
		score := 0
		scan += length
		counted := scan
		found := 0 // the length of the match at pos that is known from the position before
		for length = 0; scan < len(new); scan++ {
			if scan >= check {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				check = scan + interval
			}
			if found > enough {
				pos, length = pos+1, found-1
			} else if same := a.same(scan); same >= seed && scan+same >= counted {
				// While the current alignment goes on, no other one is looked for.
				length, score = same, same
				break
			} else {
				pos, length = x.longest(new[scan:])
			}
			found = length
			for ; counted < scan+length; counted++ {
				if a.equal(counted) {
					score++
				}
			}
			if length == score && length != 0 || length > score+better {
				break
			}
			if counted > scan && a.equal(scan) {
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
		if a.align(scan, pos); len(a.steps) > maxSteps(len(new)) {
			a.steps = []step{{extra: len(new)}}
			return nil
		}
	}
	return nil
}

// equal reports whether the byte at scan of NEW is equal in the current alignment.
func (a *aligner) equal(scan int) bool {
	at := scan + a.pos - a.scan
	return at >= 0 && at < len(a.old) && a.old[at] == a.new[scan]
}

// same returns the number of bytes from scan on that are equal in the current alignment.
func (a *aligner) same(scan int) int {
	at := scan + a.pos - a.scan
	if at < 0 || at >= len(a.old) {
		return 0
	}
	return samePrefix(a.old[at:], a.new[scan:])
}

// align adds the step of the current alignment. The next one has a match at scan of NEW and pos of OLD. It begins there or
// before.
func (a *aligner) align(scan, pos int) {
	forward := extendForward(a.old, a.new, a.pos, a.scan, scan)
	backward := 0
	if scan < len(a.new) {
		begin := max(a.scan, scan-(maxExtended*scan-a.extended))
		a.extended += scan - begin
		backward = extendBackward(a.old, a.new, pos, scan, begin)
	}
	if overlap := a.scan + forward - (scan - backward); overlap > 0 {
		keep := splitOverlap(a.old, a.new, a.pos+forward-overlap, a.scan+forward-overlap, pos-backward, scan-backward, overlap)
		forward += keep - overlap
		backward -= keep
	}
	a.steps = append(a.steps, step{from: a.pos, add: forward, extra: scan - backward - (a.scan + forward)})
	a.scan, a.pos = scan-backward, pos-backward
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

package deflate

import (
	"math/bits"
	"slices"
)

const (
	codes       = 288 // of the largest tree
	endOfBlock  = 256
	firstLength = 257 // the code of the first length
	lengthCodes = 19
	maxLength   = 15 // of a code, in bits
)

// The codes of the lengths of codes that stand for several (RFC 1951, section 3.2.7).
const (
	repeated  = 16 // the previous length 3 to 6 times
	zeros     = 17 // 3 to 10
	moreZeros = 18 // 11 to 138
)

// lengthOrder is the order in which lengths of codes of lengths are written.
var lengthOrder = [lengthCodes]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// A treeKind says what the codes of a tree mean.
type treeKind struct {
	elements  int
	maxLength int
	extraBits func(code int) int // after a code
}

var (
	literalTree = treeKind{286, maxLength, func(code int) int {
		if code < firstLength+8 || code == firstLength+28 {
			return 0
		}
		return (code - firstLength - 4) / 4
	}}
	distanceTree = treeKind{30, maxLength, func(code int) int { return max(code-2, 0) / 2 }}
	lengthTree   = treeKind{lengthCodes, 7, func(code int) int {
		switch code {
		case repeated:
			return 2
		case zeros:
			return 3
		case moreZeros:
			return 7
		}
		return 0
	}}
)

// The trees of static blocks.
var (
	staticLiterals = func() (t tree) {
		for i := range codes {
			switch {
			case i < 144:
				t.length[i] = 8
			case i < 256:
				t.length[i] = 9
			case i < 280:
				t.length[i] = 7
			default:
				t.length[i] = 8
			}
		}
		t.assign(codes)
		return t
	}()
	staticDistances = func() (t tree) {
		for i := range 30 {
			t.length[i] = 5
		}
		t.assign(30)
		return t
	}()
)

// A tree is a Huffman tree.
type tree struct {
	frequency [codes]int
	length    [codes]int    // of each code, in bits
	code      [codes]uint16 // its bits, the first one lowest
	last      int           // the last code with a frequency
}

// A heap orders the nodes of a tree by frequency. Its first node is at 1.
type heap struct {
	nodes                   []int
	frequency, depth, above [2 * codes]int
	taken                   []int // the nodes in the order in which they were taken from the heap; the last one is the root
}

func (h *heap) less(a, b int) bool {
	return h.frequency[a] < h.frequency[b] || h.frequency[a] == h.frequency[b] && h.depth[a] <= h.depth[b]
}

// down moves the node at i down to its place.
func (h *heap) down(i int) {
	node := h.nodes[i]
	for next := 2 * i; next < len(h.nodes); next *= 2 {
		if next+1 < len(h.nodes) && h.less(h.nodes[next+1], h.nodes[next]) {
			next++
		}
		if h.less(node, h.nodes[next]) {
			break
		}
		h.nodes[i] = h.nodes[next]
		i = next
	}
	h.nodes[i] = node
}

// merge makes a tree of the nodes. node is the number of the first node that is not a code.
func (h *heap) merge(node int) {
	for i := len(h.nodes) / 2; i >= 1; i-- {
		h.down(i)
	}
	for ; len(h.nodes) > 2; node++ {
		last := len(h.nodes) - 1
		first := h.nodes[1]
		h.nodes[1] = h.nodes[last]
		h.nodes = h.nodes[:last]
		h.down(1)
		second := h.nodes[1]
		h.taken = append(h.taken, first, second)
		h.frequency[node] = h.frequency[first] + h.frequency[second]
		h.depth[node] = max(h.depth[first], h.depth[second]) + 1
		h.above[first], h.above[second] = node, node
		h.nodes[1] = node
		h.down(1)
	}
	h.taken = append(h.taken, h.nodes[1])
}

// build determines the codes from the frequencies. Of codes that are equally good, it takes those of zlib.
func (t *tree) build(kind treeKind) {
	h := &heap{nodes: make([]int, 1, codes+1)}
	t.last = -1
	for i, n := range t.frequency[:kind.elements] {
		if n > 0 {
			h.frequency[i] = n
			h.nodes, t.last = append(h.nodes, i), i
		}
	}
	// A tree has at least two codes.
	for len(h.nodes) < 3 {
		added := 0
		if t.last < 2 {
			t.last++
			added = t.last
		}
		h.frequency[added] = 1
		h.nodes = append(h.nodes, added)
	}
	h.merge(kind.elements)
	t.measure(kind, h)
	t.assign(t.last + 1)
}

// measure determines the lengths of the codes. None is longer than the maximum.
func (t *tree) measure(kind treeKind, h *heap) {
	var (
		lengths [2 * codes]int
		counts  [maxLength + 1]int // of codes with each length
		over    int
	)
	for _, node := range slices.Backward(h.taken[:len(h.taken)-1]) {
		length := lengths[h.above[node]] + 1
		if length > kind.maxLength {
			length = kind.maxLength
			over++
		}
		lengths[node] = length
		if node < kind.elements {
			counts[length]++
			t.length[node] = length
		}
	}
	if over == 0 {
		return
	}
	for ; over > 0; over -= 2 {
		length := kind.maxLength - 1
		for counts[length] == 0 {
			length--
		}
		counts[length]--
		counts[length+1] += 2
		counts[kind.maxLength]--
	}
	at := 0
	for length := kind.maxLength; length > 0; length-- {
		for left := counts[length]; left > 0; at++ {
			if node := h.taken[at]; node < kind.elements {
				t.length[node] = length
				left--
			}
		}
	}
}

// assign determines the bits of the first count codes from their lengths (RFC 1951, section 3.2.2).
func (t *tree) assign(count int) {
	var counts, next [maxLength + 2]int
	for _, length := range t.length[:count] {
		counts[length]++
	}
	counts[0] = 0
	for i := range maxLength {
		next[i+1] = (next[i] + counts[i]) << 1
	}
	for i, length := range t.length[:count] {
		t.code[i] = bits.Reverse16(uint16(next[length])) >> (16 - length)
		next[length]++
	}
}

// size returns the number of bits of all symbols of t with the codes of another tree.
func (t *tree) size(kind treeKind, other *tree) (n int) {
	for i, count := range t.frequency[:kind.elements] {
		n += count * (other.length[i] + kind.extraBits(i))
	}
	return n
}

// runs calls do for each code that stands for lengths of codes, with the value after it.
func (t *tree) runs(do func(code, extra int)) {
	for at, before := 0, -1; at <= t.last; {
		length, count, most := t.length[at], 1, 138
		if length > 0 {
			most = 6
			if length != before {
				most = 7
			}
		}
		for count < most && at+count <= t.last && t.length[at+count] == length {
			count++
		}
		at += count
		switch {
		case length > 0 && length != before && count > 3, length > 0 && length == before && count >= 3:
			if length != before {
				do(length, 0)
				count--
			}
			do(repeated, count-3)
		case length == 0 && count > 10:
			do(moreZeros, count-11)
		case length == 0 && count >= 3:
			do(zeros, count-3)
		default:
			for range count {
				do(length, 0)
			}
		}
		before = length
	}
}

// zlib.go, zlibblock.go and zlibtree.go are translated from deflate.c and trees.c of zlib 1.2.13, and altered: they only
// compress, in Go, and are not the original software.
//
//	Copyright (C) 1995-2022 Jean-loup Gailly and Mark Adler
//
//	This software is provided 'as-is', without any express or implied warranty. In no event will the authors be held
//	liable for any damages arising from the use of this software. Permission is granted to anyone to use this software
//	for any purpose, including commercial applications, and to alter it and redistribute it freely, subject to the
//	following restrictions:
//
//	1. The origin of this software must not be misrepresented; you must not claim that you wrote the original software.
//	   If you use this software in a product, an acknowledgment in the product documentation would be appreciated but
//	   is not required.
//	2. Altered source versions must be plainly marked as such, and must not be misrepresented as being the original
//	   software.
//	3. This notice may not be removed or altered from any source distribution.

package deflate

import "io"

const (
	minMatch = 3
	maxMatch = 258
	// zlibWindow is the size of the window. The buffer has room for two of them, and the second one moves to the
	// beginning when the first one is out of reach.
	zlibWindow = 1 << 15
	// minAhead is the number of bytes that are read ahead of a match.
	minAhead = maxMatch + minMatch + 1
	// maxDistance is the farthest that a match may be, so that it stays in the buffer while more is read.
	maxDistance = zlibWindow - minAhead
	// tooFar is the distance from which on a match of 3 bytes is longer than the bytes.
	tooFar = 4096
)

// A zlibLevel determines how long matches are searched for. Lengths are in bytes.
type zlibLevel struct {
	good int // a match of this length is enough to look for a better one in a quarter of the positions
	// lazy is the length of a match from which on none is looked for at the next byte. If not slow, it is the length up to
	// which all positions in a match are indexed.
	lazy  int
	nice  int  // a match of this length ends the search
	chain int  // the number of positions that are searched
	slow  bool // whether a match is dropped for a longer one at the next byte
}

var zlibLevels = [10]zlibLevel{
	1: {4, 4, 8, 4, false},
	2: {4, 5, 16, 8, false},
	3: {4, 6, 32, 32, false},
	4: {4, 4, 16, 16, true},
	5: {8, 16, 32, 32, true},
	6: {8, 16, 128, 128, true},
	7: {8, 32, 128, 256, true},
	8: {32, 128, 258, 1024, true},
	9: {32, 258, 258, 4096, true},
}

// A zlibWriter makes the streams of zlib's deflate, with the window of 15 bits, the memLevel of 8 and the strategy that
// deflateInit sets. It follows deflate_fast, deflate_slow and longest_match in deflate.c.
type zlibWriter struct {
	zlibLevel
	blocks zlibBlocks

	buf        [2*zlibWindow + minAhead]byte // the last bytes stay zero
	end        int                           // of the bytes in buf
	at         int                           // the byte for which a match is searched for
	blockStart int                           // where the block begins; negative if that is not in buf any more

	// head has the last position with each hash, and prev for each position the one before it with the same hash, or 0
	// for none.
	head, prev [zlibWindow]uint16

	length, match         int  // of the match at this byte
	lastLength, lastMatch int  // of the match at the byte before
	pending               bool // the byte before is not written yet
}

func newZlibWriter(w io.Writer, level int) *zlibWriter {
	z := &zlibWriter{zlibLevel: zlibLevels[level], length: minMatch - 1, lastLength: minMatch - 1}
	z.blocks.init(w)
	return z
}

func (z *zlibWriter) Write(b []byte) (n int, err error) {
	for len(b) > 0 && z.blocks.err == nil {
		if z.end == 2*zlibWindow {
			z.compress(minAhead)
			z.slide()
		}
		copied := copy(z.buf[z.end:2*zlibWindow], b)
		z.end += copied
		n, b = n+copied, b[copied:]
	}
	return n, z.blocks.err
}

// Close writes the end of the stream.
func (z *zlibWriter) Close() error {
	z.compress(1)
	if z.blocks.err != nil {
		return z.blocks.err
	}
	if z.pending {
		z.blocks.literal(z.buf[z.at-1])
	}
	z.flush(true)
	return z.blocks.err
}

// slide drops the first half of the buffer.
func (z *zlibWriter) slide() {
	copy(z.buf[:zlibWindow], z.buf[zlibWindow:2*zlibWindow])
	z.end -= zlibWindow
	z.at -= zlibWindow
	z.match -= zlibWindow
	z.blockStart -= zlibWindow
	for _, table := range []*[zlibWindow]uint16{&z.head, &z.prev} {
		for i, p := range table {
			table[i] = p - min(p, zlibWindow)
		}
	}
}

// ahead returns the number of bytes that are not compressed.
func (z *zlibWriter) ahead() int { return z.end - z.at }

// compress compresses until fewer than least bytes are ahead.
func (z *zlibWriter) compress(least int) {
	for z.ahead() >= least && z.blocks.err == nil {
		if z.ahead() < minAhead && z.at >= zlibWindow+maxDistance {
			z.slide()
		}
		if z.slow {
			z.slowStep()
		} else {
			z.fastStep()
		}
	}
}

// flush ends a block before the current byte.
func (z *zlibWriter) flush(last bool) {
	var stored []byte
	if z.blockStart >= 0 {
		stored = z.buf[z.blockStart:z.at]
	}
	z.blocks.flush(stored, z.at-z.blockStart, last)
	z.blockStart = z.at
}

// insert indexes the bytes at a position, and returns the last position with the same hash, or 0.
func (z *zlibWriter) insert(at int) int {
	hash := (uint32(z.buf[at])<<10 ^ uint32(z.buf[at+1])<<5 ^ uint32(z.buf[at+2])) % zlibWindow
	found := z.head[hash]
	z.prev[at%zlibWindow] = found
	z.head[hash] = uint16(at)
	return int(found)
}

// next indexes the current byte, and returns the position from which on to search for a match, or 0.
func (z *zlibWriter) next() int {
	if z.ahead() < minMatch {
		return 0
	}
	if found := z.insert(z.at); z.at-found <= maxDistance {
		return found
	}
	return 0
}

// fastStep takes a match where it finds one.
func (z *zlibWriter) fastStep() {
	if found := z.next(); found > 0 {
		z.length = z.longest(found)
	}
	var full bool
	if z.length < minMatch {
		full = z.blocks.literal(z.buf[z.at])
		z.at++
	} else {
		full = z.blocks.copy(z.length, z.at-z.match)
		if z.length <= z.lazy && z.ahead()-z.length >= minMatch {
			for at := z.at + 1; at < z.at+z.length; at++ {
				z.insert(at)
			}
		}
		z.at += z.length
		z.length = 0
	}
	if full {
		z.flush(false)
	}
}

// slowStep takes the match at the byte before, unless the one at this byte is longer.
func (z *zlibWriter) slowStep() {
	found := z.next()
	z.lastLength, z.lastMatch = z.length, z.match
	z.length = minMatch - 1
	if found > 0 && z.lastLength < z.lazy {
		z.length = z.longest(found)
		if z.length == minMatch && z.at-z.match > tooFar {
			z.length = minMatch - 1
		}
	}
	switch {
	case z.lastLength >= minMatch && z.length <= z.lastLength:
		full := z.blocks.copy(z.lastLength, z.at-1-z.lastMatch)
		end := z.at - 1 + z.lastLength
		for at := z.at + 1; at < end; at++ {
			if at <= z.end-minMatch {
				z.insert(at)
			}
		}
		z.at, z.pending, z.length = end, false, minMatch-1
		if full {
			z.flush(false)
		}
	case z.pending:
		if z.blocks.literal(z.buf[z.at-1]) {
			z.flush(false)
		}
		z.at++
	default:
		z.pending = true
		z.at++
	}
}

// longest searches for the longest match, from a position on, and returns its length. A match is longer than that at the
// byte before.
func (z *zlibWriter) longest(found int) int {
	var (
		chain = z.chain
		best  = z.lastLength
		ahead = min(z.ahead(), maxMatch)
		nice  = min(z.nice, z.ahead())
		limit = max(z.at-maxDistance, 0)
	)
	if z.lastLength >= z.good {
		chain /= 4
	}
	for {
		if z.buf[found+best] == z.buf[z.at+best] && z.buf[found+best-1] == z.buf[z.at+best-1] {
			n := 0
			for n < ahead && z.buf[found+n] == z.buf[z.at+n] {
				n++
			}
			if n > best {
				z.match, best = found, n
				if n >= nice {
					break
				}
			}
		}
		chain--
		if found = int(z.prev[found%zlibWindow]); found <= limit || chain == 0 {
			break
		}
	}
	return min(best, z.ahead())
}

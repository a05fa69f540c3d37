package zstd

import "encoding/binary"

// The near table of level Max. Besides the last position with the same four bytes, it has seven
// positions before it, because a longer match may be further away. Another table has the last
// position with the same three bytes: programs have many matches of three bytes nearby, each of
// which saves a few bits.

const (
	rowBits   = 16 // there are 2^rowBits rows
	rowSize   = 8  // positions with the same hash
	shortBits = 14
	// shortReach is the largest distance of a match of three bytes that may be worth its offset.
	shortReach = 64 << 10
)

// A rowTable is a table of the last positions with the same hash. Its entries are those of tables.
type rowTable struct {
	// rows are hashed over four bytes. The last position is the first of a row.
	rows [1 << rowBits][rowSize]uint32
	// short is hashed over three bytes.
	short [1 << shortBits]uint32
}

// A candidate is a match before a position. longestEdge stands for all greater lengths.
type candidate struct{ distance, length uint32 }

// each calls f with all entries, in parts.
func (t *rowTable) each(f func(entries []uint32)) {
	for i := range t.rows {
		f(t.rows[i][:])
	}
	f(t.short[:])
}

// slots returns the row and the entry of short for the four bytes of word, and the entries of a
// position with these bytes.
func (t *rowTable) slots(word, position uint32) (row *[rowSize]uint32, entry uint32, short *uint32, shortEntry uint32) {
	const multiplier = hashMultiplier >> 32
	hash, shortHash := word*multiplier, word<<8*multiplier
	entry = position<<tagBits | hash>>8&(1<<tagBits-1)
	shortEntry = position<<tagBits | shortHash>>8&(1<<tagBits-1)
	return &t.rows[hash>>(32-rowBits)], entry, &t.short[shortHash>>(32-shortBits)], shortEntry
}

func push(row *[rowSize]uint32, entry uint32) {
	copy(row[1:], row[:rowSize-1])
	row[0] = entry
}

// index adds n positions from at on. hist must have ahead bytes from the last position on.
func (t *rowTable) index(hist []byte, base uint32, at, n int) {
	for i := at; i < at+n; i++ {
		row, entry, short, shortEntry := t.slots(binary.LittleEndian.Uint32(hist[i:]), base+uint32(i))
		push(row, entry)
		*short = shortEntry
	}
}

// search does the same, and adds the candidates for these positions to b: each is longer than
// those nearer by. It returns the number of matches of four bytes and more.
func (t *rowTable) search(hist []byte, base uint32, at, n int, b *block) (matches int) {
	for i := at; i < at+n; i++ {
		word := binary.LittleEndian.Uint32(hist[i:])
		row, entry, short, shortEntry := t.slots(word, base+uint32(i))
		longest, most := minMatch-1, min(longestEdge, len(b.hist)-i)
		d := distance(shortEntry, *short)
		*short = shortEntry
		if d <= shortReach && (binary.LittleEndian.Uint32(hist[i-int(d):])^word)<<8 == 0 && most >= minMatch {
			longest = matchLen(hist[:i+most], i-int(d), i)
			b.found = append(b.found, candidate{d, uint32(longest)})
		}
		for _, earlier := range row {
			if longest >= most {
				break
			}
			d := distance(entry, earlier)
			if d > nearReach || hist[i-int(d)+longest] != hist[i+longest] || binary.LittleEndian.Uint32(hist[i-int(d):]) != word {
				continue
			}
			if length := matchLen(hist[:i+most], i-int(d), i); length > longest {
				longest = length
				b.found = append(b.found, candidate{d, uint32(length)})
				matches++
			}
		}
		push(row, entry)
		b.ends = append(b.ends, uint32(len(b.found)))
	}
	return matches
}

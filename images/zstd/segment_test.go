package zstd

import (
	"bytes"
	"math"
	"runtime"
	"testing"
)

// Segments are the same whether the encoder encoded or loaded the content before them.
func TestSegmentsDependOnTheWindowAlone(t *testing.T) {
	eachLevel(t, testSegmentsDependOnTheWindowAlone)
}

func testSegmentsDependOnTheWindowAlone(t *testing.T, level Level) {
	if testing.Short() {
		t.Skip("compresses some 200 MB")
	}
	old := code(1, 12<<20)
	parts := [][]byte{
		old,
		append(noise(1, 14<<20), old[3<<20:5<<20]...),
		append(noise(2, 9<<20), code(2, 3<<20)...), // from here on, old leaves the window
		append(append(noise(3, 70_003), old...), code(3, 100)...),
		noise(4, 40<<20),
		append(append(noise(5, 5), old[:2<<20]...), noise(4, 1<<20)...),
	}
	all := bytes.Join(parts, nil)
	e := NewEncoder(level)
	var made [][]byte
	for _, p := range parts {
		made = append(made, segment(t, e, p))
	}
	framed(t, all, made...)
	var before []byte
	for i, p := range parts {
		known := Window + i%2*(3*slack+1)
		if !bytes.Equal(segmentAfter(t, e, before[max(0, len(before)-known):], p), made[i]) {
			t.Errorf("segment %d has other bytes if %d bytes before it are known", i, known)
		}
		before = append(before, p...)
	}
}

// Content outside of the window does not matter.
func TestSegmentsDoNotDependOnContentBeforeTheWindow(t *testing.T) {
	eachLevel(t, testSegmentsDoNotDependOnContentBeforeTheWindow)
}

func testSegmentsDoNotDependOnContentBeforeTheWindow(t *testing.T, level Level) {
	window, content := noise(1, Window), code(1, 1<<20)
	e := NewEncoder(level)
	first := segmentAfter(t, e, append(code(2, 1<<20), window...), content)
	// The same content, but too far away.
	if !bytes.Equal(segmentAfter(t, e, append(bytes.Clone(content), window...), content), first) {
		t.Error("the segment has other bytes after other content out of the window")
	}
}

// Positions are counted modulo a number that is smaller than long frames.
func TestSegmentsDoNotDependOnTheirPosition(t *testing.T) {
	eachLevel(t, testSegmentsDoNotDependOnTheirPosition)
}

func testSegmentsDoNotDependOnTheirPosition(t *testing.T, level Level) {
	content := append(code(1, 3<<20), noise(1, 70_000)...)
	e := NewEncoder(level)
	first := segment(t, e, content)
	for _, at := range []uint32{positions - 1<<20, math.MaxUint32 - 1<<20} {
		e.Reset()
		e.base = at
		e.tables.reset(at)
		if !bytes.Equal(segment(t, e, content), first) {
			t.Errorf("at byte %d of a frame the segment has other bytes", at)
		}
	}
}

// Entries that have left the window stay out of reach, although positions wrap around.
func TestEntriesBeforeTheWindowAreNotUsed(t *testing.T) {
	tables := tables{rows: new(rowTable)}
	tables.reset(0)
	const at, tag = 1000, 7
	all := [][]uint32{tables.far[:], tables.near[:]}
	tables.rows.each(func(entries []uint32) { all = append(all, entries) })
	all = append(all[:3], all[len(all)-1]) // one of the rows, and short
	for _, table := range all {
		table[5] = at<<tagBits | tag
	}
	for position := uint32(at); position < 3*positions; position += maxBlock {
		tables.sweep(position)
		inReach := position-at <= farReach
		for _, table := range all {
			if got := distance(position<<tagBits|tag, table[5]) <= farReach; got != inReach {
				t.Fatalf("%d bytes later an entry is in reach: %t", position-at, got)
			}
			for tag := range uint32(1 << tagBits) {
				if distance(position<<tagBits|tag, table[6]) <= farReach {
					t.Fatalf("at byte %d a slot that was never used leads somewhere", position)
				}
			}
		}
	}
}

func TestSegmentsDoNotDependOnPiecesOrProcessors(t *testing.T) {
	eachLevel(t, testSegmentsDoNotDependOnPiecesOrProcessors)
}

func testSegmentsDoNotDependOnPiecesOrProcessors(t *testing.T, level Level) {
	content := append(code(1, 3<<20), noise(1, 200_000)...)
	e := NewEncoder(level)
	first := segment(t, e, content)
	for _, piece := range []int{1009, maxBlock, 1 << 20} {
		for _, processors := range []int{1, 4} {
			func() {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
				e.Reset()
				var out bytes.Buffer
				e.Begin(&out)
				for rest := content; len(rest) > 0; {
					n := min(piece, len(rest))
					if _, err := e.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := e.End(); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(out.Bytes(), first) {
					t.Errorf("in pieces of %d on %d processors the segment has other bytes", piece, processors)
				}
			}()
		}
	}
}

// A copy is found with its full length, wherever it is in the window.
func TestCopiesAreFoundInTheWholeWindow(t *testing.T) {
	eachLevel(t, testCopiesAreFoundInTheWholeWindow)
}

func testCopiesAreFoundInTheWholeWindow(t *testing.T, level Level) {
	copied := noise(1, 4096)
	for _, distance := range []int{4096, nearReach + 5000, farReach} {
		content := append(append(bytes.Clone(copied), noise(2, distance-len(copied))...), copied...)
		made := segmentAfter(t, NewEncoder(level), content[:distance], copied)
		if n := len(made); n > 100 {
			t.Errorf("a copy of %d bytes from %d bytes back takes %d", len(copied), distance, n)
		}
		framed(t, content, rawSegment(content[:distance]), made)
	}
}

// rawSegment returns a segment without compression.
func rawSegment(content []byte) (out []byte) {
	for len(content) > 0 {
		n := min(len(content), maxBlock)
		out = append(appendBlockHeader(out, rawBlock, n), content[:n]...)
		content = content[n:]
	}
	return out
}

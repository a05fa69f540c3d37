package zstd

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/imagetest"
)

// noise returns random bytes that depend on seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed))).Read(b)
	return b
}

// code returns bytes that resemble those of a program: few different ones, with short repetitions
// nearby and long ones anywhere before.
func code(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 0, n+4096)
	for len(b) < n {
		switch r.IntN(8) {
		case 0:
			for range 1 + r.IntN(20) {
				b = append(b, byte(r.NormFloat64()*20+100))
			}
		case 1:
			b = append(b, make([]byte, r.IntN(12))...)
		case 2, 3, 4, 5:
			back := min(1+r.IntN(64<<10), len(b))
			for range min(3+r.IntN(30), back) {
				b = append(b, b[len(b)-back])
			}
		default:
			if len(b) > 8 {
				at := r.IntN(len(b) - 4)
				b = append(b, b[at:min(at+r.IntN(4096), len(b))]...)
				b = append(b, byte(len(b)))
			}
		}
	}
	return b[:n]
}

// segment encodes content as one segment.
func segment(t testing.TB, e *Encoder, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	e.Begin(&out)
	return finish(t, e, &out, content)
}

// segmentAfter encodes content as one segment after the content before.
func segmentAfter(t testing.TB, e *Encoder, before, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	e.Reset()
	e.Begin(&out)
	for len(before) > 0 {
		n := min(len(before), 3<<20)
		e.Load(before[:n])
		before = before[n:]
	}
	return finish(t, e, &out, content)
}

func finish(t testing.TB, e *Encoder, out *bytes.Buffer, content []byte) []byte {
	t.Helper()
	if _, err := e.Write(content); err != nil {
		t.Error(err)
	}
	if err := e.End(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// framed makes a frame of segments, and checks that a decoder with as little memory as nodes have
// decodes it to content.
func framed(t testing.TB, content []byte, segments ...[]byte) []byte {
	t.Helper()
	frame := AppendHeader(nil, uint64(len(content)), false)
	for _, s := range segments {
		frame = append(frame, s...)
	}
	frame = AppendEnd(frame)
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(Window), zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	got, err := d.DecodeAll(frame, nil)
	if err != nil {
		t.Fatalf("decoding %d bytes: %v", len(content), err)
	}
	if !bytes.Equal(got, content) {
		t.Fatalf("%d bytes become %d others", len(content), len(got))
	}
	return frame
}

// contents returns contents of all kinds, with sizes around that of a block.
func contents() map[string][]byte {
	all := map[string][]byte{
		"nothing":        {},
		"a byte":         {7},
		"nine bytes":     []byte("aaaaaaaaa"),
		"zeros":          make([]byte, 3*maxBlock+5),
		"noise":          noise(1, 2*maxBlock+77),
		"two bytes":      bytes.Repeat([]byte{1, 2}, maxBlock),
		"noise, twice":   bytes.Repeat(noise(2, maxBlock+1000), 2),
		"program":        code(1, 5<<20),
		"few values":     make([]byte, 1<<20),
		"far":            append(append(noise(3, 300<<10), code(2, 20<<20)...), noise(3, 300<<10)...),
		"all byte pairs": make([]byte, 2<<16),
		// Incompressible content is between compressible ones: the repcodes must be those of the
		// decoder, which does not learn any from a raw block.
		"noise between": append(append(bytes.Repeat(code(3, 3000), 90), noise(4, 2*maxBlock)...), bytes.Repeat(code(3, 3000), 90)...),
	}
	for i := range all["few values"] {
		all["few values"][i] = byte(i*i>>5) & 3
	}
	for i := range all["all byte pairs"] {
		all["all byte pairs"][i] = byte(i >> (8 * (i & 1)))
	}
	for _, n := range []int{3, ahead - 1, ahead, ahead + 1, maxBlock - 1, maxBlock, maxBlock + 1, maxBlock + ahead, 2*maxBlock + ahead - 1} {
		all[fmt.Sprint("program of ", n)] = code(uint64(n), n)
	}
	return all
}

// eachLevel runs a test with an encoder of each level.
func eachLevel(t *testing.T, f func(t *testing.T, level Level)) {
	for name, level := range map[string]Level{"best": Best, "max": Max} {
		t.Run(name, func(t *testing.T) { f(t, level) })
	}
}

func TestFramesAreDecoded(t *testing.T) { eachLevel(t, testFramesAreDecoded) }

func testFramesAreDecoded(t *testing.T, level Level) {
	e := NewEncoder(level)
	for name, content := range contents() {
		t.Run(name, func(t *testing.T) {
			e.Reset()
			frame := framed(t, content, segment(t, e, content))
			if most := len(content) + 3*(len(content)/maxBlock+1) + 16; len(frame) > most {
				t.Errorf("a frame of %d bytes for %d", len(frame), len(content))
			}
		})
	}
}

// An incompressible block is written raw, although copies were found in it. The decoder does not
// learn their offsets, so the next block must not refer to them (RFC 8878, section 3.1.1.5).
func TestRawBlocksKeepTheRepeatedOffsets(t *testing.T) {
	const before = 16 // blocks of noise from which the parser learns that copies are rare
	content := append(noise(5, before*maxBlock), noise(11, maxBlock)...)
	// Copies of 4 bytes from so far away save almost nothing: a few are used, and their tables cost
	// more.
	r := rand.New(rand.NewPCG(1, 4000))
	for i := range 1000 {
		at := len(content) - 5 - i*(maxBlock/1000)
		from := at - 200_000 + r.IntN(25_000)
		copy(content[at:], content[from:from+4])
	}
	e := NewEncoder(Best)
	encoded := segment(t, e, content)
	header := encoded[before*(3+maxBlock):]
	if kind := header[0] >> 1 & 3; kind != rawBlock || len(e.parser.sequences) == 0 {
		t.Fatalf("the last block is of kind %d with %d copies, want a raw one with some", kind, len(e.parser.sequences))
	}
	offset := int(e.parser.sequences[len(e.parser.sequences)-1].offset) - 3
	// The copy could refer to the last offset only after a literal.
	content = append(content, content[len(content)-offset]^0x55)
	for range maxBlock {
		content = append(content, content[len(content)-offset])
	}
	e.Reset()
	if frame := framed(t, content, segment(t, e, content)); len(frame) > (before+1)*maxBlock+1000 {
		t.Errorf("%d bytes: the copy was not found", len(frame))
	}
}

// zstd's own program decides what the format allows.
func TestFramesAreDecodedByZstd(t *testing.T) { eachLevel(t, testFramesAreDecodedByZstd) }

func testFramesAreDecodedByZstd(t *testing.T, level Level) {
	program := imagetest.Program(t, "zstd")
	e := NewEncoder(level)
	for name, content := range contents() {
		t.Run(name, func(t *testing.T) {
			e.Reset()
			file := filepath.Join(t.TempDir(), "frame.zst")
			if err := os.WriteFile(file, framed(t, content, segment(t, e, content)), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := exec.CommandContext(t.Context(), program, "-dcq", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, content) {
				t.Errorf("%d bytes become %d others", len(content), len(got))
			}
		})
	}
}

// Segments are the same whether the encoder encoded or loaded the content before them.
func TestSegmentsDependOnTheWindowAlone(t *testing.T) {
	eachLevel(t, testSegmentsDependOnTheWindowAlone)
}

func testSegmentsDependOnTheWindowAlone(t *testing.T, level Level) {
	if testing.Short() {
		t.Skip("compresses some 300 MB")
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
		for _, known := range []int{Window, Window + 3*slack + 1} {
			if !bytes.Equal(segmentAfter(t, e, before[max(0, len(before)-known):], p), made[i]) {
				t.Errorf("segment %d has other bytes if %d bytes before it are known", i, known)
			}
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

// Caches still have segments from other versions of this package.
func TestVersionNamesTheBytes(t *testing.T) {
	for level, want := range map[Level]string{Best: "1 e8aca3238ef7b920", Max: "max 1 3a271825fb6f5032"} {
		e := NewEncoder(level)
		sum := sha256.New()
		for _, content := range [][]byte{code(1, 1<<20), noise(1, 1000), make([]byte, 300_000), code(2, 200_000)} {
			sum.Write(segment(t, e, content))
		}
		if got := level.Version() + " " + hex.EncodeToString(sum.Sum(nil))[:16]; got != want {
			t.Errorf("version and digest are %q instead of %q: after an intended change of the output, change Version too", got, want)
		}
	}
}

func TestMaxIsSmallerThanBest(t *testing.T) {
	content := code(1, 1<<20)
	best, most := len(segment(t, NewEncoder(Best), content)), len(segment(t, NewEncoder(Max), content))
	if most > best*97/100 {
		t.Errorf("max makes %d bytes, best %d", most, best)
	}
}

type failingWriter struct{ after int }

var errFull = errors.New("the disk is full")

func (f *failingWriter) Write(b []byte) (int, error) {
	if f.after -= len(b); f.after < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestErrorsOfTheWriterEndASegment(t *testing.T) {
	content := code(1, 4<<20)
	e := NewEncoder(Best)
	whole := segment(t, e, content)
	for _, after := range []int{0, len(whole) / 2, len(whole) - 1} {
		e.Reset()
		e.Begin(&failingWriter{after})
		_, err := io.Copy(e, bytes.NewReader(content))
		if err != nil && !errors.Is(err, errFailed) {
			t.Errorf("after %d bytes, Write: %v", after, err)
		}
		if err := e.End(); !errors.Is(err, errFull) {
			t.Errorf("after %d bytes, End: %v", after, err)
		}
		e.Reset()
		if !bytes.Equal(segment(t, e, content), whole) {
			t.Error("the encoder has not recovered")
		}
	}
}

func TestHeadersDeclareTheSmallestWindow(t *testing.T) {
	for _, tt := range []struct{ size, window uint64 }{
		{0, 1 << 10}, {1, 1 << 10}, {1 << 10, 1 << 10}, {1<<10 + 1, 1 << 11}, {maxBlock, maxBlock}, {Window - 1, Window},
		{Window, Window}, {Window + 1, Window}, {1<<32 - 1, Window}, {1 << 32, Window}, {1 << 40, Window},
	} {
		for _, checksum := range []bool{false, true} {
			var h zstd.Header
			if err := h.Decode(AppendHeader(nil, tt.size, checksum)); err != nil {
				t.Fatal(err)
			}
			if h.WindowSize != tt.window || h.FrameContentSize != tt.size || !h.HasFCS || h.HasCheckSum != checksum || h.SingleSegment {
				t.Errorf("%d bytes: the header is %+v", tt.size, h)
			}
		}
	}
}

// FuzzEncoder makes content from its input: each byte adds new or earlier content, and some bytes
// begin a segment.
func FuzzEncoder(f *testing.F) {
	f.Add([]byte("a frame of layers"))
	f.Add([]byte{0, 1, 2, 250, 130, 255, 9, 9, 9, 200, 3, 251, 140, 170})
	f.Add(noise(1, 300))
	encoders := []*Encoder{NewEncoder(Best), NewEncoder(Max)}
	f.Fuzz(func(t *testing.T, script []byte) {
		var (
			content []byte
			ends    []int
		)
		for i, b := range script {
			switch {
			case len(content) > 3*maxBlock:
			case b < 100:
				content = append(content, b)
			case b < 120:
				content = append(content, noise(uint64(b), 1<<(b-100)>>3)...)
			case b < 200:
				n := min(len(content), 1<<(b%21))
				content = append(content, content[len(content)-n:len(content)-n+min(n, int(b)*int(b))]...)
			case b < 250:
				content = append(content, bytes.Repeat([]byte{b, byte(i)}[:1+b&1], 1<<(b%17))...)
			default:
				ends = append(ends, len(content))
			}
		}
		ends = append(ends, len(content))
		for _, e := range encoders {
			var segments [][]byte
			at := 0
			e.Reset()
			for _, end := range ends {
				segments = append(segments, segment(t, e, content[at:end]))
				at = end
			}
			framed(t, content, segments...)
			// The last segment by itself.
			if n := len(ends); n > 1 {
				if !bytes.Equal(segmentAfter(t, e, content[:ends[n-2]], content[ends[n-2]:]), segments[n-1]) {
					t.Error("the last segment differs if the content before it is loaded")
				}
			}
		}
	})
}

// BenchmarkEncoder encodes a real program, this one, and compares with the library's best level, on
// one core and on two. B/op is not memory, but the size of the output.
func BenchmarkEncoder(b *testing.B) {
	content := program(b)
	for name, level := range map[string]Level{"best": Best, "max": Max} {
		b.Run(name, func(b *testing.B) {
			e := NewEncoder(level)
			b.SetBytes(int64(len(content)))
			var size int
			for b.Loop() {
				e.Reset()
				size = len(segment(b, e, content))
			}
			b.ReportMetric(float64(size), "size")
		})
	}
	b.Run("library", func(b *testing.B) {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(Window))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(content)))
		var out []byte
		for b.Loop() {
			out = e.EncodeAll(content, out[:0])
		}
		b.ReportMetric(float64(len(out)), "size")
	})
}

func program(b *testing.B) []byte {
	b.Helper()
	path, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return content
}

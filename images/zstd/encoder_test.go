package zstd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/imagetest"
)

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

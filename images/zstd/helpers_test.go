package zstd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
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

package bindiff

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// patchOf returns a patch, and checks that it makes new.
func patchOf(t testing.TB, old, new []byte) []byte {
	t.Helper()
	patch, err := Diff(t.Context(), old, new)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Apply(&out, old, patch, len(new)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), new) {
		t.Fatal("the patch makes other bytes")
	}
	return patch
}

func TestPatches(t *testing.T) {
	noise, words := imagetest.Noise(1, 200_000), []byte(imagetest.Words(1, 200_000))
	changed := slices.Clone(noise)
	for i := 0; i < len(changed); i += 1000 {
		changed[i]++
	}
	zeros := make([]byte, 1<<20)
	almostZeros := slices.Clone(zeros)
	for i := 1; i < len(zeros); i = i*3 + 1 {
		almostZeros[i] = 1
	}
	repeated := bytes.Repeat([]byte("the same words again, "), 50_000)
	for name, c := range map[string]struct {
		old, new []byte
		limit    int
	}{
		"nothing":                    {nil, nil, 20},
		"of nothing":                 {nil, noise[:1000], 1100},
		"nothing is left":            {noise, nil, 20},
		"the same":                   {noise, noise, 60},
		"one byte":                   {noise[:1], noise[1:2], 20},
		"a byte in each thousand":    {noise, changed, 450},
		"inserted":                   {noise, slices.Concat(noise[:70_000], words[:300], noise[70_000:]), 400},
		"removed":                    {noise, slices.Concat(noise[:70_000], noise[71_000:]), 80},
		"in another order":           {noise, slices.Concat(noise[100_000:], noise[:100_000]), 80},
		"twice":                      {noise, slices.Concat(noise, noise), 80},
		"more than is coded by byte": {noise, slices.Concat(noise[:9], []byte(imagetest.Words(5, 2*maxLiteral)), noise[9:]), 2 * maxLiteral / 3},
		"found again in OLD":         {words, slices.Concat(words, slices.Repeat(imagetest.Noise(3, maxLiteral+1), 1)), maxLiteral + 300},
		"all zeros":                  {zeros, zeros[:900_000], 700},
		"almost all zeros":           {zeros, almostZeros, 700},
		"zeros that are no more":     {almostZeros, zeros, 700},
		"repeated text":              {repeated, slices.Concat(repeated[5:], words[:50], repeated), 1500},
	} {
		t.Run(name, func(t *testing.T) {
			if patch := patchOf(t, c.old, c.new); len(patch) > c.limit {
				t.Errorf("the patch has %d bytes, over %d", len(patch), c.limit)
			}
		})
	}
}

// testProgram returns a program with calls of functions and pointers to them, and some bytes inserted before function at.
func testProgram(kind machineKind, inserted int, at int) []byte {
	const functions, size, text = 3000, 64, 4096
	begin := func(i int) int {
		if i >= at {
			return text + i*size + inserted
		}
		return text + i*size
	}
	b := make([]byte, begin(functions)+8*functions)
	copy(b, "\x7fELF\x02\x01")
	b[18] = map[machineKind]byte{x86: 62, arm64: 183}[kind]
	b[32], b[56] = 64, 1
	b[64] = 1
	binary.LittleEndian.PutUint64(b[64+16:], 0x400000)
	pointers := (begin(functions) + 7) &^ 7
	for i := range functions {
		f := b[begin(i):][:size]
		copy(f, imagetest.Noise(uint64(i), size))
		for k := range size {
			f[k] &= 0x3f // none of it looks like an instruction with an address
		}
		target := begin(i * 7919 % functions)
		switch kind {
		case x86:
			f[8] = 0xe8
			binary.LittleEndian.PutUint32(f[9:], uint32(target-(begin(i)+13)))
		case arm64:
			binary.LittleEndian.PutUint32(f[8:], 0x94000000|uint32((target-begin(i)-8)/4)&0x3ffffff)
			pages := (target+0x400000)>>12 - (begin(i)+16+0x400000)>>12
			binary.LittleEndian.PutUint32(f[16:], 0x90000001|uint32(pages&3)<<29|uint32(pages>>2&0x7ffff)<<5)
			binary.LittleEndian.PutUint32(f[20:], 0x91000021|uint32(target&4095)<<10)
		}
		if p := pointers + 8*i; p+8 <= len(b) {
			binary.LittleEndian.PutUint64(b[p:], uint64(0x400000+target))
		}
	}
	return b
}

// Addresses that have moved cost nothing.
func TestAddressesAreCorrected(t *testing.T) {
	for name, kind := range map[string]machineKind{"x86": x86, "arm64": arm64} {
		t.Run(name, func(t *testing.T) {
			old, new := testProgram(kind, 0, 1500), testProgram(kind, 256, 1500)
			with := patchOf(t, old, new)
			// Without the header, it is not a program.
			copy(old, "none")
			copy(new, "none")
			without := patchOf(t, old, new)
			if len(with) > 700 || len(with)*4 > len(without) {
				t.Errorf("the patch has %d bytes, and %d if addresses are not corrected", len(with), len(without))
			}
		})
	}
}

func TestApplyRefusesDamagedPatches(t *testing.T) {
	old := imagetest.Noise(1, 50_000)
	new := slices.Concat(old[:20_000], []byte("inserted"), old[20_000:])
	patch := patchOf(t, old, new)
	for n := range patch {
		if err := Apply(&bytes.Buffer{}, old, patch[:n], len(new)); err == nil {
			t.Errorf("a patch of which %d bytes are missing is applied", len(patch)-n)
		}
	}
	for name, c := range map[string]struct {
		patch []byte
		size  int
		want  string
	}{
		"more bytes":    {append(slices.Clone(patch), 0), len(new), "follow its end"},
		"a longer file": {patch, len(new) + 1, "outside the files"},
		"a shorter one": {patch, len(new) - 1, "outside the files"},
		"too large":     {patch, maxSize + 1, "more than"},
		"negative":      {patch, -1, "more than"},
	} {
		if err := Apply(&bytes.Buffer{}, old, c.patch, c.size); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want …%s…", name, err, c.want)
		}
	}
	if err := Apply(&bytes.Buffer{}, old[:100], patch, len(new)); err == nil {
		t.Error("a patch is applied to another file")
	}
}

// FuzzApply applies any bytes: no more than size bytes are made of them.
func FuzzApply(f *testing.F) {
	old := testProgram(x86, 0, 10)[:60_000]
	for _, new := range [][]byte{old, testProgram(x86, 16, 10)[:60_000], imagetest.Noise(1, 300), []byte(imagetest.Words(1, 60_000))} {
		patch, err := Diff(f.Context(), old, new)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(patch, len(new))
	}
	f.Fuzz(func(t *testing.T, patch []byte, size int) {
		if size > 1<<20 {
			return
		}
		var out bytes.Buffer
		err := Apply(&out, old, patch, size)
		if out.Len() > max(size, 0) || err == nil && out.Len() != size {
			t.Errorf("%d bytes instead of %d: %v", out.Len(), size, err)
		}
	})
}

// FuzzDiff makes patches of pieces of a file in any order, with bytes between them.
func FuzzDiff(f *testing.F) {
	old := slices.Concat(imagetest.Noise(1, 3000), testProgram(x86, 0, 10)[:40_000], make([]byte, 5000))
	f.Add([]byte{0, 200, 10, 90}, []byte("between"))
	f.Add([]byte{90, 255, 90, 255, 0, 255}, []byte{})
	f.Fuzz(func(t *testing.T, pieces, between []byte) {
		var new []byte
		for ; len(pieces) >= 2 && len(new) < 1<<20; pieces = pieces[2:] {
			at := int(pieces[0]) * len(old) / 256
			new = append(new, old[at:min(at+13*int(pieces[1]), len(old))]...)
			new = append(new, between...)
		}
		patchOf(t, old, new)
		patchOf(t, new, old)
	})
}

// The files that BENCH_OLD and BENCH_NEW name are compared; see scripts/bench-delta.sh.
func benchmarkFiles(b *testing.B) (old, new []byte) {
	b.Helper()
	paths := [2]string{os.Getenv("BENCH_OLD"), os.Getenv("BENCH_NEW")}
	if paths[0] == "" {
		return testProgram(x86, 0, 1500), testProgram(x86, 256, 1500)
	}
	var files [2][]byte
	for i, path := range paths {
		var err error
		if files[i], err = os.ReadFile(path); err != nil {
			b.Fatal(err)
		}
	}
	return files[0], files[1]
}

func BenchmarkDiff(b *testing.B) {
	old, new := benchmarkFiles(b)
	b.SetBytes(int64(len(new)))
	for b.Loop() {
		patch, err := Diff(b.Context(), old, new)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(patch)), "bytes")
	}
}

func BenchmarkApply(b *testing.B) {
	old, new := benchmarkFiles(b)
	patch, err := Diff(b.Context(), old, new)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(new)))
	for b.Loop() {
		if err := Apply(&bytes.Buffer{}, old, patch, len(new)); err != nil {
			b.Fatal(err)
		}
	}
}

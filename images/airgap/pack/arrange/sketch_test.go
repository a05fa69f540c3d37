package arrange

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
)

func sketched(parts ...[]byte) sketch {
	s := newSketcher()
	for _, p := range parts {
		s.Write(p)
	}
	return s.done()
}

var sketchOptions = cmp.AllowUnexported(sketch{}, mark{})

func TestSketchTellsWhatLayersShare(t *testing.T) {
	const mib = 1 << 20
	shared, other, gap := imagetest.Noise(1, 6*mib), imagetest.Noise(2, 3*mib), imagetest.Noise(3, 20*mib)
	tests := map[string]struct {
		first, second sketch
		want          int64 // in MiB
	}{
		"strangers":              {sketched(imagetest.Noise(4, 4*mib)), sketched(imagetest.Noise(5, 4*mib)), 0},
		"twins":                  {sketched(shared), sketched(shared), 6},
		"a small in a large one": {sketched(gap, shared, other), sketched(shared), 6},
		"at other offsets":       {sketched(other[:12345], shared), sketched(gap[:777], shared, gap[:mib]), 6},
		"out of the window":      {sketched(shared, gap), sketched(gap[:15*mib], shared), 15},
		"zeros":                  {sketched(make([]byte, 8*mib)), sketched(make([]byte, 8*mib)), 0},
		"empty":                  {sketched(), sketched(shared), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			saved, reverse := tt.first.saves(tt.second, format.MaxWindow)
			if again, first := tt.second.saves(tt.first, format.MaxWindow); again != reverse || first != saved {
				t.Errorf("the two have %d and %d bytes in common, or %d and %d", saved, reverse, first, again)
			}
			got := float64(saved) / mib
			if want := float64(tt.want); got < want*0.85-0.1 || got > want*1.15+0.1 {
				t.Errorf("they have %.2f MiB in common; want about %.2f", got, want)
			}
		})
	}
}

func TestSketchDependsOnContentAlone(t *testing.T) {
	content := imagetest.Noise(6, 3<<20)
	want := sketched(content)
	for _, step := range []int{1, 4096, 100_003} {
		s := newSketcher()
		for rest := content; len(rest) > 0; {
			n := min(step, len(rest))
			s.Write(rest[:n])
			rest = rest[n:]
		}
		if diff := cmp.Diff(want, s.done(), sketchOptions); diff != "" {
			t.Errorf("in pieces of %d bytes (-want +got):\n%s", step, diff)
		}
	}
	got, ok := decodeSketch(want.encode())
	if diff := cmp.Diff(want, got, sketchOptions); !ok || diff != "" {
		t.Errorf("remembered: %v (-want +got):\n%s", ok, diff)
	}
	if _, ok := decodeSketch(want.encode()[1:]); ok {
		t.Error("a damaged record is a sketch")
	}
	// The order of archives depends on sketches, and stores keep them.
	const known = "071ea5951e6d94d8e6d25c0e6367b9b670b40d79535ff25dca05c382d3e425d0"
	sum := sha256.Sum256(want.encode())
	if got := hex.EncodeToString(sum[:]); got != known {
		t.Errorf("sketches became others (%s instead of %s): SketchKind needs the next number", got, known)
	}
}

func TestSketchOfLayersInSequence(t *testing.T) {
	a, b := imagetest.Noise(7, 2<<20), imagetest.Noise(8, 3<<20)
	want := sketched(a, b)
	got := sketched(a).followed(sketched(b))
	if want.size != got.size || want.limit != got.limit {
		t.Errorf("size %d and limit %d instead of %d and %d", got.size, got.limit, want.size, want.limit)
	}
	// Up to 64 bytes at the border belong to neither.
	n, _ := got.saves(want, format.MaxWindow)
	if all, _ := want.saves(want, format.MaxWindow); n < all*9/10 {
		t.Errorf("%d of %d bytes are in common with the whole", n, all)
	}
}

// The size of a sketch is limited, however large the layer is, and its information remains about
// the same.
func TestSketchIsBounded(t *testing.T) {
	s := newSketcher()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 5 * maxMarks {
		s.keep(random.Uint32(), int64(i)<<sampleBits)
	}
	s.size = 5 * maxMarks << sampleBits
	large := s.done()
	if len(large.marks) > maxMarks || large.limit != allHashes/8 {
		t.Errorf("it has %d marks below %d", len(large.marks), large.limit)
	}
	all := sketch{marks: nil, limit: allHashes, size: large.size}
	random = rand.New(rand.NewPCG(1, 2))
	for range maxMarks {
		all.marks = append(all.marks, mark{hash: random.Uint32()})
	}
	all.tidy()
	got, _ := large.saves(all, 1<<40)
	want := int64(maxMarks << sampleBits)
	if got < want*95/100 || got > want*105/100 {
		t.Errorf("%d bytes in common; want about %d", got, want)
	}
}

func BenchmarkSketch(b *testing.B) {
	content := imagetest.Noise(9, 16<<20)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		s := newSketcher()
		for rest := content; len(rest) > 0; rest = rest[128<<10:] {
			s.Write(rest[:128<<10])
		}
		s.done()
	}
}

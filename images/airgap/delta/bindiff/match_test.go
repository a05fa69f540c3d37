package bindiff

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// An interrupted context ends when it has been asked a number of times whether it has ended.
type interrupted struct {
	context.Context
	cancel context.CancelFunc
	asked  int
}

func (c *interrupted) Err() error {
	if c.asked--; c.asked < 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// Diff can be interrupted at the start, and at about each interval.
func TestDiffIsInterrupted(t *testing.T) {
	old, ended := imagetest.Noise(1, 100_000), errors.New("ended")
	for name, c := range map[string]struct {
		new  []byte
		want int
	}{
		"equal":     {old, 1},
		"different": {imagetest.Noise(2, 900_000), 900_000 / interval},
	} {
		asked := 0
		for ; ; asked++ {
			parent, cancel := context.WithCancelCause(t.Context())
			_, err := Diff(&interrupted{parent, func() { cancel(ended) }, asked}, old, c.new)
			cancel(nil)
			if err == nil {
				break
			}
			if !errors.Is(err, ended) {
				t.Fatalf("%s, interrupted after %d times: error %v", name, asked, err)
			}
		}
		if asked < c.want {
			t.Errorf("%s: Diff can be interrupted %d times, want %d", name, asked, c.want)
		}
	}
}

// betterAlignments returns files with a number of alignments, each of which is found after the others and resembles NEW
// better than those before, all the way back. Of each 8 bytes, 7 are zero in both files. The others differ, but in each
// alignment 64 more of them are equal than in the one before. At the end of NEW, a key for each alignment is in OLD where
// it belongs.
func betterAlignments(alignments int) (old, new []byte) {
	const slots, gain, key = 100_000, 64, 32
	random := rand.New(rand.NewPCG(1, 2))
	new = make([]byte, 8*slots+2*key*alignments)
	old = make([]byte, len(new)+8*alignments)
	for i := 0; i < len(new); i += 8 {
		new[i] = 1
	}
	for i := 0; i < len(old); i += 8 {
		old[i] = 2
	}
	for k := 1; k <= alignments; k++ {
		for range gain * k {
			i := random.IntN(slots)
			if a, b := &new[8*i], &old[8*(i+k)]; *a == 1 && *b == 2 {
				*a = byte(3 + random.IntN(253))
				*b = *a
			}
		}
		at := 8*slots + 2*key*(k-1)
		copy(new[at:], imagetest.Noise(uint64(k), key))
		copy(old[at+8*k:], imagetest.Noise(uint64(k), key))
	}
	return old, new
}

// However often alignments change, the work to extend them is linear.
func TestAlignmentsAreExtendedInLinearTime(t *testing.T) {
	old, new := betterAlignments(25)
	a := &aligner{old: old, new: new}
	if err := a.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if limit := maxExtended * len(new); a.extended > limit {
		t.Errorf("%d bytes are compared for %d, over %d", a.extended, len(new), limit)
	}
}

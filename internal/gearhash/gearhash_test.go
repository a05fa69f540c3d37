package gearhash

import "testing"

// The first numbers of splitmix64 with the seed 0, in every implementation.
func TestTableIsSplitmix64(t *testing.T) {
	for b, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := Roll(0, byte(b)); got != want {
			t.Errorf("byte %d: got %#x, want %#x", b, got, want)
		}
	}
}

func TestHashDependsOnTheWindowAlone(t *testing.T) {
	var a, b uint64 = 1, 1 << 40
	for i := range Window {
		a, b = Roll(a, byte(i)), Roll(b, byte(i))
	}
	if a != b {
		t.Errorf("got %#x and %#x", a, b)
	}
}

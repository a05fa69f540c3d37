package bindiff

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// several returns files with blocks for all lanes, and, if extra is set, with extra bytes that are compressed apart, which
// begin and end within blocks.
func several(extra bool) (old, new []byte) {
	old = slices.Concat(testProgram(x86, 0, 1500), imagetest.Noise(1, 6<<20))
	new = slices.Concat(testProgram(x86, 256, 1500), old[len(testProgram(x86, 0, 1500)):])
	for i := 0; i < len(new); i += 5000 {
		new[i] ^= 0x55
	}
	if extra {
		new = slices.Concat(new[:blockSize-100], imagetest.Noise(2, maxLiteral+blockSize), new[blockSize-100:], []byte("the end"))
	}
	return old, new
}

// A patch of several lanes is the same on any number of cores, and makes the same bytes.
func TestLanes(t *testing.T) {
	for name, extra := range map[string]bool{"without extra bytes": false, "with extra bytes": true} {
		t.Run(name, func(t *testing.T) {
			old, new := several(extra)
			patch := patchOf(t, old, new)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			if !bytes.Equal(patchOf(t, old, new), patch) {
				t.Error("the patch depends on the number of cores")
			}
		})
	}
	for size, want := range map[int]int{0: 1, 1<<20 - 1: 1, 2<<20 - 1: 1, 2 << 20: 2, 4 << 20: 4, maxSize: 4} {
		if got := lanesOf(size); got != want {
			t.Errorf("%d bytes have %d lanes, want %d", size, got, want)
		}
	}
}

// A writer that fails ends all lanes, and a lane that is damaged is an error.
func TestLanesThatFail(t *testing.T) {
	old, new := several(true)
	patch := patchOf(t, old, new)
	before := runtime.NumGoroutine()
	full := errors.New("full")
	for _, room := range []int{0, 1, blockSize, 3*blockSize + 5} {
		if err := Apply(&limited{room, full}, old, patch, len(new)); !errors.Is(err, full) {
			t.Errorf("a writer with room for %d bytes: error %v", room, err)
		}
	}
	for n := headSize; n < len(patch); n += len(patch)/20 + 1 {
		if err := Apply(&bytes.Buffer{}, old, patch[:n], len(new)); err == nil {
			t.Errorf("a patch of %d bytes is applied that is cut after %d", len(patch), n)
		}
		var out bytes.Buffer
		if err := Apply(&out, old, slices.Insert(slices.Clone(patch), n, 1), len(new)); err == nil && bytes.Equal(out.Bytes(), new) {
			t.Errorf("a byte inserted at %d does not matter", n)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines are left", after-before)
	}
}

// A limited is a writer with room for some bytes.
type limited struct {
	room int
	err  error
}

func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.room {
		return 0, l.err
	}
	l.room -= len(b)
	return len(b), nil
}

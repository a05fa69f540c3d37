//go:build unix

package bindiff

import (
	"bytes"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/images/imagetest"
)

// Diff writes nothing into its arguments, which may be the same memory. A write into a page that can only be read ends the
// test.
func TestDiffWritesNothing(t *testing.T) {
	old, changed := several(false)
	changed = slices.Insert(changed, 1<<20, imagetest.Noise(3, 1000)...)
	new, err := unix.Mmap(-1, 0, len(changed), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(new); err != nil {
			t.Error(err)
		}
	}()
	copy(new, changed)
	if err := unix.Mprotect(new, unix.PROT_READ); err != nil {
		t.Fatal(err)
	}
	patchOf(t, old, new)
	if same := patchOf(t, new, new); len(same) > 1000 || !bytes.Equal(new, changed) {
		t.Errorf("a patch for the same bytes has %d bytes", len(same))
	}
}

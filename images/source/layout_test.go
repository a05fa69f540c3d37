package source

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/imagetest"
)

// The index.json of a layout with thousands of images is read once for all of them, and again after
// a change.
func TestLayoutsAreReadOnce(t *testing.T) {
	one := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000))
	two := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 2, 1000))
	dir := imagetest.WriteLayout(t, map[string]v1.Image{"example.com/acme/one:v1": one})
	index := filepath.Join(dir, "index.json")
	age := func(d time.Duration) {
		t.Helper()
		if err := os.Chtimes(index, time.Time{}, time.Now().Add(-d)); err != nil {
			t.Fatal(err)
		}
	}
	var l layouts
	open := func() *layoutSource {
		t.Helper()
		s, err := l.open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	age(time.Hour)
	first := open()
	if open() != first {
		t.Error("an index.json that did not change was read again")
	}
	// Another file has another time or inode.
	changed := imagetest.WriteLayout(t, map[string]v1.Image{"example.com/acme/two:v1": two})
	if err := os.Rename(filepath.Join(changed, "index.json"), index); err != nil {
		t.Fatal(err)
	}
	fresh := open()
	if _, err := fresh.named(t.Context(), "example.com/acme/two:v1"); err != nil {
		t.Errorf("after a change: %v", err)
	}
	// With a coarse clock, two changes may have the same time.
	age(0)
	if again := open(); open() == again {
		t.Error("an index.json that is as old as the clock's tick was not read again")
	}
}

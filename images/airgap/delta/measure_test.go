package delta

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
)

// measured checks that Measure returns the size of the delta that Write writes, and that its bytes add up.
func measured(t *testing.T, old, new string, opts Options) Measurement {
	t.Helper()
	path := filepath.Join(t.TempDir(), "delta")
	want, err := Write(t.Context(), Olds{Files: []string{old}}, new, path, opts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Measure(t.Context(), Olds{Files: []string{old}}, new, opts)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Result, want) || int64(len(read(t, path))) != got.Size {
		t.Errorf("Measure: %+v, Write: %+v", got.Result, want)
	}
	total, added := got.Rest, int64(0)
	for _, s := range got.Added {
		total, added = total+s.Bytes, added+s.Size
	}
	for _, s := range got.Patched {
		total += s.Bytes
		if s.Bytes < 0 || s.At < 0 {
			t.Errorf("a patch of %+v", s)
		}
	}
	if total != got.Size || added != got.Result.Added {
		t.Errorf("%d of %d bytes; %d of %d added bytes", total, got.Size, added, got.Result.Added)
	}
	if recipe := got.Rest - int64(deltaHead) - 32; recipe <= 0 || recipe > 20<<10 {
		t.Errorf("the recipe has %d bytes", recipe)
	}
	return got
}

func TestMeasure(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	content := airgaptest.NewStore(t)
	old := airgaptest.Pack(t, content, patchRelease(t, 1), pack.Options{Level: "fastest"})
	new := airgaptest.Pack(t, content, patchRelease(t, 2), pack.Options{Level: "fastest"})
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		for _, portable := range []bool{false, true} {
			t.Run(fmt.Sprint(codec, " portable ", portable), func(t *testing.T) {
				got := measured(t, old[codec], new[codec], Options{Portable: portable})
				if made := codec == format.Tar || !portable; made != (len(got.Patched) > 0) {
					t.Errorf("%d patches", len(got.Patched))
				}
			})
		}
	}
	if left := airgaptest.FilesIn(t, os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("%q remains", left)
	}
}

// Any two files can be measured, and equal ones.
func TestMeasureAnyFiles(t *testing.T) {
	base := imagetest.Noise(1, 300_000)
	a, b := write(t, base), write(t, append(imagetest.Noise(2, 400_000), base[1000:]...))
	for _, pair := range [][2]string{{a, b}, {b, a}, {a, a}} {
		measured(t, pair[0], pair[1], Options{})
	}
}

// A patch of several runs, and of the window of one, is divided among them.
func TestSharesOfPatches(t *testing.T) {
	d := &delta{contentRecipe: contentRecipe{
		Content: []contentStep{{Size: 100, Patch: 10}, {Size: 50}, {Size: 150, Patch: 301}},
		Made: []madeRun{
			{From: 0, Content: 50, tar: 1000},
			{From: 60, Content: 40, Window: 10, tar: 2000}, // ends with the first step
			{From: 100, Content: 20, tar: 3000},
			{From: 200, Content: 100, Window: 80, tar: 4000},
		}}}
	want := []Share{{1000, 50, 5}, {2000, 40, 5}, {4000, 100, 301}}
	if got := d.patched(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

package release

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestPreflightReportsEverythingMissing(t *testing.T) {
	r := makeRelease(t)
	b := r.open()
	p, err := b.Preflight(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Images != 2 || p.Fetch < 600_000 {
		t.Errorf("got %+v, want the pause image for two platforms", p)
	}
	testfile.Write(t, filepath.Join(r.dir, "images.txt"), r.other+"/tools/none:1\n"+r.other+"/tools/gone:1\n")
	_, err = r.open().Preflight(t.Context(), nil)
	for _, want := range []string{"images.txt:1", "tools/none:1", "images.txt:2", "tools/gone:1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
}

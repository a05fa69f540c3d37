package delta

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/delta/bindiff"
)

// A delta with patches of another format is refused before it is applied; one without patches names none.
func TestFormatOfPatches(t *testing.T) {
	patched := []contentStep{{Size: 100, Patch: 10}}
	for format, want := range map[string]string{bindiff.Format: "", "": `the format ""`, "bindiff 1": "make it again"} {
		err := (&contentRecipe{Content: patched, Patches: format}).checkEncoders()
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("format %q: error %v, want %q", format, err, want)
		}
	}
	if err := (&contentRecipe{Content: []contentStep{{Size: 100}}}).checkEncoders(); err != nil {
		t.Errorf("without patches: %v", err)
	}
}

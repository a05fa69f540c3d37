package source

import (
	"strings"
	"testing"
)

// An ID of Docker Engine is not a name.
func TestImageIDs(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for ref, want := range map[string]bool{"sha256:" + hex: true, hex: true, hex[:12]: true, "acme/one:v1": false, "busybox": false, hex[:12] + ":v1": false} {
		if imageID.MatchString(ref) != want {
			t.Errorf("%s: an ID: %t", ref, !want)
		}
	}
}

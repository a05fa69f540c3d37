package images

import (
	"testing"
	"time"
)

func TestParseEpoch(t *testing.T) {
	if got, err := ParseEpoch("1767225600"); err != nil || got.Format(time.RFC3339) != "2026-01-01T00:00:00Z" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, s := range []string{"-1", "1.5", "now", "2026-01-01", "253402300800", " 1", ""} {
		if got, err := ParseEpoch(s); err == nil {
			t.Errorf("%q is %v, want an error", s, got)
		}
	}
}

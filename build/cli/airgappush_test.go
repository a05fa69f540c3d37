package cli

import (
	"testing"

	"github.com/slipway-build/slipway/images"
)

func TestPushCompression(t *testing.T) {
	for text, want := range map[string]images.Compression{
		"gzip":    {Algorithm: "gzip"},
		"gzip:1":  {Algorithm: "gzip", Level: 1},
		"zstd":    {Algorithm: "zstd"},
		"zstd:22": {Algorithm: "zstd", Level: 22},
	} {
		if got, err := pushCompression(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "none", "gzip:", "gzip:0", "gzip:10", "zstd:23", "zstd:x", "gzip:1:2"} {
		if got, err := pushCompression(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

package verify

import (
	"os"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/slipway-build/slipway/images/airgap/format"
)

func TestVerifyReadsParts(t *testing.T) {
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		path, _ := airgaptest.Split(t, codec, 4000, airgaptest.GzipImages(t)...)
		r, err := Archive(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Problems) > 0 || len(r.Notes) > 0 || r.Path != path {
			t.Errorf("%s: %+v", codec, r)
		}

		second := format.PartPath(path, 2)
		raw, err := os.ReadFile(second)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(second, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err = Archive(t.Context(), path, Options{}); err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(r.Problems, "\n"); !strings.Contains(all, ".part002 is damaged") || strings.Contains(all, ".part001 is damaged") {
			t.Errorf("%s: a damaged part: %v", codec, r.Problems)
		}
		if err := os.Remove(path + format.ChecksumsSuffix); err != nil {
			t.Fatal(err)
		}
		if r, err = Archive(t.Context(), path, Options{}); err != nil || len(r.Notes) != 1 || len(r.Problems) == 0 {
			t.Errorf("%s: without digests of parts: %+v, %v", codec, r, err)
		}
	}
}

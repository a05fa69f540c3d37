package pack_test

import (
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/verify"
)

func mustVerify(t testing.TB, path string, o verify.Options) *verify.Report {
	t.Helper()
	r, err := verify.Archive(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// packed returns the only image of an archive.
func packed(t testing.TB, path string) *airgap.PackedImage {
	t.Helper()
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	list, err := a.Images(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d images: %v", len(list), err)
	}
	return list[0]
}

package airgap_test

import (
	"testing"

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

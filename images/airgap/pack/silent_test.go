package pack_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
)

// The config of an image from `crane append` has no platform. The archive is for the requested
// platform.
func TestAnImageThatStatesNoPlatform(t *testing.T) {
	content := airgaptest.NewStore(t)
	path := filepath.Join(t.TempDir(), "images.tar")
	ref := airgaptest.Ref(t, "example.com/silent:1")
	silent := imagetest.Silent(t, imagetest.Layer(t, imagetest.Files{"a": "a"}))
	outputs := []pack.Output{{Path: path}}
	if _, err := pack.Write(t.Context(), content, []pack.Image{{Names: []name.Reference{ref}, Image: silent}}, outputs, pack.Options{}); err == nil ||
		!strings.Contains(err.Error(), "states no platform") {
		t.Fatalf("without a platform: %v", err)
	}
	want, other := imagetest.Platform(t, "linux/arm64"), imagetest.Platform(t, "linux/amd64")
	if _, err := pack.Write(t.Context(), content, []pack.Image{{Names: []name.Reference{ref}, Image: silent, Platform: want}}, outputs, pack.Options{}); err != nil {
		t.Fatal(err)
	}
	report, err := verify.Archive(t.Context(), path, verify.Options{Platform: &want})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %v, %v", err, report)
	}
	if report, err := verify.Archive(t.Context(), path, verify.Options{Platform: &other}); err != nil || len(report.Problems) == 0 {
		t.Errorf("verify for another platform: %v, %v", err, report)
	}
	found, err := airgap.Find(t.Context(), ref, &want, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	if got := images.FormatPlatform(found.Image.Platform); got != "linux/arm64" {
		t.Errorf("found one for %s", got)
	}
	if _, err := airgap.Find(t.Context(), ref, &v1.Platform{OS: "linux", Architecture: "s390x"}, []string{path}); err == nil {
		t.Error("it was found for s390x")
	}
}

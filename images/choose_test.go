package images_test

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

func TestImageForLooksIntoNestedIndexesAndSkipsAttestations(t *testing.T) {
	linux := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": "linux"}))
	bases := imagetest.WindowsBase(t, "10.0.17763.1", "10.0.20348.4294")
	// Its entry says nothing, as `docker manifest create` can leave it.
	silent := imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"a": "arm"}))
	index := imagetest.Attest(t, mutate.AppendManifests(imagetest.Index(t, linux),
		mutate.IndexAddendum{Add: bases}, mutate.IndexAddendum{Add: silent, Descriptor: v1.Descriptor{Platform: &v1.Platform{}}}), imagetest.AttestationImage)

	for want, have := range map[string]string{
		"linux/amd64": "linux/amd64", "linux/arm64": "linux/arm64",
		"windows/amd64:10.0.20348.4294": "windows/amd64:10.0.20348.4294",
		"windows/amd64:10.0.20348.1":    "windows/amd64:10.0.20348.4294", // of the same build
	} {
		image, err := images.ImageFor(index, imagetest.Platform(t, want))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		platform, err := images.ConfigPlatform(image)
		if got := images.FormatPlatform(platform); err != nil || got != have {
			t.Errorf("%s: got %s (%v), want %s", want, got, err, have)
		}
	}
	_, err := images.ImageFor(index, imagetest.Platform(t, "windows/amd64:10.0.26100.1"))
	var missing *images.NoPlatformError
	if !errors.As(err, &missing) || len(missing.Offered) != 4 {
		t.Errorf("a platform that is not there: %v, want a NoPlatformError that lists four", err)
	}
}

func TestImageForEndsWhereIndexesNestTooDeep(t *testing.T) {
	index := imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": ""})))
	for range 6 {
		index = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index})
	}
	if _, err := images.ImageFor(index, imagetest.Platform(t, "linux/amd64")); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("got %v, want an error about depth", err)
	}
}

func TestImageServes(t *testing.T) {
	image := imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"a": ""}))
	if _, err := images.ImageServes(image, imagetest.Platform(t, "linux/arm64")); err != nil {
		t.Error(err)
	}
	if _, err := images.ImageServes(image, imagetest.Platform(t, "linux/amd64")); !images.IsNoPlatform(err) {
		t.Errorf("got %v, want a NoPlatformError", err)
	}
}

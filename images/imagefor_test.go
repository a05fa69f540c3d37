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
	// Its entry has no platform, as `docker manifest create` can leave it.
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
		t.Errorf("a missing platform: %v, want a NoPlatformError that lists four", err)
	}
}

func TestImageForRefusesDeeplyNestedIndexes(t *testing.T) {
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
	if err := images.ImageServes(image, nil, imagetest.Platform(t, "linux/arm64")); err != nil {
		t.Error(err)
	}
	if err := images.ImageServes(image, nil, imagetest.Platform(t, "linux/amd64")); !lacksPlatform(err) {
		t.Errorf("got %v, want a NoPlatformError", err)
	}
}

// crane append makes images whose config has no platform.
func TestAnImageWithoutPlatformIsTakenIfItIsTheOnlyOne(t *testing.T) {
	silent := imagetest.Silent(t, imagetest.Layer(t, imagetest.Files{"a": ""}))
	linux := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": ""}))
	want := imagetest.Platform(t, "linux/arm64")
	if err := images.ImageServes(silent, nil, want); err != nil {
		t.Error(err)
	}
	if _, err := images.ConfigPlatform(silent); err == nil {
		t.Error("it has a platform without anybody's saying so")
	}
	alone := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: silent})
	if _, err := images.ImageFor(alone, want); err != nil {
		t.Error(err)
	}
	beside := mutate.AppendManifests(imagetest.Index(t, linux), mutate.IndexAddendum{Add: silent})
	if _, err := images.ImageFor(beside, want); !lacksPlatform(err) || !strings.Contains(err.Error(), "an image that states no platform") {
		t.Errorf("beside another: got %v, want a NoPlatformError that names it", err)
	}
	// The entry of an index has the platform.
	entry := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: silent, Descriptor: v1.Descriptor{Platform: &want}})
	made, err := images.NewIndex([]images.IndexEntry{{Name: "silent", Index: entry}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := images.ImageFor(made, want); err != nil {
		t.Error(err)
	}
	if _, err := images.NewIndex([]images.IndexEntry{{Name: "silent", Image: silent}}, nil); err == nil || !strings.Contains(err.Error(), "states no platform") {
		t.Errorf("an index of it: got %v", err)
	}
}

func TestBaseServes(t *testing.T) {
	linux := imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"a": ""}))
	windows := imagetest.Image(t, "windows/amd64:10.0.20348.1", imagetest.Layer(t, imagetest.Files{"Files/a": ""}))
	for _, c := range []struct {
		name, want string
		image      v1.Image
		ok         bool
	}{
		{"another architecture", "linux/amd64", linux, true},
		{"another system", "windows/amd64:10.0.20348.1", linux, false},
		{"another version of Windows", "windows/amd64:10.0.26100.1", windows, false},
		{"the version of Windows", "windows/amd64:10.0.20348.1", windows, true},
		{"a silent one", "linux/s390x", imagetest.Silent(t), true},
	} {
		err := images.BaseServes(c.image, nil, imagetest.Platform(t, c.want))
		if (err == nil) != c.ok || err != nil && !lacksPlatform(err) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func lacksPlatform(err error) bool {
	var missing *images.NoPlatformError
	return errors.As(err, &missing)
}

// If an entry and a config have different architectures, that of the entry is used. Different
// Windows versions or operating systems are an error.
func TestImageForComparesEntryAndConfig(t *testing.T) {
	for _, c := range []struct{ said, stated, err string }{
		{"linux/arm64", "linux/amd64", ""},
		{"windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.1", ""},
		{"windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.2", "the index has platform windows/amd64:10.0.20348.1, but the image's config has windows/amd64:10.0.20348.2"},
		{"windows/amd64:10.0.20348.1", "linux/amd64", "the index has platform windows/amd64:10.0.20348.1"},
	} {
		said := imagetest.Platform(t, c.said)
		index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
			Add: imagetest.Image(t, c.stated, imagetest.Layer(t, imagetest.Files{"a": "a"})), Descriptor: v1.Descriptor{Platform: &said}})
		_, err := images.ImageFor(index, said)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("an entry for %s of an image for %s: %v", c.said, c.stated, err)
		}
	}
}

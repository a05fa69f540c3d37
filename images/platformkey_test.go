package images_test

import (
	"errors"
	"testing"

	"github.com/slipway-build/slipway/images"
)

func TestPlatformKeyIsTheSameForEverySpelling(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"linux/arm", "linux/arm/v7", true},
		{"linux/arm64", "linux/arm64/v8", true},
		{"linux/amd64", "linux/x86_64", true},
		{"linux/arm/v6", "linux/arm/v7", false},
		{"windows/amd64:10.0.20348.1", "windows(10.0.20348.1)/amd64", true},
		{"windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.2", false},
		{"windows(10.0.20348.1+a+b)/amd64", "windows(10.0.20348.1+b+a)/amd64", true},
		{"windows(10.0.20348.1+a)/amd64", "windows/amd64:10.0.20348.1", false},
	} {
		a, errA := images.ParsePlatform(c.a)
		b, errB := images.ParsePlatform(c.b)
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if got := images.SamePlatform(a, b); got != c.same {
			t.Errorf("%s and %s: same is %t, want %t", c.a, c.b, got, c.same)
		}
	}
}

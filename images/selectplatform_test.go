package images_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

func TestSelectPlatform(t *testing.T) {
	for _, c := range []struct {
		name, want string
		offered    string
		chosen     string // empty means an error
	}{
		{"linux by architecture", "linux/arm64", "linux/amd64 linux/arm64", "linux/arm64"},
		{"arm takes the newest variant", "linux/arm", "linux/arm/v6 linux/arm/v7 linux/arm/v5", "linux/arm/v7"},
		{"an exact variant goes first", "linux/arm/v6", "linux/arm/v7 linux/arm/v5 linux/arm/v6", "linux/arm/v6"},
		{"a lower variant, the best first", "linux/arm/v7", "linux/arm/v5 linux/arm/v6", "linux/arm/v6"},
		{"never a higher variant", "linux/arm/v6", "linux/arm/v7", ""},
		{"arm is arm/v7", "linux/arm", "linux/arm/v8 linux/arm/v6", "linux/arm/v6"},
		{"arm/v7 is arm", "linux/arm/v7", "linux/arm/v6 linux/arm", "linux/arm"},
		{"amd64 is not amd64/v3", "linux/amd64", "linux/amd64/v3", ""},
		{"amd64/v3 takes v2", "linux/amd64/v3", "linux/amd64 linux/amd64/v4 linux/amd64/v2", "linux/amd64/v2"},
		{"amd64/v3 takes amd64", "linux/amd64/v3", "linux/amd64", "linux/amd64"},
		{"arm64/v9 takes arm64", "linux/arm64/v9", "linux/arm64", "linux/arm64"},
		{"arm64 is arm64/v8", "linux/arm64", "linux/arm64/v9 linux/arm64/v8", "linux/arm64"},
		{"not 386 for amd64, though containerd would", "linux/amd64", "linux/386", ""},
		{"not arm for arm64, though containerd would", "linux/arm64", "linux/arm/v7", ""},
		{"windows by all four numbers", "windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.2 windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.1"},
		{"else the newest of the same build", "windows/amd64:10.0.20348.1", "windows/amd64:10.0.26100.1 windows/amd64:10.0.20348.99 windows/amd64:10.0.20348.100", "windows/amd64:10.0.20348.100"},
		{"three numbers stand for the build", "windows/amd64:10.0.17763", "windows/amd64:10.0.20348.2 windows/amd64:10.0.17763.7919", "windows/amd64:10.0.17763.7919"},
		{"never another build, though containerd would", "windows/amd64:10.0.26100.1", "windows/amd64:10.0.20348.1", ""},
		{"never an entry without version", "windows/amd64:10.0.26100.1", "windows/amd64", ""},
		{"no version and one offered", "windows/amd64", "linux/amd64 windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.1"},
		{"no version and several offered", "windows/amd64", "windows/amd64:10.0.20348.1 windows/amd64:10.0.26100.1", ""},
		{"nothing offered", "linux/amd64", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := images.ParsePlatform(c.want)
			if err != nil {
				t.Fatal(err)
			}
			var offered []v1.Platform
			for _, s := range strings.Fields(c.offered) {
				p, err := images.ParsePlatform(s)
				if err != nil {
					t.Fatal(err)
				}
				offered = append(offered, p)
			}
			i, err := images.SelectPlatform(want, offered)
			if c.chosen == "" {
				if !lacksPlatform(err) {
					t.Fatalf("chose %d, error %v", i, err)
				}
				for _, p := range offered {
					if !strings.Contains(err.Error(), images.FormatPlatform(p)) {
						t.Errorf("error %q does not list %s", err, images.FormatPlatform(p))
					}
				}
				return
			}
			if err != nil || images.FormatPlatform(offered[i]) != c.chosen {
				t.Errorf("chose %d, error %v, want %s", i, err, c.chosen)
			}
		})
	}
}

func TestPlatformsWithWantedFeaturesAreSelected(t *testing.T) {
	want := v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1", OSFeatures: []string{"win32k"}}
	offered := []v1.Platform{{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1"}, want}
	if i, err := images.SelectPlatform(want, offered); i != 1 || err != nil {
		t.Errorf("chose %d, %v", i, err)
	}
}

package proof

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestParseRefusesImagesWithoutNames(t *testing.T) {
	manifest := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0a", 32)}
	image := ImageContent{Names: []string{"docker.io/team/app:v1"}, Config: manifest, Manifest: manifest, Registry: RegistryDigests{Manifest: manifest}}
	for want, images := range map[string][]ImageContent{
		"":                                  {image},
		"its image 2 (manifest sha256:0a0a": {image, {Config: manifest, Manifest: manifest, Registry: image.Registry}},
	} {
		raw, err := encode(Content{Images: images})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(raw); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

package imagetest

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// WriteLayout writes an OCI layout with images by their names, and returns its folder. An image with an empty name has no
// annotation.
func WriteLayout(t *testing.T, images map[string]v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for name, image := range images {
		var options []layout.Option
		if name != "" {
			options = append(options, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": name}))
		}
		if err := l.AppendImage(image, options...); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

package release

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

// TestImageOfArtifacts builds an image that contains an archive of another image, like RKE2's test image, and a bundle.
func TestImageOfArtifacts(t *testing.T) {
	r := makeRelease(t)
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile.test"), "FROM scratch\nCOPY acme-images-core.linux-amd64.tar.zst acme-images-core.linux-amd64.txt /images/\nCOPY acme.linux-amd64.tar.gz /\n")
	r.configure("airgap:\n", `  - name: acme-test
    needs: {lists: [core], bundles: [acme]}
    variants: [{platforms: [linux/amd64], dockerfile: Dockerfile.test, context: dist/artifacts}]
airgap:
`)
	want := []string{"acme.linux-amd64.tar.gz", "images", "images/acme-images-core.linux-amd64.tar.zst", "images/acme-images-core.linux-amd64.txt"}
	b := r.run("build", "images")
	if got := r.paths(b, "acme-test:v1.2.3-acme1-linux-amd64"); !slices.Equal(got, want) {
		t.Errorf("the image has %q, want %q", got, want)
	}
	first := r.recorded()
	r.run("package")
	for name, digest := range first {
		if now := r.recorded()[name]; now != digest {
			t.Errorf("%s was %s, and package made it %s", name, digest, now)
		}
	}

	r.configure("platforms: [linux/amd64], dockerfile: Dockerfile.test", "platforms: [linux/amd64, windows/amd64], dockerfile: Dockerfile.test")
	_, err := Open(t.Context(), Options{Config: filepath.Join(r.dir, "slipway.yaml"), Options: b.options.Options})
	if err == nil || !strings.Contains(err.Error(), "slipway.yaml:12:5: image acme-test needs list core, which is not made for windows/amd64") {
		t.Errorf("got %v", err)
	}
}

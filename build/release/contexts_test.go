package release

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// paths returns the files and folders of a platform's image, by its tag.
func (r *testRelease) paths(b *Release, tag string) []string {
	r.t.Helper()
	d, err := b.layout.Lookup(r.registry + "/team/" + tag)
	if err != nil {
		r.t.Fatal(err)
	}
	image, err := b.layout.Image(d.Digest)
	if err != nil {
		r.t.Fatal(err)
	}
	var paths []string
	for _, layer := range imagetest.LayerEntries(r.t, image) {
		for _, e := range layer {
			paths = append(paths, strings.TrimSuffix(e.Name, "/"))
		}
	}
	slices.Sort(paths)
	return paths
}

// TestBinariesInTheContext builds the most common Dockerfile: it copies a binary from the root of its context. It also
// copies other files from a named context that differs between variants.
func TestBinariesInTheContext(t *testing.T) {
	r := makeRelease(t)
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "FROM scratch\nCOPY acme* /bin/\nCOPY --from=conf . /etc/\n")
	testfile.Write(t, filepath.Join(r.dir, "conf/amd64/tuned"), "")
	testfile.Write(t, filepath.Join(r.dir, "conf/plain/simple"), "")
	r.configure(`    contexts: {bin: "dist/bin/${PLATFORM}"}`+"\n", "    contexts: {conf: conf/plain}\n")
	r.configure("{platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile: Dockerfile}",
		`{platforms: [linux/amd64], context: "dist/bin/${PLATFORM}", contexts: {conf: "conf/${ARCH}"}}
      - {platforms: [linux/arm64, windows/amd64], context: "dist/bin/${PLATFORM}"}`)
	b := r.run("build", "images")
	for tag, want := range map[string][]string{
		"linux-amd64":            {"bin", "bin/acme", "etc", "etc/tuned"},
		"linux-arm64":            {"bin", "bin/acme", "etc", "etc/simple"},
		"windows-ltsc2022-amd64": {"bin", "bin/acme.exe", "etc", "etc/simple"},
	} {
		if got := r.paths(b, "acme-runtime:v1.2.3-acme1-"+tag); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", tag, got, want)
		}
	}
}

package release

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testfile"
)

// Folders, caches, the number of processors and the number of jobs do not affect the bytes of any
// file or image.
func TestAReleaseHasTheSameBytesEverywhere(t *testing.T) {
	digests := func(jobs int) map[string]string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(jobs))
		r := makeRelease(t)
		// The registry of the test has a random port, which must not affect the comparison.
		r.env["REGISTRY"], r.options.Jobs = "registry.example.com", jobs
		testfile.Write(t, filepath.Join(r.dir, "images.txt"), "")
		r.run("package")
		found := map[string]string{}
		for _, folder := range []string{"dist/artifacts", "dist/bin", "dist/oci/blobs"} {
			for name := range r.files(folder) {
				raw, err := os.ReadFile(filepath.Join(r.dir, folder, name))
				if err != nil {
					t.Fatal(err)
				}
				found[folder+"/"+name] = fmt.Sprintf("%x", sha256.Sum256(raw))
			}
		}
		return found
	}
	one := digests(1)
	if len(one) < 20 {
		t.Fatalf("a release has %d files, want more", len(one))
	}
	if diff := cmp.Diff(one, digests(8)); diff != "" {
		t.Errorf("one processor and job, and eight (-1 +8):\n%s", diff)
	}
}

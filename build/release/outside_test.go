package release

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/internal/testfile"
)

// Files that do not exist when slipway.yaml is read are checked when they are used.
func TestABuildReadsNothingOutside(t *testing.T) {
	r := makeRelease(t)
	outside := t.TempDir()
	testfile.Write(t, filepath.Join(outside, "token"), "secret")
	file := filepath.Join(r.dir, config.FileName)
	yaml, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, file, strings.Replace(string(yaml), "{source: LICENSE}", `{source: "made/${PLATFORM}/token"}`, 1))
	b := r.open()
	testfile.Symlink(t, outside, filepath.Join(r.dir, "made"))
	for _, platform := range []string{"linux-amd64", "linux-arm64", "windows-amd64"} {
		testfile.Write(t, filepath.Join(outside, platform, "token"), "secret")
	}
	if err := r.try(b, "package", "bundles"); err == nil || !strings.Contains(err.Error(), "through a symlink") {
		t.Errorf("got %v, want an error about the symlink", err)
	}
}

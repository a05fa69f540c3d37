package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestInside(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "project")
	testfile.Write(t, filepath.Join(dir, "sub", "file"), "")
	testfile.Write(t, filepath.Join(top, "secret"), "")
	testfile.Write(t, filepath.Join(top, "shared", "file"), "")
	for link, target := range map[string]string{
		"project/up": "..", "project/secret": "../secret", "project/within": "sub/file", "project/shared": "../shared",
		"project/dist": "../elsewhere", "entry": "project", "project/back": "../entry/sub",
	} {
		if err := os.Symlink(target, filepath.Join(top, filepath.FromSlash(link))); err != nil {
			t.Skipf("this system makes no symlinks: %v", err)
		}
	}
	config := &Config{Dir: filepath.Join(top, "entry"), Outside: []string{"../shared"}} // itself behind a symlink
	for file, want := range map[string]string{
		".": "", "sub/file": "", "sub/none/${OS}": "", "sub/../within": "", "within": "", "back/file": "", "dist/bin/x": "",
		"../shared/file": "", "shared/file": "", filepath.Join(top, "shared", "none"): "",
		"secret":                     "through a symlink to " + resolve(filepath.Join(top, "secret")),
		"up/secret":                  "through a symlink",
		"up/none":                    "through a symlink",
		"sub/../../secret":           "out of the project",
		"${OS}/../../secret":         "out of the project",
		"..":                         "out of the project",
		"../shared/../secret":        "out of the project",
		"../shared2":                 "out of the project",
		filepath.Join(top, "secret"): "want a path relative to slipway.yaml",
		"dist/../../secret":          "out of the project",
		"/":                          "want a path relative to slipway.yaml",
	} {
		err := config.inside(file)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}

// What is not there when slipway.yaml is read is looked at when it is used.
func TestABuildReadsNothingOutside(t *testing.T) {
	r := makeRelease(t)
	outside := t.TempDir()
	testfile.Write(t, filepath.Join(outside, "token"), "secret")
	config := filepath.Join(r.dir, FileName)
	yaml, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, config, strings.Replace(string(yaml), "{source: LICENSE}", `{source: "made/${PLATFORM}/token"}`, 1))
	b := r.builder()
	if err := os.Symlink(outside, filepath.Join(r.dir, "made")); err != nil {
		t.Skipf("this system makes no symlinks: %v", err)
	}
	for _, platform := range []string{"linux-amd64", "linux-arm64", "windows-amd64"} {
		testfile.Write(t, filepath.Join(outside, platform, "token"), "secret")
	}
	if err := r.try(b, "package", "bundles"); err == nil || !strings.Contains(err.Error(), "through a symlink") {
		t.Errorf("got %v, want an error about the symlink", err)
	}
}

package config

import (
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
		testfile.Symlink(t, target, filepath.Join(top, filepath.FromSlash(link)))
	}
	c := &Config{Dir: filepath.Join(top, "entry"), Outside: []string{"../shared"}} // this path contains a symlink
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
		err := c.CheckInside(file)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// Package release tests check and lock; these are their outputs and exit statuses.
func TestCheckAndLock(t *testing.T) {
	registry := imagetest.Registry(t)
	pushed := imagetest.Push(t, registry+"/org/x:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	_, digest, _ := strings.Cut(pushed, "@")
	dir := t.TempDir()
	config, list := filepath.Join(dir, "slipway.yaml"), filepath.Join(dir, "list.txt")
	testfile.Write(t, config, "project: acme\nplatforms: [linux/amd64]\nairgap: {lists: {images: {file: list.txt}}}\nexpect: {names: [acme-images.linux-amd64.tar.gz]}\n")
	testfile.Write(t, list, registry+"/org/x:v1\n")
	for _, c := range []struct {
		list           string
		args           []string
		status         int
		stdout, stderr string
	}{
		{"/org/x:v1", []string{"check", "--online"}, 0, "checked\n", ""},
		{"/org/x:v1", []string{"package", "--locked"}, 2, "", "slipway.lock"},
		{"/org/x:v1", []string{"lock"}, 0, "1 tags in slipway.lock\n", ""},
		{"/org/x:v1", []string{"check", "--online"}, 0, "checked\n", ""},
		{"/org/y:v1", []string{"check"}, 1, "", "list.txt:1: " + registry + "/org/y:v1 is not in"},
		{"/org/y:v1", []string{"lock"}, 1, "", "list.txt:1: "},
		{"/org/x:v1", []string{"--offline", "lock"}, 2, "", "offline"},
		{"/org/x:v1", []string{"--offline", "check"}, 0, "checked\n", ""},
	} {
		testfile.Write(t, list, registry+c.list+"\n")
		status, stdout, stderr := run(t, map[string]string{"TAG": "v1.0.0"}, append(c.args, "--config", config)...)
		if status != c.status || stdout != c.stdout || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: status %d, stdout %q, stderr %s", c.args, status, stdout, stderr)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "slipway.lock"))
	if want := "# Written by slipway lock. Do not edit.\n" + registry + "/org/x:v1 " + digest + "\n"; err != nil || string(content) != want {
		t.Errorf("the lock is %q, %v; want %q", content, err, want)
	}
}

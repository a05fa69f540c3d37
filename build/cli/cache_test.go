package cli

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// Only commands that make something open shared caches: others run without the keys.
func TestOnlyWhatMakesSomethingNeedsKeysOfCaches(t *testing.T) {
	host := imagetest.Registry(t)
	imagetest.Push(t, host+"/app:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	dir := t.TempDir()
	testfile.Write(t, dir+"/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none", "SLIPWAY_CACHE_FROM": "type=local,src=" + t.TempDir(), "SLIPWAY_CACHE_PUBLIC_KEY": "env://NOT_SET"}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"", []string{"index", "inspect", host + "/app:v1"}},
		{"", []string{"image", "copy", host + "/app:v1", host + "/other"}},
		{"environment variable NOT_SET is not set", []string{"image", "build", dir}},
		{"environment variable NOT_SET is not set", []string{"airgap", "pack", "-o", dir + "/a.tar", host + "/app:v1"}},
		{"environment variable NOT_SET is not set", []string{"cache", "ls"}},
		{"", []string{"airgap", "pack", "--platform", "linux/amd64", "--cache-from", "none", "-o", dir + "/a.tar", host + "/app:v1"}},
	} {
		status, _, stderr := run(t, env, c.args...)
		if (status == 0) != (c.want == "") || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit status %d, want …%s…\n%s", c.args, status, c.want, stderr)
		}
	}
}

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

func TestImageCopy(t *testing.T) {
	source, target := imagetest.Registry(t), imagetest.Registry(t)
	pushed := imagetest.Push(t, source+"/org/x:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	_, digest, _ := strings.Cut(pushed, "@")
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, []byte("# the images\ndocker.io/org/x:v1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{"-f", list, source, target}, 0, fmt.Sprintf("%s/org/x:v1@%s\tcopied\t0 attached\n", target, digest), ""},
		{[]string{"--no-clobber", source + "/org/x:v1", target}, 0, fmt.Sprintf("%s/org/x:v1@%s\tpresent\t0 attached\n", target, digest), ""},
		{[]string{"--json", source + "/org/x:v1", target + "/other/y:v2"}, 0, fmt.Sprintf(`[
  {
    "image": "%[2]s/other/y:v2",
    "source": "%[1]s/org/x:v1",
    "ref": "%[2]s/other/y:v2",
    "digest": "%[3]s",
    "present": false,
    "attached": []
  }
]
`, source, target, digest), ""},
		{[]string{"--json", "-f", list, target + "/empty", target}, 1, "[]\n", list + ":2: "},
		{[]string{target}, 2, "", "no images to copy"},
		{[]string{"--platform", "linux/amd64", source + "/org/x:v1", target}, 2, "", "all of its platforms"},
	} {
		status, stdout, stderr := run(t, nil, append([]string{"images", "copy"}, c.args...)...)
		if status != c.status || stdout != c.stdout || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: status %d, stdout %q, stderr %s", c.args, status, stdout, stderr)
		}
	}
}

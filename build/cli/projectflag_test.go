package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

// Two projects in one repository, each with its own tags, and a third one in the folder above them.
func TestSeveralProjects(t *testing.T) {
	dir := t.TempDir()
	r := testfile.NewRepo(t, dir)
	for folder, name := range map[string]string{".": "all", "cmd/x": "x", "cmd/y": "y"} {
		prefix := "version: {tag-prefix: " + folder + "/}\n"
		if folder == "." {
			prefix = ""
		}
		testfile.Write(t, filepath.Join(dir, filepath.FromSlash(folder), "slipway.yaml"),
			"project: "+name+"\nplatforms: [linux/amd64]\n"+prefix+"images: [{name: "+name+", variants: [{platforms: [linux/amd64]}]}]\n")
		testfile.Write(t, filepath.Join(dir, filepath.FromSlash(folder), "Dockerfile"), "FROM scratch\nCOPY slipway.yaml /\n")
	}
	r.Run("add", "-A")
	r.Commit("first", "2025-01-01T00:00:00Z")
	r.Run("tag", "cmd/y/v0.9.0")
	testfile.Write(t, filepath.Join(dir, "README"), "")
	r.Run("add", "-A")
	r.Commit("second", "2025-01-02T00:00:00Z")
	r.Run("tag", "v5.0.0")
	r.Run("tag", "cmd/x/v2.0.0")
	x, y := filepath.Join(dir, "cmd", "x"), filepath.Join(dir, "cmd", "y")

	for _, c := range []struct {
		env    map[string]string
		args   []string
		status int
		want   string
	}{
		{nil, []string{"--project", dir, "plan"}, 0, "all v5.0.0, tag v5.0.0\n"},
		{nil, []string{"--project", x, "plan"}, 0, "x v2.0.0, tag v2.0.0\n"},
		{nil, []string{"plan", "--project", y}, 0, "y v0.9.0+dev.1."},
		{map[string]string{"SLIPWAY_PROJECT": x}, []string{"plan"}, 0, "x v2.0.0, tag v2.0.0\n"},
		{map[string]string{"SLIPWAY_PROJECT": x}, []string{"plan", "--config", filepath.Join(dir, "slipway.yaml")}, 0, "all v5.0.0, tag v5.0.0\n"},
		{map[string]string{"TAG": "cmd/x/v2.1.0"}, []string{"plan", "--project", x}, 0, "x v2.1.0, tag v2.1.0\n"},
		{nil, []string{"plan", "--project", filepath.Join(dir, "cmd")}, 2, "cmd: missing slipway.yaml: " + filepath.Join(x, "slipway.yaml") + " exists"},
		{nil, []string{"plan", "--project", filepath.Join(dir, "none")}, 2, "none: not a folder"},
		{nil, []string{"plan", "--project", x, "--config", "slipway.yaml"}, 2, "--project and --config: want one of them"},
		{nil, []string{"image", "build", "--project", x, "."}, 2, "--project: slipway image build reads no slipway.yaml"},
	} {
		status, stdout, stderr := run(t, c.env, c.args...)
		if status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%v %q: status %d, want %d and %q:\n%s%s", c.env, c.args, status, c.status, c.want, stdout, stderr)
		}
	}
	if status, _, stderr := run(t, nil, "--project", x, "build"); status != 0 {
		t.Fatal(stderr)
	}
	if _, err := os.Stat(filepath.Join(x, "dist", "artifacts.json")); err != nil {
		t.Error(err)
	}
}

func TestSetVariables(t *testing.T) {
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nARG FLAVOR\nLABEL flavor=$FLAVOR\n")
	testfile.Write(t, filepath.Join(dir, "slipway.yaml"), "project: x\nplatforms: [linux/amd64]\nvars: {FLAVOR: sweet}\n"+
		"images: [{name: x, args: {FLAVOR: \"${FLAVOR}\"}, variants: [{platforms: [linux/amd64]}]}]\npublish: [{registry: 127.0.0.1:1}]\n")
	env := map[string]string{"TAG": "v1.0.0"}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"plan", "--json"}, 0, `"FLAVOR": "sweet"`},
		{[]string{"plan", "--json", "--set", "FLAVOR=sour,salty"}, 0, `"FLAVOR": "sour,salty"`},
		{[]string{"plan", "--set", "FLAVUOR=sour"}, 2, "--set FLAVUOR=sour: unknown variable FLAVUOR (did you mean \"FLAVOR\"?)"},
		{[]string{"plan", "--json", "--set", "images.x.args.FLAVOR=bitter"}, 0, `"FLAVOR": "bitter"`},
		{[]string{"build", "--set", "FLAVOR=sour"}, 0, ""},
		// Another value would be another release.
		{[]string{"publish"}, 1, "the variable FLAVOR was sour and is sweet"},
		{[]string{"publish", "--set", "FLAVOR=sour"}, 1, "127.0.0.1:1"},
	} {
		status, stdout, stderr := run(t, env, append([]string{"--project", dir}, c.args...)...)
		if status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%q: status %d, want %d and %q:\n%s%s", c.args, status, c.status, c.want, stdout, stderr)
		}
	}
}

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// command runs a program.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), imagetest.Program(t, name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// sameArchive fails the test unless two archives have the same bytes.
func sameArchive(t *testing.T, got, want string) {
	t.Helper()
	a, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(want); err != nil || !bytes.Equal(a, b) {
		t.Errorf("%s is not %s (%v)", got, want, err)
	}
}

// A delta for the images of a registry, a layout or a node is applied to the same layers, wherever they are: in an archive,
// in another registry, to which the archive was pushed, in a layout or on a node.
func TestDeltaForLayers(t *testing.T) {
	in, image := versions(t)
	env := map[string]string{"SLIPWAY_CACHE": in("cache"), "PROGRESS": "plain"}
	ok := func(args ...string) {
		t.Helper()
		if status, stdout, stderr := run(t, env, append([]string{"airgap"}, args...)...); status != 0 {
			t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	mirror := imagetest.Registry(t) + "/mirror"
	layout := imagetest.WriteLayout(t, map[string]v1.Image{"core": imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/core": string(imagetest.Noise(0, 400_000))}))})
	olds := map[string][]string{
		"archives":       {"--from", in("core.tar.zst"), "--from", in("extra.tar.zst")},
		"registry":       {"--from", "registry:"},
		"references":     {"--from", "docker-image://" + image("core:v1"), "--from", "docker://" + image("extra:v1")},
		"list":           {"-f", in("list.txt")},
		"mirror":         {"--from", "registry:" + mirror},
		"mixed":          {"--from", "oci:" + layout, "--from", "docker-image://" + image("extra:v1")},
		"missing images": {"--from", "docker-image://" + image("none:v1"), "--from", in("core.tar.zst"), "--from", in("extra.tar.zst")},
	}
	testfile.Write(t, in("list.txt"), image("core:v1")+"\n"+image("extra:v1")+"\n")
	for _, name := range []string{"core", "extra"} {
		ok("push", in(name+".tar.zst"), mirror)
	}
	for _, from := range []string{"references", "list", "archives", "mixed"} {
		ok(append([]string{"diff", "--layers", in("next.tar.zst"), "-o", in(from + ".delta")}, olds[from]...)...)
		if info, err := os.Stat(in(from + ".delta")); err != nil || info.Size() > 15_000 {
			t.Errorf("the delta for %s is too large: %v, %v", from, info, err)
		}
	}
	for name, from := range olds {
		ok(append([]string{"apply", in("list.delta"), "-o", in("made.tar.zst")}, from...)...)
		sameArchive(t, in("made.tar.zst"), in("next.tar.zst"))
		if t.Failed() {
			t.Fatal(name)
		}
	}
	ok("verify", in("list.delta"), "--old", "registry:"+mirror)
	ok("push", in("list.delta"), mirror+"/next", "--old", "registry:"+mirror)
	for want, args := range map[string][]string{
		"only a delta says which images": {"diff", "registry:" + mirror, in("next.tar.zst"), "-o", in("x")},
		"is missing":                     {"apply", in("core.tar.zst"), in("list.delta"), "-o", in("x")},
		"none:v1":                        {"apply", "docker-image://" + image("none:v1"), in("list.delta"), "-o", in("x")},
		"want containerd:[SOCKET]":       {"apply", "containerd:?name=x", in("list.delta"), "-o", in("x")},
		"needs these files":              {"apply", "registry:", in("plain.delta"), "-o", in("x")},
	} {
		if want == "needs these files" {
			ok("diff", in("core.tar.zst"), in("next.tar.zst"), "-o", in("plain.delta"))
		}
		if status, _, stderr := run(t, env, append([]string{"airgap"}, args...)...); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit status %d, want …%s…\n%s", args, status, want, stderr)
		}
	}
	if _, err := os.Stat(in("x")); err == nil {
		t.Error("a command that failed has written its output")
	}
	imagetest.Push(t, image("arm:v1"), imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	if _, _, stderr := run(t, env, "airgap", "diff", "--layers", in("next.tar.zst"), "-o", in("arm.delta"), "--from", "docker-image://"+image("arm:v1"), "--from", "docker-image://"+image("core:v1")); !strings.Contains(stderr, "arm:v1 has no image for a platform of the new archive (linux/amd64)") || strings.Contains(stderr, "core:v1 has no image") {
		t.Errorf("an image for another platform: %s", stderr)
	}
	for _, dir := range []string{filepath.Join(in("cache"), "deltas"), in("")} {
		if temp, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(temp) > 0 {
			t.Errorf("%v, %v remain", temp, err)
		}
	}
}

// skopeo's layouts, and what a node has after an archive was imported, or an image was pulled, are OLD for a delta.
func TestDeltaForLayersOfOtherPrograms(t *testing.T) {
	in, image := versions(t)
	ok := func(args ...string) {
		t.Helper()
		if status, stdout, stderr := run(t, nil, append([]string{"airgap"}, args...)...); status != 0 {
			t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	t.Run("skopeo", func(t *testing.T) {
		for _, name := range []string{"core", "extra"} {
			command(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+image(name+":v1"), "oci:"+in("layout")+":"+name)
		}
		ok("diff", "oci:"+in("layout"), in("next.tar.zst"), "-o", in("layout.delta"))
		ok("apply", "oci:"+in("layout"), in("layout.delta"), "-o", in("made.tar.zst"))
		sameArchive(t, in("made.tar.zst"), in("next.tar.zst"))
	})
	t.Run("containerd", func(t *testing.T) {
		socket := imagetest.Containerd(t)
		const namespace = "slipway-olds"
		ctr := func(args ...string) {
			t.Helper()
			command(t, "ctr", append([]string{"--address", socket, "--namespace", namespace}, args...)...)
		}
		_ = exec.Command("ctr", "--address", socket, "namespaces", "create", namespace).Run() // another test run may have made it
		ok("load", "--address", socket, "--namespace", namespace, "--no-unpack", in("core.tar.zst"))
		ctr("content", "fetch", "--plain-http", image("extra:v1"))
		t.Cleanup(func() {
			if out, err := exec.Command("ctr", "--address", socket, "--namespace", namespace, "images", "rm", "--sync", image("core:v1"), image("extra:v1")).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		node := "containerd:" + socket + "?namespace=" + namespace
		ok("diff", node, in("next.tar.zst"), "-o", in("node.delta"))
		ok("apply", node, in("node.delta"), "-o", in("again.tar.zst"))
		sameArchive(t, in("again.tar.zst"), in("next.tar.zst"))
		ok("ls", in("node.delta"), "--old", node)
		sameSize(t, nil, node, in("next.tar.zst"))
		if status, _, stderr := run(t, nil, "airgap", "apply", "containerd:"+socket, in("node.delta"), "-o", in("x.tar.zst")); status == 0 || !strings.Contains(stderr, "is missing") {
			t.Errorf("the images of another namespace were found: %s", stderr)
		}
	})
}

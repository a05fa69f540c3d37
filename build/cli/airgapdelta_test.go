package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// versions packs two archives of a release and one of the next, which has the images of both, and returns the folder:
// core.tar.zst, extra.tar.zst and next.tar.zst.
func versions(t *testing.T) (in func(name string) string, image func(name string) string) {
	t.Helper()
	dir, hub := t.TempDir(), imagetest.Registry(t)
	in = func(name string) string { return filepath.Join(dir, name) }
	image = func(name string) string { return hub + "/team/" + name }
	for i, name := range []string{"core", "extra"} {
		program := imagetest.Noise(uint64(i), 400_000)
		next := slices.Concat(program[:9000], []byte("changed"), program[9000:])
		imagetest.Push(t, image(name+":v1"), imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/" + name: string(program)})))
		imagetest.Push(t, image(name+":v2"), imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/" + name: string(next)})))
	}
	for file, names := range map[string][]string{"core": {"core:v1"}, "extra": {"extra:v1"}, "next": {"core:v2", "extra:v2"}} {
		args := []string{"airgap", "pack", "--platform", "linux/amd64", "-o", in(file + ".tar.zst")}
		for _, name := range names {
			args = append(args, image(name))
		}
		if status, _, stderr := run(t, nil, args...); status != 0 {
			t.Fatal(stderr)
		}
	}
	return in, image
}

func TestDeltaOfSeveralArchives(t *testing.T) {
	in, _ := versions(t)
	status, stdout, stderr := run(t, nil, "airgap", "diff", "--from", in("core.tar.zst"), "--from", in("extra.tar.zst"), in("next.tar.zst"), "-o", in("delta"))
	if status != 0 || !strings.Contains(stdout, "extra.tar.zst, and ") {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if info, err := os.Stat(in("delta")); err != nil || info.Size() > 15_000 {
		t.Errorf("the delta is too large: %v, %v", info, err)
	}
	status, stdout, stderr = run(t, nil, "airgap", "apply", "--from", in("extra.tar.zst"), "--from", in("core.tar.zst"), in("delta"), "-o", in("made.tar.zst"))
	if status != 0 || !strings.Contains(stdout, "sha256:") {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	got, err := os.ReadFile(in("made.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(in("next.tar.zst")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("apply made another archive (%v)", err)
	}
	for want, args := range map[string][]string{
		`"extra.tar.zst" is missing`:   {"apply", "--from", in("core.tar.zst"), in("delta"), "-o", in("x")},
		`"core.tar.zst" is missing`:    {"apply", in("extra.tar.zst"), in("delta"), "-o", in("x")},
		"accepts 1 arg(s), received 2": {"apply", "--from", in("core.tar.zst"), in("extra.tar.zst"), in("delta"), "-o", in("x")},
		"accepts 2 arg(s), received 1": {"diff", in("next.tar.zst"), "-o", in("x")},
		"--from has an empty value":    {"diff", "--from", "", in("next.tar.zst"), "-o", in("x")},
		"have the same content":        {"diff", "--from", in("core.tar.zst"), "--from", in("core.tar.zst"), in("next.tar.zst"), "-o", in("x")},
		"none.tar.zst":                 {"diff", "--from", in("core.tar.zst"), "--from", in("none.tar.zst"), in("next.tar.zst"), "-o", in("x")},
		"is on a web server":           {"apply", "--offline", "--from", "https://example.com/core.tar.zst", in("delta"), "-o", in("x")},
	} {
		if status, _, stderr := run(t, nil, append([]string{"airgap"}, args...)...); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit status %d, want …%s…\n%s", args, status, want, stderr)
		}
	}
	if _, err := os.Stat(in("x")); err == nil {
		t.Error("a command that failed has written its output")
	}
}

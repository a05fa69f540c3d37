package cli

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
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
	status, _, stderr = run(t, nil, "airgap", "apply", "--from", in("extra.tar.zst"), "--from", in("core.tar.zst"), in("delta"), "-o", in("split.tar.zst"), "--split", "500KB")
	if parts, err := filepath.Glob(in("split.tar.zst.*")); status != 0 || err != nil || len(parts) != 3 {
		t.Errorf("exit status %d: %v, %q\n%s", status, err, parts, stderr)
	}
	for want, args := range map[string][]string{
		`--split: "big" is not a size`: {"apply", in("core.tar.zst"), in("delta"), "-o", in("x"), "--split", "big"},
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

// Commands that read archives take a delta with its old archives in place of the new one, and write the same.
func TestDeltaInPlaceOfAnArchive(t *testing.T) {
	in, image := versions(t)
	env := map[string]string{"SLIPWAY_CACHE": in("cache"), "PROGRESS": "plain"}
	ok := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := run(t, env, args...)
		if status != 0 {
			t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
		return stdout
	}
	ok("airgap", "diff", "--from", in("core.tar.zst"), "--from", in("extra.tar.zst"), in("next.tar.zst"), "-o", in("next.delta"))
	next, err := os.ReadFile(in("next.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, in("sums"), fmt.Sprintf("%x  next.tar.zst\n", sha256.Sum256(next)))
	olds := []string{"--old", in("extra.tar.zst"), "--old", in("core.tar.zst")}
	registry := imagetest.Registry(t)
	for _, args := range [][]string{
		{"ls", "--json", "@NEW"}, {"verify", "--checksums", in("sums"), "@NEW"}, {"sbom", "@NEW"},
		{"slice", "@NEW", "--images", image("core:v2"), "-o", in("@OUT.tar.zst")},
		{"extract", image("extra:v2"), "--from", "@NEW", "--path", "/bin=" + in("@OUT")},
		{"push", "--json", "@NEW", registry + "/@OUT"},
	} {
		with := func(archive, out string, olds ...string) (status int, said string) {
			words := []string{"airgap"}
			for _, word := range args {
				words = append(words, strings.NewReplacer("@NEW", archive, "@OUT", out).Replace(word))
			}
			status, stdout, stderr := run(t, env, append(words, olds...)...)
			if status == 2 {
				t.Error(stderr)
			}
			return status, strings.NewReplacer("next.delta", "next.tar.zst", out, "@OUT").Replace(stdout)
		}
		wantStatus, want := with(in("next.tar.zst"), "written")
		if status, got := with(in("next.delta"), "virtual", olds...); status != wantStatus || got != want {
			t.Errorf("%q: exit status %d, want %d\n%s\nwant:\n%s", args, status, wantStatus, got, want)
		}
	}
	for _, pair := range [][2]string{{"written.tar.zst", "virtual.tar.zst"}, {"written/extra", "virtual/extra"}} {
		want, err := os.ReadFile(in(pair[0]))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(in(pair[1])); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not %s (%v)", pair[1], pair[0], err)
		}
	}
	if found := ok(append(olds, "airgap", "find", image("core:v2"), in("next.delta"))...); !strings.HasPrefix(found, in("next.delta")+"\t") {
		t.Errorf("found %s", found)
	}
	left, err := os.ReadDir(in("cache/deltas"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v remain in the cache", left, err)
	}
	if status, _, stderr := run(t, env, append(olds, "airgap", "ls", in("next.tar.zst"))...); status != 0 || !strings.Contains(stderr, "--old has no effect: none of the archives is a delta") {
		t.Errorf("exit status %d: %s; want a warning", status, stderr)
	}
	for want, args := range map[string][]string{
		"--old FILE":                {"ls", in("next.delta")},
		`"core.tar.zst" is missing`: {"verify", in("next.delta"), "--old", in("extra.tar.zst")},
		"is on a web server":        {"ls", "--offline", in("next.delta"), "--old", "https://example.com/core.tar.zst"},
		"--old has an empty value":  {"push", in("next.delta"), registry, "--old", ""},
	} {
		if status, stdout, stderr := run(t, env, append([]string{"airgap"}, args...)...); status == 0 || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%q: exit status %d, want …%s…\n%s", args, status, want, stderr)
		}
	}
}

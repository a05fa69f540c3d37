package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A slice needs no registry, and equals what pack writes from one.
func TestSliceIsWhatPackWrites(t *testing.T) {
	dir := t.TempDir()
	hub := imagetest.Registry(t)
	for i, name := range []string{"a", "b", "c"} {
		imagetest.Push(t, hub+"/team/"+name+":v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/" + name: imagetest.Words(i, 100_000)})))
	}
	private, public := keyPair(1)
	testfile.Write(t, filepath.Join(dir, "key"), private)
	testfile.Write(t, filepath.Join(dir, "key.pub"), public)
	testfile.Write(t, filepath.Join(dir, "list.txt"), hub+"/team/c:v1\n"+hub+"/team/a:v1\n")
	in := func(name string) string { return filepath.Join(dir, name) }
	// Each command has a cache of its own.
	ok := func(args ...string) (stderr string) {
		t.Helper()
		status, stdout, stderr := run(t, map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none"}, args...)
		if status != 0 {
			t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
		return stderr
	}
	ok("airgap", "pack", "--platform", "linux/amd64", "--sign-key", in("key"), "-o", in("all.tar.gz"), "-o", in("all.tar.zst"), hub+"/team/a:v1", hub+"/team/b:v1", hub+"/team/c:v1")
	ok("airgap", "pack", "--platform", "linux/amd64", "-o", in("want.tar.gz"), "-o", in("want.tar.zst"), "-f", in("list.txt"))
	for _, codec := range []string{"tar.gz", "tar.zst"} {
		for _, selection := range [][]string{{"--list", in("list.txt")}, {"--images", hub + "/team/c:v1," + hub + "/team/a:v1"}} {
			stderr := ok(append([]string{"airgap", "slice", in("all." + codec), "-o", in("slice." + codec)}, selection...)...)
			if !strings.Contains(stderr, "what is written has none") {
				t.Errorf("no warning of the proof: %s", stderr)
			}
			got, err := os.ReadFile(in("slice." + codec))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(in("want." + codec))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s %s: the slice is not what pack writes", codec, selection[0])
			}
		}
	}
	ok("airgap", "slice", in("all.tar.zst"), "--list", in("list.txt"), "--sign-key", in("key"), "-o", in("signed.tar.zst"))
	ok("airgap", "verify", "--key", in("key.pub"), in("signed.tar.zst"))
	for want, args := range map[string][]string{
		"missing images: add --images NAME":    {in("all.tar.zst"), "-o", in("x.tar")},
		"missing output":                       {in("all.tar.zst"), "--images", "a"},
		"its name must end in .tar":            {in("all.tar.zst"), "--images", "a", "-o", in("x")},
		"one platform":                         {in("all.tar.zst"), "--images", "a", "-o", in("x.tar"), "--platform", "linux/amd64,linux/arm64"},
		"similar names are " + hub + "/team/a": {in("all.tar.zst"), "--images", hub + "/team/a:v2", "-o", in("x.tar")},
	} {
		if status, _, stderr := run(t, map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "none"}, append([]string{"airgap", "slice"}, args...)...); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit status %d, want …%s…\n%s", args, status, want, stderr)
		}
	}
}

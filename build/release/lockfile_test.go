package release

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/lock"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// lockedRelease is makeRelease with only Linux, and with a base image.
func lockedRelease(t *testing.T) *testRelease {
	t.Helper()
	r := makeRelease(t)
	pushBase(t, r, "the first")
	r.configure("platforms: [linux/amd64, linux/arm64, windows/amd64]", "platforms: [linux/amd64]")
	r.configure("{platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile: Dockerfile}", "{platforms: [linux/amd64], dockerfile: Dockerfile}")
	r.configure("windows: {ltsc2022: 10.0.20348.4294, ltsc2025: 10.0.26100.4294}\n", "")
	r.configure("    windows: {images: [acme-runtime], platforms: [windows/amd64]}\n", "")
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "ARG BASE="+r.other+"/base/os:1\nFROM ${BASE}\nCOPY --from=bin --chmod=0755 acme* /bin/\n")
	return r
}

func pushBase(t *testing.T, r *testRelease, text string) string {
	t.Helper()
	pushed := imagetest.Push(t, r.other+"/base/os:1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"etc/text": text})))
	_, digest, _ := strings.Cut(pushed, "@")
	return digest
}

func TestLockedTagsDoNotMove(t *testing.T) {
	r := lockedRelease(t)
	if n, err := r.open().Lock(t.Context()); err != nil || n != 2 {
		t.Fatalf("%d tags locked: %v", n, err)
	}
	content, err := os.ReadFile(filepath.Join(r.dir, lock.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(content), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[1], r.other+"/base/os:1 sha256:") || !strings.HasPrefix(lines[2], r.other+"/tools/pause:3.10 sha256:") {
		t.Errorf("the lock:\n%s", content)
	}
	locked := func(o *Options) { o.Locked = true }
	b := r.open(locked)
	r.do(b, "package")
	first := b.report.sorted()
	// The tag moves. With the lock, nothing changes, even with an empty cache. Without it, the image changes.
	moved := pushBase(t, r, "the second")
	b = r.open(locked, func(o *Options) { o.Cache = t.TempDir() })
	r.do(b, "package")
	for i, m := range b.report.sorted() {
		if m.Digest != first[i].Digest {
			t.Errorf("%s has changed", m.Where())
		}
	}
	b = r.open()
	r.do(b, "package")
	changed := false
	for i, m := range b.report.sorted() {
		changed = changed || m.Digest != first[i].Digest
	}
	if !changed {
		t.Error("without the lock nothing has changed")
	}
	// The check warns about the tag.
	sink := warnings{make(chan string, 10)}
	if err := r.open().Check(progress.With(t.Context(), sink), true); err != nil {
		t.Errorf("check: %v", err)
	}
	if len(sink.said) != 1 {
		t.Fatalf("%d warnings", len(sink.said))
	}
	if got, want := <-sink.said, "slipway.lock:2: the tag "+r.other+"/base/os:1 now refers to "+moved; !strings.Contains(got, want) {
		t.Errorf("warning %q, want %q", got, want)
	}
}

// warnings is a sink that keeps warnings.
type warnings struct{ said chan string }

func (warnings) Started(*progress.Task)         {}
func (warnings) Line(*progress.Task, string)    {}
func (warnings) Finished(*progress.Task, error) {}
func (w warnings) Warning(message string)       { w.said <- message }

func TestOutdatedLocks(t *testing.T) {
	r := lockedRelease(t)
	file := filepath.Join(r.dir, lock.FileName)
	locked := func(o *Options) { o.Locked = true }
	fails := func(what string, err error, wants ...string) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", what)
			return
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not contain %q", what, err, want)
			}
		}
	}
	fails("no lock", r.try(r.open(locked), "package"), lock.FileName, "slipway lock writes it")
	digest := "sha256:" + strings.Repeat("0", 64)
	testfile.Write(t, file, "# old\n"+r.other+"/gone/x:v1 "+digest+"\n")
	fails("tags that are not locked", r.try(r.open(locked), "package"), "images.txt:2: "+r.other+"/tools/pause:3.10 is not in", "Dockerfile:2: "+r.other+"/base/os:1 is not in")
	fails("tags that are not locked, checked", r.open().Check(t.Context(), false), "images.txt:2: ", "Dockerfile:2: ", file+":2: "+r.other+"/gone/x:v1 is not used any more")
	testfile.Write(t, file, r.other+"/base/os:1 "+digest+"\n"+r.other+"/tools/pause:3.10 "+digest+"\n")
	for what, do := range map[string]func(context.Context) error{
		"a build":         func(context.Context) error { return r.try(r.open(locked), "package") },
		"an online check": func(ctx context.Context) error { return r.open().Check(ctx, true) },
	} {
		fails(what+" of digests that are gone", do(t.Context()), file+":1: ")
	}
	fails("both are reported", r.open().Check(t.Context(), true), "images.txt:2: ", file+":1: ", "Dockerfile:2: ", file+":2: ")
}

func TestCheck(t *testing.T) {
	r := makeRelease(t)
	if err := r.open().Check(t.Context(), true); err != nil {
		t.Errorf("check: %v", err)
	}
	testfile.Write(t, filepath.Join(r.dir, "images.txt"), r.other+"/tools/pause:3.10\n\n"+r.other+"/tools/absent:1\n")
	testfile.Write(t, filepath.Join(r.dir, "artifacts.txt"), "# all\nacme.linux-amd64\nacme.darwin-amd64\nacme.linux-amd64\n")
	r.configure("publish:", "expect: {names: [sha256sum-amd64.txt, sha256sum-s390x.txt], artifacts: artifacts.txt}\npublish:")
	err := r.open().Check(t.Context(), true)
	for _, want := range []string{
		"slipway.yaml:22:9: expect.names: the release does not have sha256sum-s390x.txt",
		"artifacts.txt:3: the release does not have acme.darwin-amd64", "artifacts.txt:4: duplicate acme.linux-amd64: line 2 has it",
		"artifacts.txt: missing acme.linux-arm64, which the release has",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}
	r.configure("expect: {names: [sha256sum-amd64.txt, sha256sum-s390x.txt], artifacts: artifacts.txt}\n", "expect: {when: REPO == \"other\", artifacts: artifacts.txt}\n")
	// The registry has no image for these platforms; each is an error.
	r.configure("images: {include: [core], file: images.txt}", "images: {include: [core], file: images.txt, platforms: [linux/amd64, windows/amd64], windows: [ltsc2022]}")
	err = r.open().Check(t.Context(), true)
	for _, want := range []string{"images.txt:3: linux/amd64: ", "images.txt:3: windows/amd64:10.0.20348.4294: ", "images.txt:1: windows/amd64:10.0.20348.4294: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}
	if err == nil || strings.Contains(err.Error(), "artifacts.txt") {
		t.Errorf("names were compared though the condition of expect does not hold: %v", err)
	}
}

// If an image of the release is the base of another one, it is neither locked nor looked up.
func TestOwnImagesAreNotLocked(t *testing.T) {
	r := lockedRelease(t)
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "FROM "+r.registry+"/team/acme-runtime:v1.2.3-acme1 AS itself\nFROM scratch\nCOPY --from=itself / /\n")
	if n, err := r.open().Lock(t.Context()); err != nil || n != 1 {
		t.Errorf("%d tags locked: %v", n, err)
	}
	if err := r.open(func(o *Options) { o.Locked = true }).Check(t.Context(), true); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := os.Remove(filepath.Join(r.dir, lock.FileName)); err != nil {
		t.Fatal(err)
	}
	if err := r.open(func(o *Options) { o.Locked = true }).Check(t.Context(), false); err == nil || !strings.Contains(err.Error(), lock.FileName) {
		t.Errorf("a check with --locked and without a lock: %v", err)
	}
}

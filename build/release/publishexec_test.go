package release

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/publish/githubtest"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestCommandsFollowThePublication(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are scripts for sh")
	}
	t.Parallel()
	r := makeRelease(t)
	r.configure("  - {directory: released}\n", `  - exec:
      shell: |
        ls released > listed
        echo "$PROJECT $VERSION $TAG $SOURCE_DATE_EPOCH $EXTRA $(ls "$ARTIFACTS" | wc -l) $(grep -c made "$REPORT")"
        echo "the token is $TOKEN" >&2
        test ! -e fail
      env: {EXTRA: "of ${MAJOR}"}
      secrets: [TOKEN]
    when: ${PRERELEASE} == ""
  - exec: {run: [./finish.sh, "${VERSION}"]}
  - {exec: {run: [no-such-program]}, when: "false"}
  - {directory: released}
`)
	r.run("package")
	err := r.try(r.open(), "publish", "artifacts")
	for _, want := range []string{"slipway.yaml:25:7: publish: the secret TOKEN is not set", "slipway.yaml:33:11: publish: program ./finish.sh not found"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	if len(r.files("released")) > 0 {
		t.Error("published nevertheless")
	}
	r.env["TOKEN"] = "s3cr3t-value"
	testfile.Write(t, filepath.Join(r.dir, "finish.sh"), "#!/bin/sh\necho $1 > finished\n")
	if err := os.Chmod(filepath.Join(r.dir, "finish.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, "fail"), "")
	err = r.try(r.open(), "publish", "artifacts")
	for _, want := range []string{"slipway.yaml:25:7: publish: ", "exit status 1; the last lines of its output:\n\tacme v1.2.3+acme1 v1.2.3-acme1 1700000000 of 1 ", "\tthe token is ***"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	if len(r.files("finished")) > 0 {
		t.Error("the second command ran after the first had failed")
	}
	if err := os.Remove(filepath.Join(r.dir, "fail")); err != nil {
		t.Fatal(err)
	}
	b := r.open()
	r.do(b, "publish", "artifacts")
	for file, want := range map[string]string{"listed": "acme-images.linux-amd64.tar.zst\n", "finished": "v1.2.3+acme1\n"} {
		if raw, err := os.ReadFile(filepath.Join(r.dir, file)); err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%s has %q, %v; want %q", file, raw, err, want)
		}
	}
	var kinds []string
	for _, m := range b.published.sorted() {
		kinds = append(kinds, m.Kind+" "+m.Where())
	}
	if got := strings.Join(kinds, ", "); !strings.HasPrefix(got, "release released, command ./finish.sh v1.2.3+acme1, command ls released > listed") {
		t.Errorf("it reports %s", got)
	}
	// No command runs after only images were published.
	if err := os.Remove(filepath.Join(r.dir, "finished")); err != nil {
		t.Fatal(err)
	}
	r.run("publish", "images", "index")
	if len(r.files("finished")) > 0 {
		t.Error("a command ran after images")
	}
}

func TestNoCommandFollowsAFailure(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	g := githubtest.New(t)
	r.options.GitHubAPI, r.options.GitHubToken = g.URL, githubtest.Token
	g.Fail = func(req *http.Request) int {
		if strings.HasPrefix(req.URL.Path, "/uploads/") {
			return http.StatusForbidden
		}
		return 0
	}
	r.configure("  - {directory: released}\n", "  - github: acme/acme\n  - exec: {run: [go, mod, init, example.com/follows], dir: follows}\n  - {directory: released}\n")
	testfile.Write(t, filepath.Join(r.dir, "follows", "main.go"), "package main\n")
	r.run("package")
	if err := r.try(r.open(), "publish", "artifacts"); err == nil || !strings.Contains(err.Error(), "publishing artifacts to GitHub release of acme/acme") {
		t.Errorf("error is %v", err)
	}
	if len(r.files("released")) == 0 || len(r.files("follows")) != 1 {
		t.Errorf("found %v in the folder, and the command left %v", r.files("released"), r.files("follows"))
	}
	g.Fail = nil
	r.run("publish", "artifacts")
	if len(r.files("follows")) != 2 {
		t.Error("the command did not run")
	}
}

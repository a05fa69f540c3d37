package release

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/slipway-build/slipway/images/imagetest"
)

// children collects the command lines of all processes below this one while a test runs.
type children struct {
	mu   sync.Mutex
	seen map[string]bool
}

// watchChildren looks at /proc until the returned function is called, which returns the command lines.
func watchChildren(t *testing.T) func() []string {
	t.Helper()
	c, stop, stopped := &children{seen: map[string]bool{}}, make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				c.look()
			}
		}
	}()
	return func() []string {
		close(stop)
		<-stopped
		return slices.Sorted(maps.Keys(c.seen))
	}
}

func (c *children) look() {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	parents, lines := map[int]int{}, map[int]string{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue
		}
		// pid (name) state ppid …: the name may contain anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		parents[pid], _ = strconv.Atoi(fields[1])
		lines[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for pid, line := range lines {
		for p := parents[pid]; p > 1; p = parents[p] {
			if p == os.Getpid() {
				c.seen[line] = true
			}
		}
	}
}

// Everybody on a machine can read the arguments of all processes.
func TestArgumentsOfProgramsHaveNoSecrets(t *testing.T) {
	imagetest.Program(t, "go")
	r := hsmRelease(t)
	const planted = "s3cr3t-in-"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The hook and the last command of publish are this test, as a signer that waits until it has been seen.
	r.configure("platforms: [linux/amd64, windows/amd64]", fmt.Sprintf(`provenance: true
sbom: true
fetch:
  - {url: "%s?token=%sfetch", sha256: %s, path: fetched/file}
before:
  - {run: [%q, the hook], secrets: [RELEASE_TEST_SIGNER, SIGNER_KEY, HOOK_SECRET], env: {NPM_TOKEN: %senv}}
platforms: [linux/amd64, windows/amd64]`, fileServer(t, "content"), planted, hexOf("content"), self, planted))
	r.configure("contexts: {bin:", "args: {DB_PASSWORD: "+planted+"args}\n    contexts: {bin:")
	r.configure("  - {directory: released}\n", fmt.Sprintf("  - {directory: released}\n  - exec: {run: [%q, the last command], secrets: [RELEASE_TEST_SIGNER, SIGNER_KEY, HOOK_SECRET]}\n", self))
	key := strings.Split(r.env["SIGNER_KEY"], "\n")[1]
	r.env["RELEASE_TEST_SIGNER"] = "sign slowly"
	for name, where := range map[string]string{"HOOK_SECRET": "hook", "DOCKER_PASSWORD": "docker", "GITHUB_TOKEN": "github", "COSIGN_PASSWORD": "cosign"} {
		r.env[name] = planted + where
		t.Setenv(name, planted+where)
	}
	r.options.Username, r.options.Password, r.options.GitHubToken = "me", planted+"options", planted+"github"
	r.options.Credentials = map[string]authn.AuthConfig{r.other: {Username: "me", Password: planted + "helper"}}
	r.options.Snapshot = true

	lines := watchChildren(t)
	r.run("package")
	verified := r.verify()
	r.run("publish")
	seen := lines()
	if verified != nil {
		t.Error(verified)
	}
	for _, line := range seen {
		if strings.Contains(line, "s3cr3t") || strings.Contains(line, key) {
			t.Errorf("a command line has a secret: %s", line)
		}
	}
	for _, want := range []string{"go build ", self + " release key", self + " the hook", self + " the last command"} {
		if !slices.ContainsFunc(seen, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("no process was seen that is %q, only %q", want, seen)
		}
	}
}

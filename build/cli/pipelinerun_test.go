package cli

import (
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A pipelineRun runs the jobs of a generated pipeline as its service does: each in a folder and a home of its own, with a
// clone of the repository. Jobs share the registry, what the pipeline passes on, and the caches of Go.
type pipelineRun struct {
	t        *testing.T
	origin   string // the repository
	dir      string // the checkout in which pipelines are made
	bin      string // programs of the jobs: slipway, and a sleep that does not sleep
	hub      string // a registry whose clients must log in to write
	registry atomic.Pointer[http.Handler]
	secrets  map[string]string
	goEnv    []string
	jobs     int
}

const releaseTag = "v1.2.0"

// newPipelineRun makes a project with two platforms, signatures and a hook that needs a secret.
func newPipelineRun(t *testing.T) *pipelineRun {
	if testing.Short() {
		t.Skip("compiles programs for two platforms, several times")
	}
	imagetest.Program(t, "bash")
	imagetest.Program(t, "go")
	imagetest.Program(t, "git")
	private, public := keyPair(1)
	r := &pipelineRun{t: t, dir: t.TempDir(), bin: t.TempDir(), secrets: map[string]string{
		"RELEASE_KEY": private, "HOOK_TOKEN": "of the hook", "DOCKER_USERNAME": "publisher", "DOCKER_PASSWORD": "of the registry",
	}}
	r.startRegistry()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.bin, "sleep"), "#!/bin/sh\n")
	// The first run of package of each job fails, as after a fault of the network.
	testfile.Write(t, filepath.Join(r.bin, "slipway"), "#!/bin/sh\nif [ \"$1\" = package ] && mkdir \"$FAILED_ONCE\" 2>/dev/null; then echo a fault >&2; exit 1; fi\nSLIPWAY_TEST_MAIN=1 exec '"+self+"' \"$@\"\n")
	for _, name := range []string{"sleep", "slipway"} {
		if err := os.Chmod(filepath.Join(r.bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := strings.Fields(string(out))
	r.goEnv = []string{"GOCACHE=" + dirs[0], "GOMODCACHE=" + dirs[1], "GOFLAGS=", "GOPROXY=off", "GOTOOLCHAIN=local"}
	repo := testfile.NewRepo(t, r.dir)
	for name, content := range map[string]string{
		".gitignore":  "dist\njobs\n",
		"go.mod":      "module example.com/acme\n\ngo 1.26\n",
		"main.go":     "package main\n\nfunc main() {}\n",
		"Dockerfile":  "FROM scratch\nCOPY --from=bin acme /\n",
		"release.pub": public,
		"slipway.yaml": `project: acme
registry: ` + r.hub + `
repository: team
platforms: [linux/amd64, linux/arm64]
before:
  - {shell: 'test "$HOOK_TOKEN" = "of the hook"', secrets: [HOOK_TOKEN]}
binaries:
  - {name: acme, package: .}
images:
  - name: acme-runtime
    contexts: {bin: "dist/bin/${PLATFORM}"}
    variants: [{platforms: [linux/amd64, linux/arm64]}]
  - name: acme-agent
    contexts: {bin: "dist/bin/${PLATFORM}"}
    variants: [{platforms: [linux/amd64, linux/arm64]}]
airgap:
  lists:
    core: {images: [acme-runtime]}
bundles:
  - files: [{source: "dist/bin/${PLATFORM}/acme"}]
sbom: true
sign: {key: "env://RELEASE_KEY", public-key: release.pub}
publish:
  - registry: ` + r.hub + `
  - oci: ` + r.hub + `/team/artifacts
`,
	} {
		testfile.Write(t, filepath.Join(r.dir, name), content)
	}
	repo.Commit("A release", "2026-03-01T12:00:00Z")
	repo.Run("tag", releaseTag)
	repo.Run("tag", "v1.3.0-rc1") // of the same commit; no pipeline runs for it
	r.origin = filepath.Join(t.TempDir(), "origin.git")
	repo.Run("clone", "-q", "--bare", r.dir, r.origin)
	return r
}

// startRegistry starts a registry that everyone can read, and that only the publisher can write.
func (r *pipelineRun) startRegistry() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		user, password, _ := request.BasicAuth()
		if reads := request.Method == http.MethodGet || request.Method == http.MethodHead; !reads && (user != "publisher" || password != "of the registry") {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		(*r.registry.Load()).ServeHTTP(w, request)
	}))
	r.t.Cleanup(server.Close)
	r.hub = strings.TrimPrefix(server.URL, "http://")
	r.emptyRegistry()
}

func (r *pipelineRun) emptyRegistry() {
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	r.registry.Store(&handler)
}

// onOneMachine publishes the release without a pipeline, and returns the digests.
func (r *pipelineRun) onOneMachine() map[string]string {
	r.t.Helper()
	j := r.job("one machine")
	j.clone()
	env := map[string]string{"TAG": releaseTag, "SOURCE_DATE_EPOCH": ""}
	for name, value := range r.secrets {
		env[name] = value
	}
	// The first line fails, as the first run of package in each job does.
	j.bash("slipway package", j.workspace, env)
	if status := j.bash("slipway package && slipway verify && slipway publish", j.workspace, env); status != 0 {
		r.t.Fatalf("without a pipeline: exit status %d\n%s", status, j.output)
	}
	return imagetest.Tags(r.t, r.hub)
}

// sameRelease fails the test unless the registry has the digests of one machine.
func (r *pipelineRun) sameRelease(want map[string]string) {
	r.t.Helper()
	if len(want) < 8 {
		r.t.Errorf("one machine has published only %d tags: %v", len(want), want)
	}
	if diff := cmp.Diff(want, imagetest.Tags(r.t, r.hub)); diff != "" {
		r.t.Errorf("the digests (-one machine +pipeline):\n%s", diff)
	}
}

// hasReport fails the test unless a file is a report of all jobs before publish.
func (r *pipelineRun) hasReport(file string) {
	r.t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		r.t.Error(err)
		return
	}
	text := strings.ReplaceAll(string(page), ": ", ":")
	for command, want := range map[string]int{"package": 3, "merge": 1, "verify": 1} {
		if got := strings.Count(text, `"command":"slipway `+command+`"`); got != want {
			r.t.Errorf("the report has %d runs of %s, want %d", got, command, want)
		}
	}
}

// generate writes the pipeline of a service, and returns its text.
func (r *pipelineRun) generate(service string, flags ...string) string {
	r.t.Helper()
	args := append([]string{"ci", service, "--project", r.dir, "--slipway", "slipway", "--file", "dist/" + service + ".yaml"}, flags...)
	// The environment of the person who runs the command has no effect.
	env := map[string]string{"TAG": "v9.9.9", "REGISTRY": "elsewhere.example.com", "PLATFORMS": "linux/riscv64"}
	if status, _, stderr := run(r.t, env, args...); status != 0 {
		r.t.Fatal(stderr)
	}
	text, err := os.ReadFile(filepath.Join(r.dir, "dist", service+".yaml"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// A pipelineJob is one job, with folders of its own.
type pipelineJob struct {
	run             *pipelineRun
	name            string
	number          int
	workspace, home string
	failed          string // exists after the first run of package
	output          string
}

func (r *pipelineRun) job(name string) *pipelineJob {
	dir := r.t.TempDir()
	r.jobs++
	return &pipelineJob{run: r, name: name, number: r.jobs, workspace: filepath.Join(dir, "builds", "acme"), home: filepath.Join(dir, "home"), failed: filepath.Join(dir, "failed")}
}

// clone makes the checkout of the tag.
func (j *pipelineJob) clone() {
	j.run.t.Helper()
	out, err := exec.CommandContext(j.run.t.Context(), "git", "clone", "-q", "--branch", releaseTag, j.run.origin, j.workspace).CombinedOutput()
	if err != nil {
		j.run.t.Fatalf("%s: %v\n%s", j.name, err, out)
	}
}

// bash runs a script, and returns its exit status.
func (j *pipelineJob) bash(script, dir string, env map[string]string) int {
	j.run.t.Helper()
	if err := os.MkdirAll(j.home, 0o755); err != nil {
		j.run.t.Fatal(err)
	}
	cmd := exec.CommandContext(j.run.t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + j.run.bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + j.home, "FAILED_ONCE=" + j.failed,
		"SOURCE_DATE_EPOCH=" + fmt.Sprint(j.number), // of the runner
		"PROGRESS=plain", "CGO_ENABLED=0", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull}, j.run.goEnv...)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	j.output += string(out)
	if err != nil && cmd.ProcessState == nil {
		j.run.t.Fatalf("%s: %v", j.name, err)
	}
	return cmd.ProcessState.ExitCode()
}

// copyTree copies a folder, as services keep files between jobs: hidden ones only if hidden is set, and modes only if
// modes is set.
func copyTree(t *testing.T, from, to string, hidden, modes bool) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if rel != "." && !hidden && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info, err := d.Info(); err == nil && modes {
			mode = info.Mode().Perm()
		}
		return os.WriteFile(filepath.Join(to, rel), data, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// onlyIn fails the test unless a job has a secret exactly if jobs names it.
func (r *pipelineRun) onlyIn(job string, env map[string]string, allowed ...string) {
	r.t.Helper()
	for name := range r.secrets {
		if has := env[name] != ""; has != slices.Contains(allowed, name) {
			r.t.Errorf("%s: has the secret %s: %t, want %t", job, name, has, !has)
		}
	}
}

//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

const releaseTag = "v0.9.0"

// A farm is where machines make a release: the repository, the registry of the release, and a bucket.
type farm struct {
	t              *testing.T
	program        string // slipway
	origin         string // a repository with this release
	hub            string // the registry, whose content newRegistry replaces
	registry       atomic.Pointer[url.URL]
	bucket         *bucket
	goEnv, signing []string
}

// newFarm makes a repository with the content of this one, as it was last committed, whose images are built by workers.
func newFarm(t *testing.T, bucket *bucket, workers ...string) *farm {
	f := &farm{t: t, program: filepath.Join(t.TempDir(), "slipway"), origin: t.TempDir(), bucket: bucket}
	f.output("go", "build", "-o", f.program, ".")
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		f.goEnv = append(f.goEnv, name+"="+f.output("go", "env", name))
	}
	repo := testfile.NewRepo(t, f.origin)
	repo.Run("pull", "-q", "--depth", "1", f.output("git", "rev-parse", "--show-toplevel"), "HEAD")
	all := "[" + strings.Join(workers, ", ") + "]"
	config := filepath.Join(f.origin, "slipway.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, config, fmt.Sprintf("%sbuilders: {linux/amd64: %s, linux/arm64: %s, windows/amd64: %s}\n", text, all, all, all))
	repo.Commit("A release", "2026-03-01T12:00:00Z")
	repo.Run("tag", releaseTag)

	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(f.registry.Load())
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(server.Close)
	f.hub = strings.TrimPrefix(server.URL, "http://")
	f.newRegistry()

	key := filepath.Join(t.TempDir(), "cache")
	f.signing = []string{"COSIGN_PASSWORD=word", "SLIPWAY_CACHE_KEY=" + key + ".key", "SLIPWAY_CACHE_PUBLIC_KEY=" + key + ".pub"}
	t.Setenv("COSIGN_PASSWORD", "word") // of key generate
	f.output(f.program, "key", "generate", "--output-key-prefix", key)
	return f
}

// output runs a program and returns what it prints.
func (f *farm) output(program string, args ...string) string {
	f.t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(f.t.Context(), program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		f.t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// newRegistry replaces the registry by an empty one.
func (f *farm) newRegistry() {
	f.registry.Store(&url.URL{Scheme: "http", Host: imagetest.DistributionRegistry(f.t)})
}

// shared returns the variables of shards: those of the workers, and of the caches that they share.
func (f *farm) shared() []string {
	caches := "type=registry,ref=" + imagetest.DistributionRegistry(f.t) + "/team/cache " + f.bucket.cache
	return append([]string{"BUILDER=buildkit", "SLIPWAY_CACHE_FROM=" + caches, "SLIPWAY_CACHE_TO=" + caches,
		"SSL_CERT_FILE=" + f.bucket.certificate}, f.signing...)
}

// A machine has a checkout, a home and caches of its own.
type machine struct {
	farm           *farm
	name           string
	checkout, home string
	env            []string
	said           bytes.Buffer
}

func (f *farm) machine(name string, env []string) *machine {
	f.t.Helper()
	dir := f.t.TempDir()
	m := &machine{farm: f, name: name, checkout: filepath.Join(dir, "checkout"), home: filepath.Join(dir, "home"), env: env}
	if err := os.Mkdir(m.home, 0o755); err != nil {
		f.t.Fatal(err)
	}
	f.output("git", "clone", "-q", "--branch", releaseTag, "file://"+f.origin, m.checkout)
	return m
}

func (m *machine) dist() string { return filepath.Join(m.checkout, "dist") }

func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.farm.t.Context(), m.farm.program, args...)
	cmd.Dir = m.checkout
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + m.home, "REGISTRY=" + m.farm.hub, "SLIPWAY_PLAIN_HTTP=127.0.0.1",
		"GOPROXY=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GIT_CONFIG_GLOBAL=" + os.DevNull}, append(m.farm.goEnv, m.env...)...)
	cmd.Stdout, cmd.Stderr = &m.said, &m.said
	return cmd
}

// run runs slipway.
func (m *machine) run(args ...string) error {
	if err := m.command(args...).Run(); err != nil {
		return fmt.Errorf("%s: slipway %s: %w\n%s", m.name, strings.Join(args, " "), err, &m.said)
	}
	return nil
}

// slipway is run, which must not fail.
func (m *machine) slipway(args ...string) {
	m.farm.t.Helper()
	if err := m.run(args...); err != nil {
		m.farm.t.Fatal(err)
	}
}

// killAt runs slipway, and kills it and its children when a task begins whose name has this prefix.
func (m *machine) killAt(prefix string, args ...string) error {
	cmd := m.command(append(args, "--progress", "json")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = nil, nil
	events, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	killed := false
	for lines := bufio.NewScanner(events); lines.Scan(); {
		m.said.WriteString(lines.Text() + "\n")
		var e progress.Event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event == "start" && strings.HasPrefix(e.Name, prefix) {
			killed = true
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
				return err
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !killed || !errors.As(err, &exit) {
		return fmt.Errorf("%s was not killed: %w\n%s", m.name, err, &m.said)
	}
	return nil
}

// sums returns the SHA-256 of each file below a folder. Hidden folders are no part of a release.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		all[rel] = fmt.Sprintf("%x", h.Sum(nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

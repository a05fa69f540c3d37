package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// commit makes dir a git repository with all of its files.
func commit(t *testing.T, dir string) {
	t.Helper()
	git := imagetest.Program(t, "git")
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "all"}} {
		if out, err := exec.Command(git, append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A rebuild is a run of its own: it gets the flags that decide what is made, and does not write the record.
func TestARebuildGetsTheFlagsOfTheBuild(t *testing.T) {
	p := Program{Getenv: func(string) (string, bool) { return "", false }}
	c := p.verifyCommand()
	if err := c.ParseFlags([]string{"--record", "run.json", "--rebuild", "--locked", "--set", "A=b", "--json"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"--locked=true", "--set=A=b"}, passedOn(c)); diff != "" {
		t.Error(diff)
	}
}

func TestVerifyRebuildAndAgainst(t *testing.T) {
	t.Setenv("SLIPWAY_TEST_MAIN", "1")
	dir, config := project(t)
	writeFiles(t, dir, map[string]string{".gitignore": "dist\n"})
	commit(t, dir)
	hub := imagetest.Registry(t)
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir()}
	good := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := run(t, env, append(args, "--config", config)...)
		if status != 0 {
			t.Fatalf("slipway %v: exit status %d\n%s%s", args, status, stdout, stderr)
		}
		return stdout
	}
	bad := func(want string, args ...string) {
		t.Helper()
		if status, stdout, stderr := run(t, env, append(args, "--config", config)...); status != 1 || !strings.Contains(stderr, want) {
			t.Errorf("slipway %v: exit status %d, want 1 and %q in\n%s%s", args, status, want, stdout, stderr)
		}
	}
	good("build")
	good("package")
	artifacts := filepath.Join(dir, "dist", "artifacts")
	attested := filepath.Join(t.TempDir(), "vsa.json")
	if out := good("verify", "--rebuild", "--attest", attested); !strings.Contains(out, " artifacts equal to dist") {
		t.Errorf("verify --rebuild says %s", out)
	}
	key, private, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, bundled := filepath.Join(t.TempDir(), "release.key"), filepath.Join(t.TempDir(), "vsa.sigstore.json")
	if err := os.WriteFile(keyFile, private, 0o600); err != nil {
		t.Fatal(err)
	}
	env["COSIGN_PASSWORD"] = ""
	good("verify", "--rebuild", "--attest", bundled, "--sign-key", keyFile)
	raw, err := os.ReadFile(bundled)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := sign.ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := bundle.VerifyEnvelope(t.Context(), sign.Verifiers(key.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	raw, err = os.ReadFile(attested)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := statement.Read(raw)
	if err != nil || summary.PredicateType != statement.VerificationSummary {
		t.Fatalf("%v, %s", err, raw)
	}
	if !bytes.Equal(envelope.Payload, raw) {
		t.Errorf("signed is %s", envelope.Payload)
	}
	var report struct{ Made []struct{ Digest string } }
	if raw, err = os.ReadFile(filepath.Join(dir, "dist", "artifacts.json")); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	for _, m := range report.Made {
		if !summary.About(m.Digest) {
			t.Errorf("the summary is not about %s", m.Digest)
		}
	}

	// A copy of the files, then another one of which a member differs.
	published := t.TempDir()
	if err := os.CopyFS(published, os.DirFS(artifacts)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(published)))
	t.Cleanup(server.Close)
	ref := "registry.example.com/team/acme-runtime:" + tagOf(t, dir)
	mirrored := hub + "/mirror/acme-runtime:" + tagOf(t, dir)
	layout, err := store.OpenLayout(filepath.Join(dir, "dist", "oci"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := layout.Lookup(ref)
	if err != nil {
		t.Fatal(err)
	}
	index, err := layout.Index(found.Digest)
	if err != nil {
		t.Fatal(err)
	}
	imagetest.Push(t, mirrored, index)
	for _, where := range []string{published, server.URL, mirrored, filepath.Join(dir, "dist")} {
		if out := good("verify", "--against", where); !strings.Contains(out, "equal to "+where) {
			t.Errorf("--against %s says %s", where, out)
		}
	}
	list := filepath.Join(published, "acme-images.linux-amd64.txt")
	if err := os.WriteFile(list, []byte("example.com/other:v1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{published, server.URL} {
		bad(`dist/artifacts/acme-images.linux-amd64.txt: line 1 differs: "example.com/other:v1" and "`, "verify", "--against", where)
	}
	bad("the folder does not exist", "verify", "--against", filepath.Join(dir, "nowhere"))
	if status, stdout, _ := run(t, env, "verify", "--json", "--rebuild", "--against", published, "--config", config); status != 1 {
		t.Errorf("--rebuild --against: exit status %d", status)
	} else {
		agrees(t, "verify", []byte(stdout))
		if !strings.Contains(stdout, `"what": "line 1 differs: `) {
			t.Errorf("verify --json prints %s", stdout)
		}
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{published, server.URL} {
		bad("dist/artifacts/acme-images.linux-amd64.txt: only the second has it", "verify", "--against", where)
	}

	// A release of a checkout with changes cannot be built again.
	writeFiles(t, dir, map[string]string{"hello.txt": "changed\n"})
	good("build")
	good("package")
	bad("commit the changes", "verify", "--rebuild")
}

func tagOf(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "dist", "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Release struct{ Tag string } }
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	return report.Release.Tag
}

// What a build takes from its surroundings is different in a rebuild, and is named.
func TestRebuildNamesWhatIsPlanted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the hooks are scripts for sh")
	}
	if testing.Short() {
		t.Skip("compiles programs")
	}
	imagetest.Program(t, "go")
	imagetest.Program(t, "gcc")
	t.Setenv("SLIPWAY_TEST_MAIN", "1")
	t.Setenv("USER", "alice-the-builder")
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		".gitignore": "dist\nout\n", "go.mod": "module example.com/acme\n\ngo 1.26\n",
		"main.go":       "package main\n\nvar by string\n\nfunc main() { println(by) }\n",
		"order/main.go": "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tm := map[int]bool{}\n\tfor i := range 100 {\n\t\tm[i] = true\n\t}\n\tfor i := range m {\n\t\tfmt.Println(i)\n\t}\n}\n",
		"cgo/main.go":   "package main\n\n// int one(void) { return 1; }\nimport \"C\"\n\nfunc main() { println(C.one()) }\n",
		"Dockerfile":    "FROM scratch\nCOPY out /out/\n",
		"slipway.yaml": `project: acme
registry: registry.example.com
repository: team
version: {base: v1.0.0}
platforms: [linux/amd64]
vars: {BY: "${USER:-nobody}"}
before:
  - shell: |
      mkdir -p out
      date +%s%N >out/clock
      uname -n >out/host
      echo "$USER" >out/user
      date -d @0 +%z >out/zone
      pwd >out/folder
      echo >out/umask
      go run ./order >out/order
      CGO_ENABLED=1 go build -buildvcs=false -o out/cgo ./cgo
    inputs: [go.mod]
    outputs: [out]
binaries:
  - {name: acme, package: ., ldflags: ["-X main.by=${BY}"]}
images:
  - name: acme-runtime
    modes: keep
    variants:
      - {platforms: [linux/amd64], dockerfile: Dockerfile}
`,
	})
	commit(t, dir)
	config := filepath.Join(dir, "slipway.yaml")
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "USER": "alice-the-builder"}
	for _, verb := range []string{"build", "package"} {
		if status, stdout, stderr := run(t, env, verb, "--config", config); status != 0 {
			t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
		}
	}
	status, _, said := run(t, env, "verify", "--rebuild", "--config", config)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	layer := "-linux-amd64 > layer 1 > out/"
	for _, want := range []struct{ what, member, words string }{
		{"the clock", layer + "clock: line 1 differs: ", "it contains a time"},
		{"an environment variable", layer + "user: line 1 differs: ", "the name of the user (environment USER or LOGNAME)"},
		{"a variable of slipway.yaml", "dist/bin/linux-amd64/acme: byte ", "it contains the variable BY"},
		{"the build ID", "dist/bin/linux-amd64/acme: build ID differs", "the inputs of the linker differ"},
		{"the time zone", layer + "zone: line 1 differs: ", "it contains the time zone"},
		{"the folder", layer + "folder: line 1 differs: ", "it contains the path of the project"},
		{"the umask", "-linux-amd64 > layer 1: out/clock and 6 more members: mode differs: 0644 and 0600", "this looks like the umask"},
		{"the order of a map", layer + "order: both have the same lines", "sort what comes out of a map"},
		{"the path of a program with cgo", layer + "cgo: ", "-trimpath is missing, so that the paths of the build machine are part of it"},
	} {
		found := false
		for line := range strings.Lines(said) {
			found = found || strings.Contains(line, want.member) && strings.Contains(line, want.words)
		}
		if !found {
			t.Errorf("%s: want %q and %q in\n%s", want.what, want.member, want.words, said)
		}
	}
	if exec.Command("unshare", "--uts", "true").Run() == nil && !strings.Contains(said, "it contains the name of the host") {
		t.Errorf("the name of the host is not in\n%s", said)
	}
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/golden"
)

// run runs a command line as main would, with its own environment.
func run(t *testing.T, env map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return runReading(t, env, "", args...)
}

// runReading is run with standard input.
func runReading(t *testing.T, env map[string]string, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cache := t.TempDir()
	p := Program{Version: "v1.2.3", RuntimeImage: "docker.io/acme/acme-runtime:v1.2.3", Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) (string, bool) {
			if v, ok := env[name]; ok {
				return v, true
			}
			if name == "SLIPWAY_CACHE" {
				return cache, true
			}
			return "", false
		}}
	status = p.Run(t.Context(), args)
	return status, out.String(), errs.String()
}

// project writes a project without binaries, and with one image FROM scratch.
func project(t *testing.T) (dir, config string) {
	t.Helper()
	dir = t.TempDir()
	config = filepath.Join(dir, "slipway.yaml")
	files := map[string]string{
		"Dockerfile": "FROM scratch\nCOPY hello.txt /etc/\nENTRYPOINT [\"/hello\"]\n",
		"hello.txt":  "hello\n",
		"slipway.yaml": `project: acme
registry: registry.example.com
repository: team
version: {base: v1.0.0}
platforms: [linux/amd64, windows/amd64]
windows: {ltsc2022: 10.0.20348.4294, ltsc2025: 10.0.26100.4294}
images:
  - name: acme-runtime
    variants:
      - {platforms: [linux/amd64, windows/amd64], dockerfile: Dockerfile}
airgap:
  lists:
    images: {images: [acme-runtime]}
    windows: {images: [acme-runtime], platforms: [windows/amd64]}
`,
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, config
}

func TestExitStatusAndErrors(t *testing.T) {
	_, config := project(t)
	broken := filepath.Join(t.TempDir(), "slipway.yaml")
	if err := os.WriteFile(broken, []byte("project: acme\nplatfroms: [linux/amd64]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		env    map[string]string
		args   []string
		status int
		wrong  []string
	}{
		{"an unknown flag", nil, []string{"plan", "--nope"}, 2, []string{"--nope", "slipway plan --help"}},
		{"an unknown command", nil, []string{"biuld"}, 2, []string{`unknown command "biuld"`, "did you mean build"}},
		{"too many words", nil, []string{"plan", "all"}, 2, []string{"slipway plan --help"}},
		{"no platform", nil, []string{"plan", "--platform", "linux/amd65", "--config", config}, 2, []string{"--platform", "linux/amd65"}},
		{"several wrong flags at once", nil, []string{"plan", "--jobs", "0", "--progress", "loud"}, 2, []string{"--jobs 0", "--progress", "loud"}},
		{"a wrong environment", map[string]string{"JOBS": "many", "SKIP_WINDOWS": "perhaps"}, []string{"plan"}, 2, []string{"JOBS=many", "SKIP_WINDOWS"}},
		{"a typo in the configuration", nil, []string{"plan", "--config", broken}, 2, []string{broken + ":2:1", "platfroms", "platforms"}},
		{"no configuration", nil, []string{"plan", "--config", "nowhere.yaml"}, 2, []string{"nowhere.yaml"}},
		{"an unknown target", nil, []string{"build", "acme-runtme@linux/amd64", "--config", config}, 2, []string{`no target "acme-runtme" (did you mean "acme-runtime"?)`}},
		{"a target of another verb", nil, []string{"package", "acme-runtime", "--config", config}, 2, []string{`no target "acme-runtime": want images, windows`}},
		{"a target of publish", nil, []string{"publish", "acme-runtime", "--config", config}, 2, []string{"acme-runtime"}},
		{"a target without an architecture", nil, []string{"build", "acme-runtime@windows", "--config", config}, 2, []string{`target "acme-runtime@windows"`, "want os/architecture"}},
		{"an unknown part", nil, []string{"build", "--only", "cake", "--config", config}, 2, []string{"cake", "binaries"}},
		{"an unknown builder", nil, []string{"build", "--builder", "kaniko", "--config", config}, 2, []string{"kaniko", "embedded, docker or buildkit"}},
		{"no list and no image", nil, []string{"airgap", "pack", "-o", "x.tar"}, 2, []string{"-f LIST.txt"}},
		{"no known archive name", nil, []string{"airgap", "pack", "-o", "x.rar", "busybox"}, 2, []string{"x.rar", ".tar.zst"}},
		{"layers and a level that are none", nil, []string{"airgap", "pack", "-o", "x.tar", "--layers", "thin", "--level", "utmost", "busybox"}, 2, []string{`layers "thin"`, `level "utmost"`}},
		{"an image, and no place to look", nil, []string{"airgap", "find", "nowhere.tar"}, 2, []string{"nowhere.tar is not a file or folder", "FILE or DIR"}},
		{"a list that is none", nil, []string{"airgap", "pack", "-f", broken, "-o", "x.tar"}, 2, []string{broken + ":1", broken + ":2"}},
		{"an archive that is not there", nil, []string{"airgap", "ls", "nowhere.tar"}, 1, []string{"nowhere.tar"}},
		{"offline, and not in the cache", nil, []string{"--offline", "airgap", "pack", "-o", filepath.Join(t.TempDir(), "x.tar"), "127.0.0.1:1/acme/a:v1"}, 1, []string{"127.0.0.1:1/acme/a:v1", "offline"}},
		{"no policy to verify by", nil, []string{"airgap", "verify", "--policy", "", "x.tar"}, 2, []string{"--policy has an empty value"}},
		{"no key to verify with", nil, []string{"airgap", "verify", "--key=", "x.tar"}, 2, []string{"--key has an empty value"}},
		{"no list and no checksums to verify by", nil, []string{"airgap", "verify", "--list", "", "--checksums", "", "x.tar"}, 2, []string{"--list has", "--checksums has"}},
		{"no policy to push by", nil, []string{"airgap", "push", "--policy", "", "x.tar", "localhost:1"}, 2, []string{"--policy has an empty value"}},
		{"no proof to pack", nil, []string{"airgap", "pack", "--policy", "", "--sign-key", "", "--sbom", "", "-o", "x.tar", "busybox"}, 2,
			[]string{"--policy has", "--sign-key has", "--sbom has"}},
		{"no size of parts", nil, []string{"airgap", "pack", "--split", "", "-o", "x.tar", "busybox"}, 2, []string{"--split has"}},
		{"no summary to write", nil, []string{"verify", "--attest", "", "--sign-key", "", "--against", "", "--config", config}, 2,
			[]string{"--attest has", "--sign-key has", "--against has"}},
		{"no key to sign a summary with", nil, []string{"verify", "--rebuild", "--attest", "x.json", "--sign-key", "nowhere.key", "--config", config}, 2, []string{"--sign-key: reading the private key: "}},
		{"no form of signatures", nil, []string{"image", "sign", "--key", "x", "--attach", "", "busybox"}, 2, []string{"--attach has"}},
		{"no limit of the cache", nil, []string{"clean", "--cache", "--max-size", "", "--older-than", "", "--config", config}, 2, []string{"--max-size has", "--older-than has"}},
		{"an output that is none", nil, []string{"image", "build", "-o", "tar", "."}, 2, []string{`output "tar"`, "oci:DIR"}},
		{"modes that are unknown", nil, []string{"image", "build", "--modes", "0600", "."}, 2, []string{`modes "0600"`, "want normal or keep"}},
		{"a push without a name", nil, []string{"image", "build", "-o", "push", "."}, 2, []string{"-t REF"}},
		{"an index without a name", nil, []string{"index", "create", "busybox"}, 2, []string{"-t REF"}},
		{"extract without anything", nil, []string{"airgap", "extract"}, 2, []string{"--path", "--from"}},
		{"an age that is none", nil, []string{"clean", "--cache", "--older-than", "soon"}, 2, []string{"soon", "7d"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, c.env, c.args...)
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			for _, want := range c.wrong {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q is not in the message:\n%s", want, stderr)
				}
			}
			if stdout != "" {
				t.Errorf("after an error, standard output has\n%s", stdout)
			}
		})
	}
}

// Every command has a description and an example.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	p := Program{Version: "v1.2.3", RuntimeImage: "docker.io/acme/acme-runtime:v1.2.3", Getenv: func(string) (string, bool) { return "", false }}
	p.settings.Jobs, p.settings.Cache = 2, "CACHE"
	everyCommand(p.root(), func(c *cobra.Command) {
		if !c.HasSubCommands() && c.Name() != "help" && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		if c.Short == "" {
			t.Errorf("missing description of %s", c.CommandPath())
		}
		out.WriteString("$ " + c.CommandPath() + " --help\n")
		c.SetOut(&out)
		if err := c.Help(); err != nil {
			t.Error(err)
		}
		out.WriteString("\n")
	})
	golden.Equal(t, out.Bytes())
}

func TestPlanMakesNothing(t *testing.T) {
	dir, config := project(t)
	status, stdout, stderr := run(t, nil, "plan", "--config", config)
	if status != 0 || !strings.Contains(stdout, "registry.example.com/team/acme-runtime:v1.0.0-dev-windows-ltsc2025-amd64") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "dist")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("plan created dist: %v", err)
	}
}

func TestFromDockerfileToExtractedFiles(t *testing.T) {
	dir, config := project(t)
	dist := filepath.Join(dir, "dist")
	step := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := run(t, nil, args...)
		if status != 0 {
			t.Fatalf("slipway %s: exit status %d\n%s%s", strings.Join(args, " "), status, stdout, stderr)
		}
		return stdout
	}
	step("build", "--config", config)
	var packaged release.Report
	if err := json.Unmarshal([]byte(step("package", "--json", "--config", config)), &packaged); err != nil || packaged.Project != "acme" || len(packaged.Made) == 0 {
		t.Errorf("package --json prints %+v (%v)", packaged, err)
	}
	if out := step("verify", "--json", "--config", config); !strings.Contains(out, `"problems": []`) {
		t.Errorf("verify --json prints\n%s", out)
	}
	archive := filepath.Join(dist, "artifacts", "acme-images.linux-amd64.tar.zst")
	if out := step("airgap", "ls", archive); !strings.Contains(out, "registry.example.com/team/acme-runtime:v1.0.0-dev") {
		t.Errorf("ls shows\n%s", out)
	}
	step("airgap", "verify", "--list", filepath.Join(dist, "artifacts", "acme-images.linux-amd64.txt"),
		"--checksums", filepath.Join(dist, "artifacts", "sha256sum-amd64.txt"), archive)
	ref := "registry.example.com/team/acme-runtime:v1.0.0-dev"
	if out := step("airgap", "find", "--platform", "linux/amd64", ref, filepath.Join(dist, "artifacts")); !strings.Contains(out, "linux-amd64.tar.") {
		t.Errorf("find shows %s", out)
	}
	dest := filepath.Join(t.TempDir(), "etc")
	step("airgap", "extract", ref, "--from", archive, "--path", "/etc="+dest)
	if got, err := os.ReadFile(filepath.Join(dest, "hello.txt")); err != nil || string(got) != "hello\n" {
		t.Errorf("extracted %q, %v", got, err)
	}
	if out := step("index", "inspect", "oci:"+filepath.Join(dist, "oci")+":"+ref); !strings.Contains(out, "windows/amd64:10.0.26100.4294") {
		t.Errorf("inspect shows\n%s", out)
	}
	outputs := filepath.Join(t.TempDir(), "outputs")
	listed := filepath.Join(dist, "artifacts", "acme-images.linux-amd64.txt")
	if err := os.WriteFile(listed, []byte("damaged\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, stdout, _ := run(t, map[string]string{"SLIPWAY_OUTPUTS": outputs, "SLIPWAY_SUMMARY": outputs + ".md"}, "verify", "--json", "--config", config)
	if status != 1 || !strings.Contains(stdout, filepath.Base(listed)) {
		t.Errorf("verify --json of a damaged list: exit status %d\n%s", status, stdout)
	}
	if summary, err := os.ReadFile(outputs + ".md"); err != nil || !strings.Contains(string(summary), "## slipway verify") || !strings.Contains(string(summary), "failed") {
		t.Errorf("the summary of a failure is %q (%v)", summary, err)
	}
	if _, err := os.Stat(outputs); err == nil {
		t.Error("a failure has outputs")
	}
	step("clean", "--config", config)
	if _, err := os.Stat(dist); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("clean left dist: %v", err)
	}
}

func TestImageBuildForSeveralPlatforms(t *testing.T) {
	dir, _ := project(t)
	out := filepath.Join(t.TempDir(), "out")
	status, stdout, stderr := run(t, map[string]string{"SOURCE_DATE_EPOCH": "1700000000"}, "image", "build",
		"--platform", "linux/amd64,windows/amd64:10.0.20348.4294", "-t", "acme/hello:v1", "-o", "oci:"+out, dir)
	if status != 0 || !strings.Contains(stdout, "windows/amd64:10.0.20348.4294") {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	archive := filepath.Join(t.TempDir(), "hello.tar.gz")
	status, stdout, stderr = run(t, nil, "airgap", "pack", "--platform", "windows/amd64:10.0.20348.4294", "-o", archive, "oci:"+out)
	if status != 0 {
		t.Fatalf("packing a layout: exit status %d\n%s%s", status, stdout, stderr)
	}
	if status, stdout, stderr = run(t, nil, "airgap", "ls", archive); status != 0 || !strings.Contains(stdout, "acme/hello:v1") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

// Both platforms have the same warning, which is shown once, in every mode.
func TestWarningsAreShownOnce(t *testing.T) {
	dir := t.TempDir()
	dockerfile := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(dockerfile, []byte("FROM scratch\nCOPY none* /a/\nENV x y\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	escaped := strings.TrimSuffix(strconv.Quote(dockerfile), `"`)
	for _, c := range []struct {
		mode         string
		lint, copies string
	}{
		{"plain", "warning: " + dockerfile + ":3: ", "warning: " + dockerfile + ":2: "},
		{"none", "warning: " + dockerfile + ":3: ", "warning: " + dockerfile + ":2: "},
		{"tty", "warning: " + dockerfile + ":3: ", "warning: " + dockerfile + ":2: "},
		{"json", `"event":"warning","message":` + escaped + ":3: ", `"event":"warning","message":` + escaped + ":2: "},
	} {
		t.Run(c.mode, func(t *testing.T) {
			status, _, stderr := run(t, nil, "image", "build", "--progress", c.mode, "--platform", "linux/amd64,linux/arm64",
				"-o", "oci:"+filepath.Join(t.TempDir(), "out"), dir)
			if status != 0 {
				t.Fatalf("exit status %d:\n%s", status, stderr)
			}
			for _, part := range []string{c.lint, c.copies} {
				if got := strings.Count(stderr, part); got != 1 {
					t.Errorf("%q occurs %d times in\n%s", part, got, stderr)
				}
			}
		})
	}
}

// A program that reads the events needs no other text, wherever the error occurs.
func TestFailuresAreEvents(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name   string
		env    map[string]string
		args   []string
		status int
		want   string
	}{
		{"a build", nil, []string{"image", "build", "--progress=json", "--platform", "linux/amd64", "-o", "oci:" + dir + "/out", dir}, 1, "reading the Dockerfile"},
		{"no display", nil, []string{"airgap", "ls", filepath.Join(dir, "none.tar"), "--progress", "json"}, 1, "none.tar"},
		{"a flag before", nil, []string{"image", "build", "--nonesuch", "--progress", "json"}, 2, "--nonesuch"},
		{"a flag's value", nil, []string{"--jobs", "0", "--progress", "json", "plan"}, 2, "--jobs 0"},
		{"by the environment", map[string]string{"PROGRESS": "json"}, []string{"nonesuch"}, 2, "nonesuch"},
		{"of the environment", map[string]string{"PROGRESS": "json", "JOBS": "x"}, []string{"plan"}, 2, "JOBS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, stderr := run(t, c.env, c.args...)
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			var last struct{ Event, Error string }
			for line := range strings.Lines(stderr) {
				last.Error = ""
				if err := json.Unmarshal([]byte(line), &last); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
			}
			if last.Event != "error" || !strings.Contains(last.Error, c.want) {
				t.Errorf("the last event is %+v, want an error with %q", last, c.want)
			}
		})
	}
}

func TestInterruptIsReported(t *testing.T) {
	_, config := project(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	cache := t.TempDir()
	p := Program{Getenv: func(name string) (string, bool) { return map[string]string{"SLIPWAY_CACHE": cache}[name], true }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
	if status := p.Run(ctx, []string{"build", "--config", config}); status != 130 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit status %d, %s", status, errs.String())
	}
}

func TestArchivesInPartsAreReadAsTheyLie(t *testing.T) {
	dir, _ := project(t)
	out, parts := filepath.Join(t.TempDir(), "out"), t.TempDir()
	archive := filepath.Join(parts, "hello.tar")
	for _, args := range [][]string{
		{"image", "build", "--platform", "linux/amd64", "-t", "acme/hello:v1", "-o", "oci:" + out, dir},
		{"airgap", "pack", "--platform", "linux/amd64", "--split", "2KiB", "-o", archive, "oci:" + out},
		{"airgap", "verify", archive},
		{"airgap", "find", "acme/hello:v1", parts},
	} {
		if status, stdout, stderr := run(t, nil, args...); status != 0 {
			t.Fatalf("%v: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	if _, err := os.Stat(archive + ".part002"); err != nil {
		t.Error(err)
	}
	if status, _, stderr := run(t, nil, "airgap", "pack", "--split", "big", "-o", archive, "oci:"+out); status != 2 || !strings.Contains(stderr, `--split: "big" is not a size`) {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}

func TestADeltaMakesTheNewArchive(t *testing.T) {
	dir, _ := project(t)
	var archives []string
	for _, version := range []string{"v1", "v2"} {
		if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte(version), 0o644); err != nil {
			t.Fatal(err)
		}
		archive := filepath.Join(t.TempDir(), "hello.tar.zst")
		if status, _, stderr := run(t, nil, "image", "build", "-t", "acme/hello:v1", "-o", "docker:"+archive, dir); status != 0 {
			t.Fatal(stderr)
		}
		archives = append(archives, archive)
	}
	delta, again := filepath.Join(t.TempDir(), "delta"), filepath.Join(t.TempDir(), "again.tar.zst")
	if status, stdout, stderr := run(t, nil, "airgap", "diff", archives[0], archives[1], "-o", delta); status != 0 || !strings.Contains(stdout, "in place of") {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if status, stdout, stderr := run(t, nil, "airgap", "apply", archives[0], delta, "-o", again); status != 0 || !strings.Contains(stdout, "sha256:") {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	want, err := os.ReadFile(archives[1])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(again); err != nil || !bytes.Equal(got, want) {
		t.Errorf("apply made other bytes (%v)", err)
	}
	if status, _, stderr := run(t, nil, "airgap", "apply", archives[1], delta, "-o", again); status != 1 || !strings.Contains(stderr, archives[1]) {
		t.Errorf("the wrong old archive: exit status %d, %s", status, stderr)
	}
	if status, _, _ := run(t, nil, "airgap", "diff", archives[0], archives[1]); status != 2 {
		t.Errorf("no -o: exit status %d", status)
	}
}

func TestEmptyRunsAreReported(t *testing.T) {
	_, config := project(t)
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir()}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"build", "--skip-windows", "--only", "windows"}, []string{"nothing to build"}},
		{[]string{"publish", "--only", "artifacts"}, []string{"nothing to publish"}},
	} {
		status, stdout, stderr := run(t, env, append(c.args, "--config", config, "--progress", "none")...)
		if status != 0 {
			t.Errorf("%v: exit status %d: %s", c.args, status, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("missing in %v: %q:\n%s", c.args, want, stdout)
			}
		}
	}
}

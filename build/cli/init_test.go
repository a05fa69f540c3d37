package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/scaffold"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// goServer writes a Go project whose Dockerfile copies a compiled program and a file of the checkout.
func goServer(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{
		"go.mod":             "module example.org/server\n\ngo 1.26\n",
		"main.go":            "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
		"config.yaml":        "port: 80\n",
		"Dockerfile":         "FROM scratch\nCOPY bin/server /server\nCOPY config.yaml /etc/\nENTRYPOINT [\"/server\"]\n",
		"windows.Dockerfile": "FROM scratch\nCOPY bin/server.exe config.yaml /\nENTRYPOINT [\"/server.exe\"]\n",
	} {
		testfile.Write(t, filepath.Join(dir, name), content)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	return dir
}

func TestInitThenBuild(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the hook that makes the context is for sh")
	}
	dir := goServer(t)
	status, stdout, stderr := run(t, nil, "init", dir)
	if status != 0 || !strings.Contains(stdout, "slipway.yaml:9: unsure: nothing says where images are published\n") ||
		!strings.HasSuffix(stdout, "; look at the lines above, then try `slipway plan`\n") {
		t.Fatalf("init: status %d\n%s%s", status, stdout, stderr)
	}
	if status, stdout, stderr := run(t, nil, "build", "--config", filepath.Join(dir, "slipway.yaml"), "--platform", "linux/amd64,windows/amd64"); status != 0 {
		t.Fatalf("build: status %d\n%s%s", status, stdout, stderr)
	}
	for _, file := range []string{"linux-amd64/bin/server", "linux-amd64/config.yaml", "windows-amd64/bin/server.exe"} {
		if _, err := os.Stat(filepath.Join(dir, "dist", "context", "server", filepath.FromSlash(file))); err != nil {
			t.Errorf("the context of the image: %v", err)
		}
	}
}

// Editors check slipway.yaml with the schema of the version that wrote it.
func TestInitNamesTheSchemaOfItsVersion(t *testing.T) {
	for version, want := range map[string]string{"v1.2.3": "/slipway/v1.2.3/docs/slipway.schema.json\n", "v1.2.3-dev": "/slipway/main/docs/slipway.schema.json\n"} {
		dir := goServer(t)
		var said strings.Builder
		p := Program{Version: version, Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, Getenv: func(string) (string, bool) { return "", false }}
		if status := p.Run(t.Context(), []string{"init", dir}); status != 0 {
			t.Fatalf("init: status %d\n%s", status, &said)
		}
		written, err := os.ReadFile(filepath.Join(dir, "slipway.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(string(written), "\n"); !strings.HasSuffix(first+"\n", want) {
			t.Errorf("%s writes %q, want a URL with %q", version, first, want)
		}
	}
}

func TestInitRefuses(t *testing.T) {
	dir := goServer(t)
	testfile.Write(t, filepath.Join(dir, "services", "api", "go.mod"), "module x\n")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a missing folder", []string{filepath.Join(dir, "nowhere")}, "surveying: "},
		{"a file", []string{filepath.Join(dir, "go.mod")}, "it is a file, want a folder"},
		{"an empty folder", []string{t.TempDir()}, "found nothing to release: want a go.mod with a main package, or a Dockerfile"},
		{"an unknown tool", []string{"--from", "make", dir}, `converting the file of "make": unknown tool: want goreleaser`},
		{"no file of a tool", []string{"--from", "goreleaser", dir}, "has none of .goreleaser.yaml"},
		{"a folder without a module", []string{"--module", "cmd", dir}, "--module cmd: it has no Go module: want one of ., services/api"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, stderr := run(t, nil, append([]string{"init"}, c.args...)...)
			if status == 0 || !strings.Contains(stderr, c.want) {
				t.Errorf("got status %d and %q, want %q", status, stderr, c.want)
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*slipway*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestInitAsks(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"api", "worker"} {
		testfile.Write(t, filepath.Join(dir, name, "go.mod"), "module example.org/"+name+"\n")
		testfile.Write(t, filepath.Join(dir, name, "main.go"), "package main\n\nfunc main() {}\n")
	}
	for answer, want := range map[string]string{
		"2\n":   "module: worker\n",
		"3\n":   "choosing a Go module: want a number from 1 to 2; --module FOLDER answers the question",
		"api\n": "choosing a Go module: want a number from 1 to 2",
		"":      "there are programs in several Go modules: choose one with --module: api, worker",
	} {
		var errs strings.Builder
		p := Program{Stdin: strings.NewReader(answer), Stderr: &errs}
		got := ""
		if result, err := scaffold.Init(t.Context(), dir, scaffold.Options{Choose: p.chooseModule}); err != nil {
			got = err.Error()
		} else {
			data, err := os.ReadFile(result.Path)
			if err != nil {
				t.Fatal(err)
			}
			got = string(data)
			if err := os.Remove(result.Path); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("answer %q: got %q, want %q", answer, got, want)
		}
		if want := " 1  api\n 2  worker\nWhich of these Go modules is released (1-2)? "; errs.String() != want {
			t.Errorf("answer %q: asked %q, want %q", answer, errs.String(), want)
		}
	}
}

// The converted project is built under the names of the other tool.
func TestInitConvertsThenBuilds(t *testing.T) {
	imagetest.Program(t, "go")
	dir := goServer(t)
	for _, file := range []string{"Dockerfile", "windows.Dockerfile"} {
		if err := os.Remove(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	testfile.Write(t, filepath.Join(dir, ".ko.yaml"), "defaultBaseImage: scratch\nbuilds: [{id: server, main: .}]\n")
	testfile.Write(t, filepath.Join(dir, ".goreleaser.yaml"), `builds: [{goos: [linux, windows], goarch: [amd64]}]
archives:
  - name_template: '{{ .ProjectName }}_{{ title .Os }}_{{ if eq .Arch "amd64" }}x86_64{{ else }}{{ .Arch }}{{ end }}'
    format_overrides: [{goos: windows, formats: [zip]}]
    files: [config.yaml]
checksum: {name_template: checksums.txt}
`)
	config := filepath.Join(dir, "slipway.yaml")
	for _, c := range []struct {
		from string
		args []string
		want []string
	}{
		{"ko", []string{"build", "--platform", "linux/amd64"}, []string{"Dockerfile", "dist/bin/linux-amd64/server", "dist/oci/index.json"}},
		{"goreleaser", []string{"package"}, []string{"dist/artifacts/server_Linux_x86_64.tar.gz", "dist/artifacts/server_Windows_x86_64.zip", "dist/artifacts/checksums.txt"}},
	} {
		if status, stdout, stderr := run(t, nil, "init", "--from", c.from, dir); status != 0 {
			t.Fatalf("init --from %s: status %d\n%s%s", c.from, status, stdout, stderr)
		}
		if status, stdout, stderr := run(t, nil, append(c.args, "--config", config)...); status != 0 {
			t.Fatalf("%s: status %d\n%s%s", c.args, status, stdout, stderr)
		}
		for _, file := range c.want {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
				t.Errorf("init --from %s, then %s: %v", c.from, c.args[0], err)
			}
		}
		if err := os.Remove(config); err != nil {
			t.Fatal(err)
		}
	}
}

package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/golden"
	"github.com/slipway-build/slipway/internal/testfile"
)

// load writes the files of an archive below a folder, and loads the slipway.yaml in dir.
func load(t *testing.T, files, dir string) *config.Config {
	t.Helper()
	imagetest.Program(t, "git")
	root := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(root))
	if err := os.Mkdir(filepath.Join(root, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(files)).Files {
		testfile.Write(t, filepath.Join(root, filepath.FromSlash(f.Name)), string(f.Data))
	}
	c, err := config.Load(t.Context(), filepath.Join(root, filepath.FromSlash(dir), "slipway.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const minimal = `
-- go.mod --
module example.com/acme

go 1.26

tool github.com/slipway-build/slipway/cmd/slipway
-- Dockerfile --
FROM scratch
COPY Dockerfile /
-- slipway.yaml --
project: acme
registry: ghcr.io
repository: acme
platforms: [linux/amd64, linux/arm64]
images:
  - name: acme
    variants: [{platforms: [linux/amd64, linux/arm64]}]
`

// everything has a destination of each kind, hooks and images with secrets, and an identity that signs. It is in a folder
// of its repository, has tags of its own, and reads variables.
const everything = `
-- go.work --
go 1.26
-- services/acme/go.mod --
module example.com/acme

go 1.26.1

tool github.com/slipway-build/slipway/cmd/slipway
-- services/acme/Dockerfile --
FROM scratch
COPY Dockerfile /
-- services/acme/images.txt --
docker.io/library/${BASE:-busybox}:1
-- services/acme/slipway.yaml --
project: acme
registry: ghcr.io
repository: acme
version: {tag-prefix: services/acme/, pattern: '^v[0-9.]+$'}
platforms: [linux/amd64, linux/arm64, linux/s390x, windows/amd64]
windows: {ltsc2022: 10.0.20348.4294}
builders: {linux/amd64: "tcp://builder:1234"}
before:
  - {run: [go, generate], secrets: [HOOK_TOKEN]}
images:
  - name: acme
    builder: buildkit
    labels: {channel: "${CHANNEL:-stable}"}
    secrets: ["id=netrc,env=NETRC", "id=file,src=file", "type=env,id=x,src=OTHER"]
    variants: [{platforms: [linux/amd64, linux/arm64, linux/s390x]}]
  - name: acme-windows
    when: '${GITHUB_ACTIONS:-true}'
    variants: [{platforms: [windows/amd64]}]
airgap:
  lists:
    core: {images: [acme], file: images.txt}
cache: {from: ["type=registry,ref=ghcr.io/acme/cache"], to: ["type=s3,bucket=acme-ci"], key: env://CACHE_KEY, public-key: env://CACHE_PUBLIC_KEY, password: CACHE_PASSWORD}
sign:
  when: '${TAG} == "never"'
  lists: true
  keyless:
    fulcio-url: https://fulcio.example.com
    timestamp-server-url: https://tsa.example.com/timestamp
    trusted-root: root.json
    certificate-identity: release@example.com
    certificate-oidc-issuer: https://issuer.example.com
publish:
  - registry: ghcr.io
  - registry: registry.example.com:5000
    credentials: {username: "${MIRROR_USER}", password: "${MIRROR_PASSWORD}"}
  - oci: 1.example.com/acme/artifacts
    when: 'false'
  - github: acme/acme
  - gitlab: acme/acme
  - s3: acme-builds
  - exec: {run: [./announce.sh], secrets: [ANNOUNCE_TOKEN]}
`

func TestPipelines(t *testing.T) {
	for _, service := range Services {
		t.Run(service, func(t *testing.T) {
			t.Run("minimal", func(t *testing.T) {
				text, err := Text(load(t, minimal, ""), Options{Service: service})
				if err != nil {
					t.Fatal(err)
				}
				golden.Equal(t, []byte(text))
			})
			t.Run("everything", func(t *testing.T) {
				o := Options{Service: service, Shards: 7, Runners: map[string]string{"linux/s390x": "self-hosted,s390x"}, Image: "builder:1", Secrets: []string{"PULL_TOKEN"}, Timeout: 90 * time.Minute}
				c := load(t, everything, "services/acme")
				text, err := Text(c, o)
				if err != nil {
					t.Fatal(err)
				}
				again, err := Text(c, o)
				if err != nil || again != text {
					t.Errorf("the second text differs: %v", err)
				}
				golden.Equal(t, []byte(text))
			})
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	c := load(t, strings.Replace(minimal, "tool github.com/slipway-build", "// tool", 1), "")
	for _, test := range []struct {
		name string
		o    Options
		want string
	}{
		{"unknown service", Options{Service: "jenkins"}, `service "jenkins": want one of github, gitlab, argo`},
		{"too few shards", Options{Service: "github", Shards: 1, Slipway: "slipway"}, "--shards 1: the platforms need 2 kinds of runners"},
		{"shards", Options{Service: "github", Shards: 1001, Slipway: "slipway"}, "--shards 1001: want a number from 1 to 1000"},
		{"no platform", Options{Service: "github", Runners: map[string]string{"linux": "x"}}, "--runner linux=x: "},
		{"no label", Options{Service: "github", Runners: map[string]string{"linux/amd64": ""}}, "--runner linux/amd64=: want PLATFORM=LABEL"},
		{"a secret's value", Options{Service: "github", Secrets: []string{"a-b"}}, `--secret "a-b": want the name of an environment variable`},
		{"seconds", Options{Service: "github", Timeout: 90 * time.Second}, "--timeout 1m30s: want whole minutes"},
		{"outside", Options{Service: "github", File: "../x.yml"}, "--file ../x.yml: want a path in the repository"},
		{"quotes", Options{Service: "github", Slipway: "sh -c 'slipway'"}, "that need no quotes"},
		{"a mapping", Options{Service: "github", Slipway: "slipway: x"}, "that need no quotes"},
		{"no tool", Options{Service: "github"}, "run `go get -tool github.com/slipway-build/slipway/cmd/slipway@latest`, or say with --slipway"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Text(c, test.o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestShardsAreDistributedBySize(t *testing.T) {
	for _, test := range []struct {
		number int
		groups []*group
		want   []int
	}{
		{0, []*group{{size: 1, parts: 9}, {size: 99, parts: 9}}, []int{1, 1}},
		{4, []*group{{size: 30, parts: 9}, {size: 10, parts: 9}}, []int{3, 1}},
		{5, []*group{{size: 20, parts: 9}, {size: 20, parts: 9}, {size: 10, parts: 9}}, []int{2, 2, 1}},
		{9, []*group{{size: 99, parts: 2}, {size: 1, parts: 3}}, []int{2, 3}}, // there are no more parts
	} {
		if err := distribute(test.groups, test.number); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, g := range test.groups {
			got = append(got, g.shards)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%d shards (-want +got):\n%s", test.number, diff)
		}
	}
}

func TestGeneratedFilesAreRecognized(t *testing.T) {
	command := []string{"slipway", "ci", "github", "--slipway", "go tool slipway"}
	file := func(body string) string { return header(command, body) + body }
	text := file("name: x\non: push\n")
	for _, test := range []struct {
		name, text string
		edited     bool
	}{
		{"as written", text, false},
		{"line ends of Windows", strings.ReplaceAll(text, "\n", "\r\n"), false},
		{"a line changed", strings.Replace(text, "push", "pull", 1), true},
		{"a line added", text + "\n", true},
		{"the checksum is gone", strings.Replace(text, checksum, "# ", 1), true},
	} {
		g, ok := ParseGenerated(test.text)
		if !ok || g.Edited != test.edited {
			t.Errorf("%s: %t, edited %t; want %t", test.name, ok, g.Edited, test.edited)
		}
		if diff := cmp.Diff(command, g.Command); diff != "" {
			t.Errorf("%s: the command (-want +got):\n%s", test.name, diff)
		}
	}
	if _, ok := ParseGenerated("name: x\n"); ok {
		t.Error("a file without a header is taken for a generated one")
	}
	g, _ := ParseGenerated(text)
	if got := g.Differences(text); got != "" {
		t.Errorf("differences from itself: %s", got)
	}
	if got, want := g.Differences(file("name: x\non:\n  push:\n")), "from line 5:\n- on: push\n+ on:\n+   push:\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := g.Differences(file(strings.Repeat("line\n", 100))); !strings.Contains(got, "+ … 80 more lines") {
		t.Errorf("got %s", got)
	}
}

func TestTagsOfPatterns(t *testing.T) {
	for _, test := range []struct{ prefix, pattern, glob, expression string }{
		{"", "", "v?[0-9]+.[0-9]+.[0-9]+**", `/^v?\d+\.\d+\.\d+/`},
		{"cmd/x/", "", "cmd/x/v?[0-9]+.[0-9]+.[0-9]+**", `/^cmd\/x\//`},
		{"", `^v[0-9.]+[+]rke2r[0-9]+`, "v**", `/^v[0-9.]+[+]rke2r[0-9]+/`},
		{"", `^release/(a|b)`, "release/**", `/^release\/(a|b)/`},
		{"", `[0-9]`, "**", `/[0-9]/`},
	} {
		p := &pipeline{TagPrefix: test.prefix, TagPattern: test.pattern}
		if got := p.Globs(); got != test.glob {
			t.Errorf("%+v: glob %s", test, got)
		}
		if got := p.TagExpression(); got != test.expression {
			t.Errorf("%+v: expression %s", test, got)
		}
	}
}

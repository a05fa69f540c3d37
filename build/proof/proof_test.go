package proof

import (
	"debug/buildinfo"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/redact"
)

const (
	hexA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func encode(t *testing.T, p Provenance, subjects ...statement.Subject) []byte {
	t.Helper()
	secrets := &redact.Secrets{}
	secrets.Add("s3cr3t-value")
	s, err := p.Statement(secrets, subjects...)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func subject(name, hex string) statement.Subject {
	return statement.Subject{Name: name, Digest: map[string]string{"sha256": hex}}
}

func TestProvenanceStatement(t *testing.T) {
	raw := encode(t, Provenance{
		External: struct {
			Args  map[string]string `json:"args"`
			Empty []string          `json:"empty"`
			Flags []string          `json:"flags"`
		}{map[string]string{"API_KEY": "x", "B": "a s3cr3t-value"}, nil, []string{"-X main.token=y"}},
		Dependencies: []Dependency{{Name: "b"}, {URI: "https://me:pw@example.com/a"}, {Name: "b"}},
		Builder:      "https://example.com", Versions: map[string]string{"slipway": "v1"},
		Invocation: Invocation{ID: "https://ci/1", Started: time.Unix(0, 0)},
	}, subject("x", hexA))
	want := `{"_type":"https://in-toto.io/Statement/v1","predicate":{"buildDefinition":{"buildType":"` + BuildType +
		`","externalParameters":{"args":{"API_KEY":"***","B":"a ***"},"flags":["-X main.token=***"]},"resolvedDependencies":[{"name":"b"},` +
		`{"uri":"https://***@example.com/a"}]},"runDetails":{"builder":{"id":"https://example.com","version":{"slipway":"v1"}},` +
		`"metadata":{"invocationId":"https://ci/1","startedOn":"1970-01-01T00:00:00Z"}}},"predicateType":"https://slsa.dev/provenance/v1",` +
		`"subject":[{"digest":{"sha256":"` + hexA + `"},"name":"x"}]}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Error(diff)
	}
}

func TestCheckComparesSubjects(t *testing.T) {
	made := Provenance{External: map[string]string{"a": "b"}, Builder: "https://example.com"}
	for _, c := range []struct {
		name     string
		subjects []statement.Subject
		about    map[string]string
		want     string
	}{
		{"equal", []statement.Subject{subject("a", hexA), subject("b", hexB)}, map[string]string{"a": "sha256:" + hexA, "b": "sha256:" + hexB}, ""},
		{"another digest", []statement.Subject{subject("a", hexB)}, map[string]string{"a": "sha256:" + hexA}, "it is about a with sha256:" + hexB},
		{"one too few", []statement.Subject{subject("a", hexA)}, map[string]string{"a": "sha256:" + hexA, "b": "sha256:" + hexB}, "it is not about b"},
		{"one too many", []statement.Subject{subject("a", hexA), subject("c", hexB)}, map[string]string{"a": "sha256:" + hexA}, "its subject c is not one of this artifact's files"},
		{"a second digest of one name", []statement.Subject{subject("a", hexB), subject("a", hexA)}, map[string]string{"a": "sha256:" + hexA}, "it is about a with sha256:" + hexB},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Check(encode(t, made, c.subjects...), statement.Provenance, c.about)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if err := Check(encode(t, made, subject("a", hexA)), statement.OpenVEX, map[string]string{"a": "sha256:" + hexA}); err == nil || !strings.Contains(err.Error(), "predicate type") {
		t.Errorf("another predicate type: %v", err)
	}
}

func TestSameBuild(t *testing.T) {
	of := func(arg, invocation string) []byte {
		return encode(t, Provenance{External: map[string]string{"arg": arg}, Builder: "https://example.com", Invocation: Invocation{ID: invocation}}, subject("a", hexA))
	}
	if !SameBuild(of("1", ""), of("1", "https://ci/1")) {
		t.Error("two invocations are two builds")
	}
	if SameBuild(of("1", "https://ci/1"), of("2", "https://ci/1")) || SameBuild([]byte("{}"), []byte("{}")) {
		t.Error("two builds are the same")
	}
}

func TestInvocationOf(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want Invocation
	}{
		{"no service", map[string]string{"BUILD_URL": "x"}, Invocation{}},
		{"GitHub Actions", map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "1",
			"GITHUB_RUN_ATTEMPT": "2"}, Invocation{ID: "https://github.com/a/b/actions/runs/1/attempts/2"}},
		{"GitLab CI", map[string]string{"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.com/a/-/jobs/1", "CI_JOB_STARTED_AT": "2026-01-02T03:04:05Z"},
			Invocation{ID: "https://gitlab.com/a/-/jobs/1", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
		{"GitLab CI without a time", map[string]string{"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.com/a/-/jobs/1"}, Invocation{ID: "https://gitlab.com/a/-/jobs/1"}},
		{"Jenkins", map[string]string{"JENKINS_URL": "https://j", "BUILD_URL": "https://j/1"}, Invocation{ID: "https://j/1"}},
		{"Buildkite", map[string]string{"BUILDKITE_BUILD_URL": "https://buildkite.com/a/1"}, Invocation{ID: "https://buildkite.com/a/1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := InvocationOf(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGoBinary(t *testing.T) {
	const sum = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	got := goBinary(&buildinfo.BuildInfo{
		GoVersion: "go1.26.3 X:jsonv2",
		Deps: []*debug.Module{
			{Path: "example.com/a", Version: "v1.0.0+incompatible", Sum: sum},
			{Path: "example.com/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.0", Sum: sum}},
			{Path: "example.com/d", Version: "v1.0.0", Replace: &debug.Module{Path: "/home/me/d"}},
		},
		Settings: []debug.BuildSetting{{Key: "CGO_ENABLED", Value: "0"}, {Key: "-ldflags", Value: "-X main.token=x"}, {Key: "vcs.modified", Value: "true"}},
	})
	zero := map[string]string{"dirHash": strings.Repeat("0", 64)}
	want := GoBinary{Toolchain: "go1.26.3 X:jsonv2", Settings: map[string]string{"CGO_ENABLED": "0"}, Dependencies: []Dependency{
		{URI: "pkg:golang/stdlib@1.26.3"},
		{URI: "pkg:golang/example.com/a@v1.0.0%2Bincompatible", Digest: zero},
		{URI: "pkg:golang/example.com/c@v2.0.0", Digest: zero},
		{URI: "pkg:golang/example.com/d"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if binary, ok := ReadGoBinary(program); !ok || binary.Settings["GOOS"] == "" {
		t.Errorf("this program: %+v", binary)
	}
	if _, ok := ReadGoBinary("doc.go"); ok {
		t.Error("a text has build info")
	}
}

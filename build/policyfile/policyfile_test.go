package policyfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

func key(t *testing.T) []byte {
	t.Helper()
	k, _, err := sign.GenerateKey([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	return k.PublicKey().PEM()
}

func write(t *testing.T, policy string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "release.pub"), key(t), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoad(t *testing.T) {
	pem := strings.ReplaceAll(strings.TrimSpace(string(key(t))), "\n", "\n    ")
	p, err := LoadNode(write(t, `keys:
  release: release.pub
  upstream: |
    `+pem+`
archive:
  signed-by: [release]
  release: acme
  minimum-version: v1.2.0
images:
  - repositories: [docker.io/library/*]
    signed-by: [upstream]
    predicates: [slsaprovenance1, "https://example.com/p/v1"]
  - repositories: [registry.example.com/acme/**]
    bases: [gcr.io/distroless/*]
node:
  archives: [/images]
`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Archive.Signers[0].Name != "release" || len(p.Archive.Signers[0].Keys) != 1 || p.Archive.Minimum != "v1.2.0" {
		t.Errorf("archive %+v", p.Archive)
	}
	for repository, want := range map[string]int{"docker.io/library/busybox": 0, "registry.example.com/acme/a/b": 1} {
		r, ok := p.RuleFor(repository)
		if !ok || r.Repositories[0] != p.Images[want].Repositories[0] {
			t.Errorf("%s: %v", repository, r.Repositories)
		}
	}
	for _, repository := range []string{"docker.io/library/a/b", "registry.example.com/acme", "registry.example.com/acmeevil/a", "quay.io/a/b"} {
		if r, ok := p.RuleFor(repository); ok {
			t.Errorf("%s has the rule %v", repository, r.Repositories)
		}
	}
	if len(p.Archives) != 1 || p.Archives[0] != "/images" {
		t.Errorf("archives %v", p.Archives)
	}
	if got := p.Images[0].Predicates; got[0] != statement.Provenance || got[1] != "https://example.com/p/v1" {
		t.Errorf("predicates %v", got)
	}
	if !p.Images[1].Allows("gcr.io/distroless/static") || p.Images[1].Allows("docker.io/library/debian") {
		t.Error("bases")
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ policy, want string }{
		{"keys:\n  a: missing.pub\narchive:\n  signed-by: [a, b]\n", "policy.yaml:2: public key"},
		{"keys:\n  a: release.pub\narchive:\n  signed-by: [a, b]\n", `policy.yaml:4: signer "b" is not one of keys`},
		{"archive:\n  signed-bye: [a]\n", "line 2: field signed-bye not found"},
		{"archive: {signed-by: [a]}\narchive: {}\n", "already defined"},
		{"", "the policy requires nothing"},
		{"images:\n  - repositories: [x/*]\n    predicates: [nonsense]\n", `policy.yaml:3: predicate "nonsense"`},
		{"images:\n  - repositories: ['[x']\n", `pattern "[x"`},
		{"images:\n  - bases: [x/y]\n", "a rule without repositories"},
		{"images:\n  - repositories: [x/*]\narchive:\n  minimum-version: latest\n", `minimum version "latest"`},
		{"images:\n  - repositories: [x/*]\narchive:\n  minimum-version: v1.2.0\n", "minimum version v1.2.0 without the name of a release"},
		{"images: []\n---\nimages: []\n", "want a single document"},
	} {
		if _, err := LoadNode(write(t, c.policy)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.policy, err, c.want)
		}
	}
	all := "archive: {signed-by: [a]}\nkeys:\n  a: a.pub\n  b: b.pub\n  c: c.pub\n  d: d.pub\n  e: e.pub\n  f: f.pub\n"
	if _, err := LoadNode(write(t, all)); err == nil || len(strings.Split(err.Error(), "\n")) != 6 || !slices.IsSorted(strings.Split(err.Error(), "\n")) {
		t.Errorf("the errors are not in the order of the keys:\n%v", err)
	}
	if _, err := Choose("a", []string{"b"}); err == nil {
		t.Error("a key beside a policy was ignored")
	}
}

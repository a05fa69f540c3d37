package policyfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
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
	if _, err := Choose("a", []string{"b"}, Identity{}); err == nil {
		t.Error("a key beside a policy was ignored")
	}
}

func writeRoot(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "trusted_root.json"), keylesstest.Start(t).Root("tsa"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestIdentities(t *testing.T) {
	file := write(t, `keys: {release: release.pub}
trusted-root: trusted_root.json
identities:
  ci:
    subject-regexp: ^https://github\.com/acme/
    issuer: https://token.actions.githubusercontent.com
  person: {subject: releases@example.com, issuer-regexp: example, trusted-root: trusted_root.json}
archive: {signed-by: [release, ci]}
images:
  - {repositories: ["**"], signed-by: [person]}
`)
	writeRoot(t, filepath.Dir(file))
	p, err := LoadNode(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Archive.Signers; len(s) != 2 || s[1].Name != "ci" || s[1].Keys[0].String() != `/^https://github\.com/acme// (https://token.actions.githubusercontent.com)` {
		t.Errorf("signers %v", s)
	}
	if s := p.Images[0].Signers; len(s) != 1 || s[0].Keys[0].String() != "releases@example.com (/example/)" {
		t.Errorf("signers %v", s)
	}
}

func TestInvalidIdentities(t *testing.T) {
	file := write(t, `keys: {release: release.pub}
identities:
  release: {subject: x, issuer: x, trusted-root: trusted_root.json}
  rootless: {subject: x, issuer: x}
  missing: {subject: x, issuer: x, trusted-root: other.json}
  open: {issuer: x, trusted-root: trusted_root.json}
archive: {signed-by: [release, none]}
`)
	writeRoot(t, filepath.Dir(file))
	_, err := LoadNode(file)
	for _, want := range []string{
		`policy.yaml:3: duplicate name "release": a key has it`, "policy.yaml:4: missing trusted-root", "policy.yaml:5: reading the trusted root", "other.json",
		"policy.yaml:6: an identity needs subject or subject-regexp", `policy.yaml:7: signer "none" is not one of keys or identities`,
	} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("error %v, want %q once", err, want)
		}
	}
	if _, err := LoadNode(write(t, "identities:\n  a:\n    subjects: x\narchive: {signed-by: [a]}\n")); err == nil || !strings.Contains(err.Error(), "line 3: field subjects not found in an identity") {
		t.Errorf("error %v", err)
	}
}

func TestChooseIdentity(t *testing.T) {
	dir := t.TempDir()
	writeRoot(t, dir)
	root := filepath.Join(dir, "trusted_root.json")
	for want, i := range map[string]Identity{
		"":                                        {root, keyless.Identity{Subject: "x", Issuer: "x"}},
		"missing --trusted-root FILE":             {"", keyless.Identity{Subject: "x", Issuer: "x"}},
		"missing --certificate-identity or":       {root, keyless.Identity{Issuer: "x"}},
		"missing --certificate-oidc-issuer or":    {root, keyless.Identity{Subject: "x"}},
		"the same with -regexp: give one of them": {root, keyless.Identity{Subject: "x", SubjectRegexp: "x", Issuer: "x"}},
		"subject-regexp: error parsing regexp":    {root, keyless.Identity{SubjectRegexp: "(", Issuer: "x"}},
		"reading the trusted root: open ":         {filepath.Join(dir, "none"), keyless.Identity{Subject: "x", Issuer: "x"}},
	} {
		p, err := Choose("", nil, i)
		if want == "" && (err != nil || len(p.Archive.Signers) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: error %v, want %q", i, err, want)
		}
	}
	if _, err := Choose("x", nil, Identity{root, keyless.Identity{Subject: "x", Issuer: "x"}}); err == nil || !strings.Contains(err.Error(), "--certificate-identity and --policy") {
		t.Errorf("error %v", err)
	}
}

func TestReadTrust(t *testing.T) {
	dir := t.TempDir()
	writeRoot(t, dir)
	for name, content := range map[string][]byte{"key.pub": key(t), "none.json": []byte("{}")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"trusted_root.json": keyless.MediaType, "key.pub": "application/x-pem-file"} {
		if a, err := ReadTrust(filepath.Join(dir, name)); err != nil || a.MediaType != want || len(a.Content) == 0 {
			t.Errorf("%s: %v, %v", name, a.MediaType, err)
		}
	}
	for _, name := range []string{"none.json", "missing"} {
		if _, err := ReadTrust(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

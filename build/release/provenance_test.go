package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// makeProvenRelease is makeSmallRelease with provenance, in a checkout whose remote has a password.
func makeProvenRelease(t *testing.T) *testRelease {
	t.Helper()
	imagetest.Program(t, "go")
	r := makeSmallRelease(t)
	r.configure("publish:", "provenance: true\npublish:")
	r.configure("contexts: {bin:", "args: {BASE: \""+r.other+"/tools/pause:3.10\"}\n    contexts: {bin:")
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "ARG BASE\nFROM ${BASE} AS base\nFROM scratch\nARG TARGETOS\nCOPY --from=bin --chmod=0755 acme* /bin/\n")
	r.configure("- {platforms: [linux/amd64, windows/amd64], dockerfile: Dockerfile}",
		"- {platforms: [linux/amd64], dockerfile: Dockerfile.linux}\n      - {platforms: [windows/amd64], dockerfile: Dockerfile}")
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile.linux"), "ARG BASE\nFROM ${BASE}\nCOPY --from=bin --chmod=0755 acme* /bin/\n")
	repo := testfile.NewRepo(t, r.dir)
	testfile.Write(t, filepath.Join(r.dir, ".gitignore"), "dist\nreleased\n")
	repo.Run("remote", "add", "origin", "https://me:s3cr3t-in-remote@git.example.com/acme/acme.git")
	repo.Commit("first", "2026-01-01T00:00:00Z")
	return r
}

// proofs are the statements below a folder, by path.
func (r *testRelease) proofs(dist string) map[string][]byte {
	r.t.Helper()
	found := map[string][]byte{}
	for _, folder := range []string{"artifacts", "proof"} {
		files, err := filepath.Glob(filepath.Join(dist, folder, "*.provenance.json"))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				r.t.Fatal(err)
			}
			found[folder+"/"+filepath.Base(file)] = raw
		}
	}
	return found
}

// readProvenance parses a statement with in-toto's own types, which also check it.
func readProvenance(t *testing.T, raw []byte) (*intoto.Statement, *slsa.Provenance) {
	t.Helper()
	s, p := &intoto.Statement{}, &slsa.Provenance{}
	if err := protojson.Unmarshal(raw, s); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	predicate, err := protojson.Marshal(s.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(predicate, p); err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestProvenance(t *testing.T) {
	r := makeProvenRelease(t)
	r.run("package")
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	found := r.proofs(filepath.Join(r.dir, "dist"))
	want := strings.Fields(`artifacts/acme-images-core.linux-amd64.tar.gz artifacts/acme-images-core.linux-amd64.tar.zst
		artifacts/acme-images-windows.windows-ltsc2025-amd64.tar.gz artifacts/acme-images-windows.windows-ltsc2025-amd64.tar.zst
		artifacts/acme-images.linux-amd64.tar.gz artifacts/acme-images.linux-amd64.tar.zst artifacts/acme.linux-amd64
		artifacts/acme.linux-amd64.tar.gz artifacts/acme.windows-amd64.exe artifacts/acme.windows-amd64.zip
		proof/acme-runtime_v1.2.3-acme1 proof/acme-runtime_v1.2.3-acme1-linux-amd64 proof/acme-runtime_v1.2.3-acme1-windows-amd64
		proof/acme-runtime_v1.2.3-acme1-windows-ltsc2025-amd64`)
	var have []string
	for name := range found {
		have = append(have, strings.TrimSuffix(name, ".provenance.json"))
	}
	slices.Sort(have)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	dependencies := map[string][]string{}
	for name, raw := range found {
		_, p := readProvenance(t, raw)
		for _, d := range p.BuildDefinition.ResolvedDependencies {
			dependencies[name] = append(dependencies[name], d.Name+d.Uri)
		}
		if p.RunDetails.Metadata != nil || p.BuildDefinition.BuildType != proof.BuildType || p.RunDetails.Builder.Version["slipway"] == "" {
			t.Errorf("%s: %s", name, raw)
		}
	}
	source := "sourcegit+https://git.example.com/acme/acme@" + r.open().Plan.Release.Commit
	for name, want := range map[string][]string{
		"artifacts/acme.linux-amd64":                             {"pkg:golang/stdlib@", source, "slipway.yaml"},
		"artifacts/acme.linux-amd64.tar.gz":                      {"dist/bin/linux-amd64/acme", source, "slipway.yaml"},
		"proof/acme-runtime_v1.2.3-acme1-linux-amd64":            {"Dockerfile.linux", "dist/bin/linux-amd64/acme", "pkg:oci/pause@sha256%3A", source},
		"artifacts/acme-images.linux-amd64.tar.zst":              {"pkg:oci/pause@sha256%3A", "pkg:oci/acme-runtime@sha256%3A", source},
		"proof/acme-runtime_v1.2.3-acme1":                        {"pkg:oci/acme-runtime@sha256%3A"},
		"artifacts/acme-images-core.linux-amd64.tar.zst":         {"pkg:oci/acme-runtime@sha256%3A"},
		"proof/acme-runtime_v1.2.3-acme1-windows-amd64":          {"pkg:oci/acme-runtime@sha256%3A"},
		"artifacts/acme-images.linux-amd64.tar.gz":               {"pkg:oci/pause@sha256%3A"},
		"artifacts/acme.windows-amd64.exe":                       {"pkg:golang/stdlib@"},
		"proof/acme-runtime_v1.2.3-acme1-windows-ltsc2025-amd64": {"Dockerfile", "dist/bin/windows-amd64/acme.exe"},
	} {
		for _, w := range want {
			if !slices.ContainsFunc(dependencies[name+".provenance.json"], func(have string) bool { return strings.HasPrefix(have, w) }) {
				t.Errorf("%s is not made from %s, but from %s", name, w, dependencies[name+".provenance.json"])
			}
		}
	}
	sums, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts", "sha256sum-amd64.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(sums), ".provenance.json\n"); n != 10 {
		t.Errorf("the checksums have %d statements, want 10", n)
	}
	r.run("publish")
	if !slices.Contains(slices.Collect(maps.Keys(r.files("released"))), "acme.linux-amd64.provenance.json") {
		t.Error("the statements are not published with the artifacts")
	}
}

func TestASecondBuildHasTheSameProvenance(t *testing.T) {
	r := makeProvenRelease(t)
	r.run("package")
	first := r.proofs(filepath.Join(r.dir, "dist"))
	other := t.TempDir()
	again := func(dist string) map[string][]byte {
		r.options.Dist, r.options.Cache, r.options.Jobs = filepath.Join(other, dist), filepath.Join(other, "cache"), 1
		r.run("package")
		if err := r.open().Verify(t.Context()); err != nil {
			t.Errorf("verify: %v", err)
		}
		return r.proofs(r.options.Dist)
	}
	if diff := cmp.Diff(first, again("a")); diff != "" {
		t.Errorf("a second build (-first +second):\n%s", diff)
	}
	for name, value := range map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/acme"} {
		r.env[name] = value
	}
	inCI := again("b")
	for name := range first {
		if !proof.SameBuild(first[name], inCI[name]) || bytes.Equal(first[name], inCI[name]) {
			t.Errorf("%s differs in more than its invocation, or not at all:\n%s\n%s", name, first[name], inCI[name])
		}
		if _, p := readProvenance(t, inCI[name]); p.RunDetails.Metadata.InvocationId != "https://github.com/acme/acme/actions/runs/7/attempts/1" {
			t.Errorf("%s: invocation %q", name, p.RunDetails.Metadata.InvocationId)
		}
	}
}

// What a release is made from may be symbolic links, which have the digests of the files that they lead to.
func TestProvenanceOfLinks(t *testing.T) {
	r := makeProvenRelease(t)
	r.configure("bundles:\n  - files:", "bundles:\n  - formats: [tar.gz, {format: deb, when: '${OS} == \"linux\"'}]\n"+
		"    package: {maintainer: \"Acme <a@example.com>\", description: Acme, license: Apache-2.0, scripts: {postinstall: post.sh}}\n    files:")
	r.configure("path: \"bin/acme${EXE}\"}", "path: \"/usr/bin/acme${EXE}\"}")
	r.configure("- {source: LICENSE}", "- {source: LICENSE, path: /usr/share/doc/acme/LICENSE}")
	testfile.Write(t, filepath.Join(r.dir, "go.sum"), "")
	testfile.Write(t, filepath.Join(r.dir, "post.sh"), "#!/bin/sh\n")
	want := map[string]string{}
	for _, name := range []string{"slipway.yaml", "Dockerfile.linux", "go.sum", "LICENSE", "post.sh"} {
		raw, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want[name] = hexOf(string(raw))
		testfile.Write(t, filepath.Join(r.dir, "real", name), string(raw))
		if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
		testfile.Symlink(t, filepath.Join("real", name), filepath.Join(r.dir, name))
	}
	r.run("package")
	have := map[string]string{}
	for _, raw := range r.proofs(filepath.Join(r.dir, "dist")) {
		_, p := readProvenance(t, raw)
		for _, d := range p.BuildDefinition.ResolvedDependencies {
			have[d.Name] = d.Digest["sha256"]
		}
	}
	for _, name := range []string{"slipway.yaml", "Dockerfile.linux", "go.sum"} {
		if have[name] != want[name] {
			t.Errorf("%s has SHA-256 %s, want %s", name, have[name], want[name])
		}
	}
}

func TestVerifyComparesProvenance(t *testing.T) {
	r := makeProvenRelease(t)
	r.run("package")
	dist := filepath.Join(r.dir, "dist")
	swap := func(a, b string) {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(dist, a))
		if err != nil {
			t.Fatal(err)
		}
		testfile.Write(t, filepath.Join(dist, b), string(raw))
	}
	swap("artifacts/acme.linux-amd64.provenance.json", "artifacts/acme.windows-amd64.exe.provenance.json")
	swap("proof/acme-runtime_v1.2.3-acme1-linux-amd64.provenance.json", "proof/acme-runtime_v1.2.3-acme1.provenance.json")
	testfile.Write(t, filepath.Join(dist, "artifacts", "acme.linux-amd64.tar.gz.provenance.json"), "{}")
	if err := os.Remove(filepath.Join(dist, "proof", "acme-runtime_v1.2.3-acme1-windows-amd64.provenance.json")); err != nil {
		t.Fatal(err)
	}
	err := r.open().Verify(t.Context())
	for _, want := range []string{
		"dist/artifacts/acme.windows-amd64.exe.provenance.json: its subject acme.linux-amd64 is not one of this artifact's files",
		"dist/proof/acme-runtime_v1.2.3-acme1.provenance.json: its subject " + r.registry + "/team/acme-runtime:v1.2.3-acme1-linux-amd64 is not one of this artifact's files",
		"dist/artifacts/acme.linux-amd64.tar.gz.provenance.json: reading a statement: the type is \"\"",
		"missing dist/proof/acme-runtime_v1.2.3-acme1-windows-amd64.provenance.json: run build",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("verify: %v\nwant %s", err, want)
		}
	}
}

// A secret in any input must not be in what is made, printed or passed to other programs.
func TestProvenanceHasNoSecrets(t *testing.T) {
	r := makeProvenRelease(t)
	const planted = "s3cr3t-in-"
	r.configure("ldflags: [-s -w]", `ldflags: ["-s -w -X main.apiToken=`+planted+`ldflags"], env: {NPM_TOKEN: `+planted+`env}`)
	r.configure("args: {BASE:", `args: {DB_PASSWORD: `+planted+`args, PLAIN: "${PLAIN}", HIDDEN: "x-${HIDDEN_TOKEN}-y", URL: "https://me:`+planted+`url@example.com/?sig=`+planted+`query", BASE:`)
	r.configure("platforms: [linux/amd64, windows/amd64]", `vars: {PLAIN: "-", HIDDEN_TOKEN: "-"}
fetch:
  - {url: "`+fileServer(t, "content")+`?token=`+planted+`fetch", sha256: `+hexOf("content")+`, path: fetched/file}
before:
  - {run: [go, version], secrets: [HOOK_SECRET], env: {GREETING: "Bearer `+planted+`header"}}
platforms: [linux/amd64, windows/amd64]`)
	r.configure("contexts: {bin:", `labels: {org.example.key: `+planted+`label-key}
    contexts: {bin:`)
	for name, where := range map[string]string{"HOOK_SECRET": "hook", "HIDDEN_TOKEN": "vars", "DOCKER_PASSWORD": "docker", "GITLAB_TOKEN": "gitlab"} {
		r.env[name] = planted + where
	}
	t.Setenv("SOME_API_KEY", planted+"environment")
	r.env["PLAIN"] = "it is " + planted + "environment"
	r.options.Username, r.options.Password = "me", planted+"options"
	r.options.Credentials = map[string]authn.AuthConfig{r.other: {Username: "me", Password: planted + "helper"}}
	said := &heard{}
	selection, err := plan.Select("package", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := r.open()
	if err := b.Run(progress.With(t.Context(), said), selection); err != nil {
		t.Fatal(err)
	}
	var summary bytes.Buffer
	if err := b.WriteSummary(t.Context(), &summary, selection); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	texts := r.proofs(filepath.Join(r.dir, "dist"))
	for _, raw := range texts {
		readProvenance(t, raw)
	}
	texts["artifacts.json"], texts["the log"], texts["the summary"] = report, []byte(said.String()), summary.Bytes()
	for name, raw := range texts {
		if at := bytes.Index(raw, []byte("s3cr3t")); at >= 0 {
			t.Errorf("%s: …%s…", name, raw[max(0, at-100):min(len(raw), at+50)])
		}
	}
	if !strings.Contains(said.String(), "assemble") {
		t.Errorf("the log is %q", said)
	}
}

// heard is all that a run says.
type heard struct {
	mu sync.Mutex
	strings.Builder
}

func (h *heard) add(texts ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintln(h, texts...)
}

func (h *heard) Warning(text string)                  { h.add(text) }
func (h *heard) Started(t *progress.Task)             { h.add(t.Name) }
func (h *heard) Line(_ *progress.Task, line string)   { h.add(line) }
func (h *heard) Finished(t *progress.Task, err error) { h.add(t.Name, err) }

// fileServer serves content at any path.
func fileServer(t *testing.T, content string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, content) }))
	t.Cleanup(server.Close)
	return server.URL + "/file"
}

func hexOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestVEX(t *testing.T) {
	imagetest.Program(t, "go")
	r := makeRelease(t)
	const document = `{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex", "author": "Acme", "timestamp": "2026-01-01T00:00:00Z",
  "version": 1, "statements": [{"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:oci/acme-runtime"}], "status": "fixed"}]}`
	testfile.Write(t, filepath.Join(r.dir, "security", "acme.openvex.json"), document)
	r.configure("publish:", "vex: [security/acme.openvex.json]\npublish:")
	r.run("build", "images", "linux")
	r.run("package")
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	r.run("publish")
	raw, err := os.ReadFile(filepath.Join(r.dir, "released", "acme.openvex.json"))
	if err != nil || string(raw) != document {
		t.Errorf("the published document is %s, %v", raw, err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		sums, err := os.ReadFile(filepath.Join(r.dir, "released", "sha256sum-"+arch+".txt"))
		if err != nil || !strings.Contains(string(sums), "  acme.openvex.json\n") {
			t.Errorf("the checksums of %s: %s, %v", arch, sums, err)
		}
	}
	statements, err := filepath.Glob(filepath.Join(r.dir, "dist", "proof", "acme-runtime_*.acme.vex.json"))
	if err != nil || len(statements) != 6 {
		t.Fatalf("statements: %s, %v", statements, err)
	}
	raw, err = os.ReadFile(statements[0])
	if err != nil {
		t.Fatal(err)
	}
	s := &intoto.Statement{}
	if err := protojson.Unmarshal(raw, s); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil || s.PredicateType != "https://openvex.dev/ns" || s.Predicate.Fields["author"].GetStringValue() != "Acme" {
		t.Errorf("%s: %v", raw, err)
	}
	testfile.Write(t, statements[0], strings.Replace(string(raw), "CVE-2026-1", "CVE-2026-2", 1))
	if err := r.open().Verify(t.Context()); err == nil || !strings.Contains(err.Error(), ".acme.vex.json has sha256:") {
		t.Errorf("verify after a change: %v", err)
	}
}

// The digests of base images are those that the builder got, whichever it is.
func TestProvenanceNamesTheBasesOfEngines(t *testing.T) {
	for name, builder := range map[string]func(*testing.T, *Options){
		"buildkit": func(t *testing.T, o *Options) { o.Builder, o.BuildkitHost = "buildkit", imagetest.Buildkit(t) },
		"docker":   func(t *testing.T, o *Options) { o.Builder, o.DockerHost = "docker", imagetest.Docker(t) },
	} {
		t.Run(name, func(t *testing.T) {
			r := makeProvenRelease(t)
			r.do(r.open(func(o *Options) { builder(t, o) }), "build")
			raw := r.proofs(filepath.Join(r.dir, "dist"))["proof/acme-runtime_v1.2.3-acme1-linux-amd64.provenance.json"]
			_, p := readProvenance(t, raw)
			if !slices.ContainsFunc(p.BuildDefinition.ResolvedDependencies, func(d *intoto.ResourceDescriptor) bool {
				return strings.HasPrefix(d.Uri, "pkg:oci/pause@sha256%3A")
			}) {
				t.Errorf("no base image in %s", raw)
			}
		})
	}
}

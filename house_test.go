// Package slipway_test checks that the packages of this module are as docs/design.md draws them.
package slipway_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/slipway-build/slipway"

// packages are all packages of the module, with the packages that each one may import. Each import that is
// allowed must be used. A new package needs a line here and one in docs/design.md.
var packages = map[string][]string{
	"cmd/slipway":          {"build/cli", "build/settings", "internal/process"},
	"cmd/slipway-pause":    {},
	"cmd/slipway-verifier": {"build/policyfile", "images", "images/airgap/admit"},
	"docs":                 {},
	"build/ci":             {"build/record", "build/release", "build/report", "build/version", "internal/atomicfile", "internal/regular", "progress"},
	"build/targets":        {"build/ci", "build/plan", "build/release", "build/settings", "build/traces", "internal/process", "internal/redact", "internal/usage", "progress"},
	"build/cli": {"build/doctor", "build/workbench/caches", "build/why", "build/gocache", "images/cache", "build/config", "build/pipeline", "internal/atomicfile", "build/proof", "build/workbench/signatures", "images/attest/sign", "build/ci", "build/plan", "build/policyfile", "build/rebuild", "build/record", "build/release", "build/report", "build/report/page", "build/scaffold", "build/scaffold/convert", "build/settings", "build/traces", "build/version", "build/workbench", "build/workbench/olds", "build/workbench/runtimes", "build/workbench/sboms", "docs", "images",
		"images/airgap", "images/airgap/cost", "images/airgap/delta", "images/airgap/load", "images/airgap/load/containerd", "images/airgap/pack", "images/airgap/serve", "images/airgap/verify", "images/attest/policy", "images/attest/proof",
		"images/extract", "images/lint", "internal/process", "internal/ranges", "internal/redact", "internal/regular", "internal/usage", "progress"},
	"build/output":     {"build/compile", "images", "images/airgap/format", "internal/fileop", "internal/regular", "internal/usage", "progress"},
	"build/policyfile": {"images/attest/keyless", "images/attest/proof", "images/attest/policy", "images/attest/sign", "images/attest/statement", "internal/fileop", "internal/regular"},
	"images/source": {"images", "images/airgap", "images/airgap/format", "images/engine/docker", "images/registry", "images/store", "internal/parallel",
		"internal/usage", "progress"},
	"build/settings": {"build/workbench/caches", "build/ci", "build/plan", "build/release", "build/workbench", "images", "images/hosts", "internal/usage", "progress"},
	"build/release": {"build/workbench/caches", "build/workbench/signatures", "images/attest/attach", "images/attest/carry", "images/attest/policy", "images/attest/sign", "images/attest/proof", "build/bundle", "build/compile", "build/config", "build/fetch", "build/hook", "build/lock", "build/output", "build/plan", "build/publish", "build/record", "build/version", "build/why",
		"build/proof", "build/workbench", "build/workbench/sboms", "images", "images/airgap", "images/airgap/format", "images/airgap/pack", "images/airgap/pack/sboms", "images/airgap/verify", "images/attest/statement", "images/attest/vex", "images/buildfile", "internal/redact", "internal/streams",
		"build/policyfile", "images/assemble", "images/attest/keyless", "images/attest/sbom", "images/attest/sbom/catalog", "images/attest/sbom/document", "images/store", "internal/glob", "internal/parallel", "internal/regular", "internal/suggest", "internal/usage", "progress"},
	"build/doctor": {"build/config", "build/plan", "build/publish", "build/release", "build/workbench", "build/workbench/disks", "images", "images/assemble", "images/assemble/dockerfile", "images/engine", "internal/glob", "internal/parallel",
		"internal/process", "internal/redact", "internal/regular", "progress"},
	"build/workbench/disks": {"progress"},
	"build/workbench": {"build/workbench/disks", "build/gocache", "build/workbench/caches", "images/cache", "images/airgap/pack/arrange", "images/airgap/cost", "images/airgap/slice", "images/airgap/verify", "images/airgap/pack/sboms", "images/attest/sign", "images/attest/proof", "images/attest/policy", "images", "images/airgap", "images/airgap/format", "images/airgap/pack", "images/airgap/push", "images/assemble", "images/attest/carry", "images/attest/sbom", "images/attest/sbom/document",
		"images/engine", "images/engine/docker", "images/engine/endpoint", "images/engine/fleet", "images/engine/session", "images/hosts", "images/lint", "images/registry", "images/source", "images/store", "images/fstree", "internal/fileop",
		"internal/parallel", "internal/redact", "internal/usage", "progress"},
	"build/gocache":          {"images/store", "internal/parallel"},
	"build/workbench/caches": {"build/proof", "images/cache", "images/cache/places", "images/registry", "internal/usage"},
	"build/workbench/sboms": {"build/workbench", "images", "images/airgap", "images/airgap/format", "images/attest/sbom", "images/attest/sbom/document", "images/store",
		"internal/atomicfile", "internal/parallel", "internal/regular", "internal/sniff", "internal/usage", "progress"},
	"build/workbench/olds":     {"build/workbench", "build/workbench/runtimes", "images", "images/airgap", "images/airgap/cost", "images/airgap/delta", "images/source", "internal/redact", "internal/usage", "progress"},
	"build/workbench/runtimes": {"images/airgap", "images/airgap/load", "images/airgap/load/containerd", "images/airgap/load/engine", "images/attest/policy", "images/engine/docker", "internal/usage"},
	"build/scaffold":           {"build/config", "build/scaffold/convert", "build/scaffold/draft", "build/scaffold/survey", "internal/fileop", "internal/usage"},
	"build/scaffold/convert":   {"build/config/expression", "build/scaffold/draft", "build/scaffold/survey", "internal/usage"},
	"build/scaffold/draft":     {"build/config/expression", "images"},
	"build/scaffold/survey":    {"build/version", "internal/regular"},
	"build/fetch": {"internal/httpretry", "internal/atomicfile", "internal/fileop", "internal/filestate", "internal/glob", "internal/redact", "internal/regular",
		"internal/sniff", "internal/streams", "progress"},
	"build/hook": {"internal/atomicfile", "internal/fileop", "internal/filestate", "internal/glob", "internal/process",
		"internal/redact", "internal/regular", "internal/streams", "progress"},
	"build/record":   {"build/version", "build/why", "internal/atomicfile", "internal/redact", "internal/regular", "progress"},
	"build/traces":   {"internal/redact", "progress"},
	"build/pipeline": {"images/cache", "build/config", "build/config/expression", "build/plan", "build/version", "images", "internal/regular", "internal/usage"},
	"build/plan": {"build/config", "build/config/expression", "build/version", "images", "internal/redact", "internal/suggest",
		"internal/usage", "progress"},
	"build/config": {"images/cache", "build/compile", "build/config/expression", "build/version", "images", "images/attest/vex", "images/engine/endpoint", "images/hosts", "internal/glob", "internal/redact", "internal/regular",
		"internal/suggest", "progress"},
	"build/config/expression":    {},
	"build/proof":                {"images/attest/keyless", "images/attest/keyless/certify", "images", "images/attest/attach", "images/attest/carry", "images/attest/sign", "internal/fileop", "internal/process", "internal/regular", "images/attest/statement", "internal/redact"},
	"build/lock":                 {"images", "internal/regular"},
	"build/report":               {"build/rebuild", "build/record", "build/release", "build/version", "images", "images/airgap", "images/airgap/cost", "images/airgap/format", "internal/redact", "internal/regular"},
	"build/report/page":          {"build/record", "build/release", "build/report", "build/why", "images", "progress"},
	"build/why":                  {"images", "images/assemble/dockerfile", "images/buildfile", "images/fstree", "internal/redact"},
	"build/version":              {"internal/process"},
	"build/compile":              {"images", "internal/fileop", "internal/filestate", "internal/process", "internal/regular", "internal/suggest", "progress"},
	"build/bundle":               {"images", "internal/fileop", "internal/glob", "internal/regular", "internal/sniff", "internal/streams", "progress"},
	"build/publish/githubtest":   {}, // only tests import it
	"build/publish":              {"internal/httpretry", "images", "internal/fileop", "internal/regular", "internal/streams", "progress"},
	"images":                     {"internal/sniff", "internal/dockerhub"},
	"build/compare":              {"images", "internal/fileop", "internal/regular", "internal/sniff", "internal/streams"},
	"build/rebuild":              {"build/workbench/caches", "build/compare", "build/fetch", "build/output", "build/proof", "build/release", "build/version", "images", "images/airgap", "images/airgap/format", "images/attest/proof", "images/attest/statement", "images/store", "internal/atomicfile", "internal/fileop", "internal/process", "internal/redact", "internal/regular", "progress"},
	"images/cache":               {"images", "images/attest/sign", "progress"},
	"images/cache/places":        {"images", "images/cache", "images/registry", "images/registry/transport", "internal/atomicfile", "internal/fileop", "internal/regular", "internal/streams"},
	"images/layer":               {"internal/streams"},
	"images/lint":                {"images", "internal/parallel"},
	"images/buildfile":           {"internal/regular", "internal/sniff", "internal/dockerhub"},
	"images/fstree":              {"images", "images/layer", "internal/regular", "internal/suggest"},
	"images/assemble/dockerfile": {"images", "images/buildfile", "internal/suggest"},
	"images/assemble":            {"images", "images/assemble/dockerfile", "images/buildfile", "images/fstree", "images/layer", "internal/fileop", "internal/sniff", "internal/regular", "progress", "internal/streams"},
	"images/engine": {"images", "images/buildfile", "images/engine/docker", "images/engine/endpoint", "images/engine/ingest", "images/engine/session",
		"images/store", "internal/parallel", "progress"},
	"images/engine/fleet":       {"images", "images/engine", "images/engine/endpoint", "internal/process", "progress"},
	"images/engine/ingest":      {"images", "internal/sniff"},
	"images/engine/session":     {"images", "internal/regular", "internal/dockerhub"},
	"images/engine/docker":      {"images", "images/engine/endpoint", "internal/sniff", "progress"},
	"images/engine/endpoint":    {"internal/regular"},
	"images/store/files":        {"images/cache", "internal/fileop", "internal/parallel", "internal/regular", "internal/streams", "progress"},
	"images/store":              {"images/cache", "images", "images/store/files", "internal/fileop", "internal/parallel", "internal/regular", "internal/sniff", "internal/streams", "progress"},
	"images/credentials":        {"internal/process", "internal/regular", "internal/dockerhub"},
	"images/hosts":              {"internal/redact", "internal/regular", "internal/dockerhub"},
	"images/attest/carry":       {"images", "images/attest/proof", "images/registry", "internal/parallel", "progress"},
	"images/registry":           {"internal/httpretry", "images", "images/credentials", "images/hosts", "images/registry/transport", "images/store", "internal/parallel", "progress"},
	"images/registry/transport": {"internal/httpretry", "images", "images/credentials", "images/hosts", "images/store", "internal/parallel", "internal/redact"},
	"images/zstd":               {},
	"images/attest/statement":   {},
	"images/attest/vex":         {},
	"images/attest/sbom": {"images", "images/attest/sbom/catalog", "images/attest/sbom/rpm", "images/fstree", "images/layer", "internal/parallel", "internal/regular",
		"internal/sniff", "internal/streams"},
	"images/attest/sbom/catalog":  {"images/attest/sbom/rpm", "images/fstree", "internal/fileop"},
	"images/attest/sbom/document": {"images/attest/sbom", "images/attest/sbom/catalog", "internal/redact"},
	"images/attest/sbom/rpm":      {},
	"images/airgap/format": {"images", "internal/fileop", "internal/ranges", "internal/regular", "internal/sniff", "internal/streams",
		"internal/suggest"},
	"images/airgap": {"images", "images/airgap/format", "internal/fileop", "internal/filestate", "internal/ranges", "internal/redact", "internal/regular", "internal/sniff",
		"internal/streams", "progress"},
	"images/attest/proof":      {"images", "images/attest/attach", "images/attest/policy", "images/attest/sign", "images/attest/statement"},
	"images/attest/policy":     {"images/attest/sign"},
	"images/airgap/airgaptest": {"images/airgap/format", "images/airgap/pack", "images/attest/proof", "images/attest/sign", "images/attest/statement", "images/imagetest", "images/store", "progress", "images"}, // only tests import it
	"images/airgap/servetest":  {"images/airgap", "images/airgap/serve"},                                                                                                                                         // only tests import it
	"images/airgap/load": {"images", "images/airgap", "images/airgap/admit", "images/airgap/format", "images/attest/policy", "images/attest/proof", "internal/parallel",
		"internal/streams", "progress"},
	"images/airgap/load/engine":     {"images", "images/airgap/format", "images/airgap/load", "images/engine/docker", "internal/parallel", "internal/streams", "progress"},
	"images/airgap/load/containerd": {"images", "images/airgap", "images/airgap/load", "internal/parallel", "progress"},
	"images/airgap/admit":           {"images", "images/airgap", "images/airgap/format", "images/attest/policy", "images/attest/proof"},
	"images/airgap/push":            {"images", "images/airgap", "images/attest/proof", "images/store", "internal/parallel", "progress"},
	"images/airgap/verify": {"images", "images/airgap/format", "images/attest/policy", "images/attest/proof", "internal/fileop", "internal/redact", "internal/regular", "internal/sniff",
		"internal/streams", "progress"},
	"images/airgap/delta": {"images/airgap/delta/bindiff", "images/airgap/delta/content", "images/airgap/delta/deflate", "images/airgap/delta/match", "images/airgap/format", "images/airgap/parts", "images/zstd", "internal/atomicfile", "internal/fileop",
		"internal/redact", "internal/regular", "internal/sniff", "internal/streams", "progress"},
	"images/airgap/cost":          {"images", "images/airgap", "images/airgap/delta", "images/airgap/format"},
	"images/airgap/delta/bindiff": {"images/zstd", "internal/parallel"},
	"images/airgap/delta/match":   {"images/airgap/format", "internal/gearhash", "progress"},
	"images/airgap/delta/deflate": {},
	"images/airgap/delta/content": {"images/airgap/format", "internal/gearhash", "internal/streams"},
	"images/extract": {"images", "images/fstree", "images/layer", "internal/fileop", "internal/sniff", "internal/streams",
		"progress"},
	"images/airgap/serve": {"images", "images/airgap", "images/airgap/format", "images/attest/carry", "images/attest/proof", "internal/fileop", "internal/regular",
		"internal/streams", "progress", "internal/dockerhub"},
	"images/airgap/parts": {"images/airgap/format", "internal/atomicfile", "internal/fileop", "internal/regular", "internal/streams"},
	"images/airgap/pack": {"images", "images/airgap", "images/airgap/format", "images/airgap/parts", "images/airgap/pack/arrange",
		"images/airgap/pack/frame", "images/attest/policy", "images/attest/proof", "images/store", "internal/fileop",
		"progress"},
	"images/airgap/slice": {"images", "images/airgap", "images/airgap/format", "images/airgap/pack", "images/airgap/pack/arrange", "images/airgap/pack/frame", "images/attest/proof",
		"images/store", "internal/fileop", "internal/streams", "progress"},
	"images/airgap/pack/sboms": {"images", "images/airgap/pack", "images/attest/proof", "images/attest/sbom", "images/attest/sbom/catalog", "images/attest/sbom/document", "images/store", "internal/parallel", "internal/regular", "progress"},
	"images/airgap/pack/frame": {"images", "images/airgap/format", "images/store", "images/zstd", "internal/sniff", "internal/streams",
		"progress"},
	"images/airgap/pack/arrange": {"images/airgap/format", "images/airgap/pack/frame", "images/store", "internal/gearhash",
		"progress"},
	"images/attest/sign":  {"internal/process", "internal/regular", "internal/streams"},
	"images/imagetest":    {"images", "internal/testfile"}, // only tests import it
	"internal/atomicfile": {"internal/fileop"},
	"internal/dockerhub":  {},
	"internal/fileop":     {},
	"internal/filestate":  {},
	"internal/gearhash":   {},
	"internal/glob":       {},
	"internal/ranges":     {"internal/fileop", "internal/httpretry", "internal/redact", "internal/regular"},
	"internal/golden":     {}, // only tests import it
	"internal/regular":    {"internal/fileop"},
	"internal/parallel":   {},
	"internal/process":    {},
	"internal/redact":     {},
	"internal/sniff":      {},
	"internal/streams":    {},
	"internal/suggest":    {},
	"internal/httpretry":  {},
	"internal/testfile":   {}, // only tests import it
	"internal/usage":      {},
	"progress":            {"internal/redact"},

	"build/workbench/signatures": {"build/proof", "build/workbench", "images", "images/attest/attach", "images/attest/carry", "images/attest/sign", "internal/atomicfile", "internal/parallel", "internal/regular", "internal/usage", "progress"},
	"images/attest/attach":       {"images/attest/sign", "images/attest/statement"},

	"images/attest/keyless":             {"images/attest/sign", "internal/regular"},
	"images/attest/keyless/certify":     {"images/attest/keyless", "images/attest/sign", "internal/httpretry", "internal/redact"},
	"images/attest/keyless/keylesstest": {}, // only tests import it
}

// dependencies maps modules and packages to the only packages that may import them: heavy ones, and those that one
// package wraps for all. A path includes the packages below it. Each allowed package must import the dependency.
var dependencies = map[string][]string{
	"cuelabs.dev/go/oci/ociregistry":               {"images/imagetest"},
	"github.com/magefile/mage":                     {"build/targets"},
	"github.com/spf13/cobra":                       {"build/cli"},
	"go.opentelemetry.io":                          {"build/traces"},
	"go.yaml.in/yaml":                              {"build/config", "build/policyfile", "build/scaffold/convert", "build/scaffold/draft", "build/scaffold/survey"},
	"github.com/google/go-github":                  {"build/publish"},
	"github.com/minio/minio-go":                    {"build/publish", "images/cache/places"},
	"github.com/hashicorp/hcl":                     {"build/scaffold/convert"},
	"github.com/zclconf/go-cty":                    {"build/scaffold/convert"},
	"github.com/goreleaser/nfpm":                   {"build/bundle"},
	"github.com/docker/docker":                     {"images/engine/docker"},
	"github.com/docker/cli":                        {"images/credentials", "images/engine/docker"}, // credentials, ssh:// addresses
	"github.com/moby/buildkit/frontend/dockerfile": {"build/scaffold/survey", "images/assemble", "images/assemble/dockerfile", "images/engine"},
	"github.com/moby/buildkit":                     {"images/engine", "images/engine/session"},
	"github.com/klauspost/compress":                {"images/store", "images/zstd", "images/airgap/format", "images/imagetest", "internal/sniff", "images/airgap/airgaptest", "images/airgap/verify", "images/airgap/delta", "images/airgap/delta/bindiff", "images/airgap/delta/deflate", "images/airgap/pack/frame"},
	"github.com/klauspost/pgzip":                   {"images/store", "images/airgap/delta/deflate", "images/airgap/pack/frame"},
	"github.com/ulikunitz/xz":                      {"internal/sniff"},
	"github.com/gofrs/flock":                       {"build/fetch", "build/output", "images/store", "build/compile", "images/airgap/serve"},
	"github.com/vbauerster/mpb":                    {"progress"},
	"github.com/docker/docker-credential-helpers":  {"images/credentials"},
	"os/exec":                                              {"internal/process", "images/imagetest", "internal/testfile"},
	"github.com/BurntSushi/toml":                           {"images/hosts"},
	"github.com/containerd/containerd/api":                 {"images/airgap/load/containerd"},
	"github.com/containerd/errdefs/pkg":                    {"images/airgap/load/containerd"},
	"github.com/go-json-experiment/json":                   {"images/attest/attach", "images/attest/proof", "images/attest/statement", "images/attest/vex"},
	"github.com/openvex/go-vex":                            {"images/attest/vex"},
	"github.com/in-toto/attestation":                       {"build/proof", "images/attest/statement"},
	"github.com/secure-systems-lab/go-securesystemslib":    {"images/attest/sign"},
	"github.com/sigstore":                                  {"images/attest/keyless", "images/attest/keyless/certify", "images/attest/keyless/keylesstest", "images/attest/sign"},
	"github.com/digitorus/pkcs7":                           {"images/attest/keyless"},
	"github.com/digitorus/timestamp":                       {"images/attest/keyless", "images/attest/keyless/certify", "images/attest/keyless/keylesstest"},
	"github.com/transparency-dev/merkle":                   {"images/attest/keyless"},
	"golang.org/x/crypto":                                  {"images/attest/keyless", "images/attest/keyless/keylesstest"},
	"golang.org/x/term":                                    {"progress"},
	"github.com/CycloneDX/cyclonedx-go":                    {"images/attest/sbom/document"},
	"github.com/spdx/tools-golang":                         {"images/attest/sbom/document"},
	"github.com/github/go-spdx":                            {"images/attest/sbom/document"},
	"github.com/package-url/packageurl-go":                 {"images/attest/proof", "images/attest/sbom"},
	"github.com/cavaliergopher/cpio":                       {"images/attest/sbom"},
	"github.com/google/go-containerregistry/pkg/v1/remote": {"images/imagetest"},
	"golang.org/x/text":                                    {"internal/sniff"},
}

// testPackages are the packages that only tests import.
var testPackages = []string{"build/publish/githubtest", "images/airgap/airgaptest", "images/airgap/servetest", "images/attest/keyless/keylesstest", "images/imagetest", "internal/golden", "internal/testfile"}

// calls are functions that only one package calls. Others use that package.
var calls = map[string]string{
	"os.Open":             "internal/regular",
	"os.ReadFile":         "internal/regular",
	"tls.LoadX509KeyPair": "internal/regular",
	"toml.DecodeFile":     "internal/regular",
}

// emptyNames are names that do not describe the content of a package.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "base", "shared"}

func TestHouse(t *testing.T) {
	for _, v := range violations(readModule(t, ".")) {
		t.Error(v)
	}
}

func TestHouseIsDrawn(t *testing.T) {
	for _, v := range unused(readModule(t, ".")) {
		t.Error(v)
	}
}

func TestForbiddenImportIsFound(t *testing.T) {
	for _, c := range []struct{ name, file, source, want string }{
		{"images imports build", "images/store/x.go", "package store\nimport _ \"" + module + "/build/plan\"",
			"images/store/x.go:2: images/store may not import build/plan"},
		{"an import beside", "images/airgap/x.go", "package airgap\nimport _ \"" + module + "/images/registry\"",
			"images/airgap may not import images/registry"},
		{"a dependency of another package", "build/plan/x.go", "package plan\nimport _ \"github.com/spf13/cobra\"",
			"only build/cli may import github.com/spf13/cobra"},
		{"the client of BuildKit in the assembler", "images/assemble/x.go", "package assemble\nimport _ \"github.com/moby/buildkit/client\"",
			"only images/engine, images/engine/session may import"},
		{"a file opened whatever it is", "build/plan/x.go", "package plan\nimport \"os\"\nfunc f() { os.Open(\"x\") }",
			"build/plan/x.go:3: os.Open: use internal/regular"},
		{"a call that may be blocked on Windows", "build/plan/x.go", "package plan\nimport \"os\"\nfunc f() { os.Rename(\"x\", \"y\") }",
			"build/plan/x.go:3: os.Rename fails on Windows while another process has the file open; use internal/fileop"},
		{"test support in the product", "images/store/x.go", "package store\nimport _ \"" + module + "/images/imagetest\"",
			"images/store may not import images/imagetest"},
		{"a package that is not drawn", "images/new/x.go", "package new", "images/new is not in the table of packages"},
		{"a name that says nothing", "images/util/x.go", "package util", "images/util: the name says nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if found := strings.Join(violations(readModule(t, write(t, c.file, c.source))), "\n"); !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// In a module with one file, nearly every entry of the tables is unused.
func TestHouseUnusedIsFound(t *testing.T) {
	found := strings.Join(unused(readModule(t, write(t, "images/store/x.go", "package store\nfunc Unused() {}\n"+strings.Repeat("\n", maxLines)))), "\n")
	for _, want := range []string{
		"images/store is allowed to import images, and does not",
		"images/store is allowed to import github.com/klauspost/compress, and does not",
		"images/store has no doc.go",
		"images/layer is in the table of packages, and is not there",
		"images/store.Unused is exported, and no other package uses it",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("it was not found that %s", want)
		}
	}
}

func write(t *testing.T, name, source string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A goFile is a Go file of the module.
type goFile struct {
	name  string // relative to the module
	pkg   string // the folder of the package
	test  bool
	lines int
	fset  *token.FileSet
	ast   *ast.File
}

// readModule parses the Go files of the module in dir, with their comments. It omits nested modules, and files in dir
// itself.
func readModule(t *testing.T, dir string) (files []goFile) {
	t.Helper()
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if slices.Contains([]string{".git", "dist", "runtime", "testdata", "scripts"}, d.Name()) {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" || !strings.Contains(rel, "/") {
			return nil
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, rel, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, goFile{rel, path.Dir(rel), strings.HasSuffix(rel, "_test.go"), bytes.Count(source, []byte("\n")), fset, parsed})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// imports returns the packages that a file imports, by their names in the file, with their lines.
func (f *goFile) imports() (all []imported) {
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has checked it
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all = append(all, imported{p, name, f.fset.Position(spec.Pos()).Line})
	}
	return all
}

type imported struct {
	path, name string
	line       int
}

// own returns the imported package of this module, or "".
func (i imported) own() string {
	own, ok := strings.CutPrefix(i.path, module+"/")
	if !ok {
		return ""
	}
	return own
}

// violations returns the imports, calls and names that the tables do not allow.
func violations(files []goFile) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	named := map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		allowed, ok := packages[f.pkg]
		if !ok && !named[f.pkg] {
			named[f.pkg] = true
			if slices.Contains(emptyNames, path.Base(f.pkg)) {
				say("%s: the name says nothing of what is inside", f.pkg)
			} else {
				say("%s is not in the table of packages: see docs/design.md", f.pkg)
			}
		}
		if !ok {
			continue
		}
		for _, i := range f.imports() {
			if own := i.own(); own != "" {
				if !slices.Contains(allowed, own) {
					say("%s:%d: %s may not import %s", f.name, i.line, f.pkg, own)
				}
			} else if d := dependencyOf(i.path); d != "" && !slices.Contains(dependencies[d], f.pkg) {
				say("%s:%d: only %s may import %s", f.name, i.line, strings.Join(dependencies[d], ", "), i.path)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				called, line := fmt.Sprint(selector.X, ".", selector.Sel), f.fset.Position(n.Pos()).Line
				if in := calls[called]; in != "" && in != f.pkg && !slices.Contains(testPackages, f.pkg) {
					say("%s:%d: %s: use %s", f.name, line, called, in)
				}
				if slices.Contains(blockable, called) && f.pkg != "internal/fileop" && f.pkg != "images/imagetest" {
					say("%s:%d: %s fails on Windows while another process has the file open; use internal/fileop", f.name, line, called)
				}
			}
			return true
		})
	}
	return found
}

// blockable are the functions of os that another process may block temporarily on Windows. internal/fileop retries
// them.
var blockable = []string{"os.Rename", "os.Remove", "os.RemoveAll"}

// dependencyOf returns the longest path in dependencies that p is, or is below.
func dependencyOf(p string) (found string) {
	for d := range dependencies {
		if (p == d || strings.HasPrefix(p, d+"/")) && len(d) > len(found) {
			found = d
		}
	}
	return found
}

package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/golden"
)

// sample has one component of each kind.
func sample() *sbom.Inventory {
	stdlib := &sbom.Component{Type: sbom.Golang, Name: "stdlib", Version: "1.26.3", PURL: "pkg:golang/stdlib@1.26.3",
		CPE: "cpe:2.3:a:golang:go:1.26.3:-:*:*:*:*:*:*", Licences: []string{"BSD-3-Clause"}, FoundIn: []string{"bin/app"}}
	return &sbom.Inventory{
		Subject: sbom.Subject{Kind: sbom.ImageKind, Name: "registry.example.com/app", Version: "v1", Digest: strings.Repeat("ab", 32),
			PURL: "pkg:oci/app@sha256:abab", Time: imagetest.Created()},
		Components: []*sbom.Component{
			{Type: catalog.Deb, Name: "libc6", Version: "2.36-9", Arch: "amd64", PURL: "pkg:deb/debian/libc6@2.36-9", Licences: []string{"LGPL-2.1+", "own words"},
				Supplier: "GNU <x@y>", Summary: "C library", Homepage: "https://gnu.org", FoundIn: []string{"var/lib/dpkg/status"}, Files: []string{"lib/libc.so.6"}},
			{Type: sbom.Golang, Name: "example.com/app", PURL: "pkg:golang/example.com/app", FoundIn: []string{"bin/app"}, Files: []string{"bin/app"},
				Sum: "h1:q6s9bnlYGDNwN8iAzP5hYNJIjoHVqSwSUZs0dKwcVJc=", Uses: []*sbom.Component{stdlib}},
			stdlib,
			{Type: sbom.OS, Name: "debian", Version: "12", CPE: "cpe:/o:debian:debian_linux:12", PURL: "pkg:generic/debian@12", FoundIn: []string{"etc/os-release"}},
		},
		Files:    []sbom.File{{Path: "README <&>"}, {Path: "bin/app"}, {Path: "lib/libc.so.6"}},
		Problems: []string{"var/lib/rpm/Packages: not a database of rpm"},
	}
}

func text(t *testing.T, f Format, in *sbom.Inventory, o Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, f, in, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestDocuments(t *testing.T) {
	for _, f := range []Format{SPDX, CycloneDX} {
		t.Run(string(f), func(t *testing.T) {
			got := text(t, f, sample(), Options{Version: "v1.2.3"})
			var indented bytes.Buffer
			if err := json.Indent(&indented, got, "", " "); err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, indented.Bytes())
			if !bytes.Equal(got, text(t, f, sample(), Options{Version: "v1.2.3"})) {
				t.Error("the same inventory gives other bytes")
			}
			later := text(t, f, sample(), Options{Version: "v1.2.3", Time: time.Unix(1767225600, 0)})
			if bytes.Equal(got, later) || !bytes.Contains(later, []byte(`"2026-01-01T00:00:00Z"`)) {
				t.Error("the given time is not that of the document")
			}
			archive := sample()
			archive.Subject = sbom.Subject{Kind: sbom.ArchiveKind, Name: "images.tar.zst", Digest: strings.Repeat("cd", 32)}
			archive.Components = append(archive.Components, &sbom.Component{Type: sbom.OCI, Name: "app", Digest: strings.Repeat("ab", 32), Uses: archive.Components[:2]})
			valid(t, f, got)
			valid(t, f, text(t, f, archive, Options{Version: "v1.2.3"}))
			valid(t, f, text(t, f, &sbom.Inventory{Subject: archive.Subject}, Options{Version: "v1.2.3"}))
		})
	}
}

// valid validates a document against the schema of its standard.
func valid(t *testing.T, f Format, content []byte) {
	t.Helper()
	name := filepath.Join("testdata", "spdx-2.3.schema.json")
	if f == CycloneDX {
		name = filepath.Join(cycloneDXSchemas(t), "bom-1.6.schema.json")
	}
	resolved, err := schema(t, name).Resolve(&jsonschema.ResolveOptions{BaseURI: "http://cyclonedx.org/schema/",
		Loader: func(uri *url.URL) (*jsonschema.Schema, error) {
			return schema(t, filepath.Join(cycloneDXSchemas(t), strings.ReplaceAll(filepath.Base(uri.Path), "jsf-0.82.schema.json", "jsf-0.82.schemax.json"))), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(content, &value); err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(value); err != nil {
		t.Errorf("the document does not agree with %s: %v", filepath.Base(name), err)
	}
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(content, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func cycloneDXSchemas(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command(imagetest.Program(t, "go"), "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "schema")
}

func TestLicences(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"MIT", "MIT"},
		{"mit", "MIT"},
		{"Expat", "MIT"},
		{"GPL-2+", "GPL-2.0-or-later"},
		{"GPLv2+ and MIT", "GPL-2.0-or-later AND MIT"},
		{"GPL-2 or Artistic", "GPL-2.0-only OR LicenseRef-Artistic"},
		{"LGPLv2.1", "LGPL-2.1-only"},
		{"LGPL-2.1-or-later", "LGPL-2.1-or-later"},
		{"GFDL-1.3+", "GFDL-1.3-or-later"},
		{"Apache-2.0+", "Apache-2.0+"},
		{"(MIT or Apache-2.0) and GPL-3.0-only WITH GCC-exception-3.1", "(MIT OR Apache-2.0) AND GPL-3.0-only WITH GCC-exception-3.1"},
		{"Public  Domain", "LicenseRef-Public-Domain-" + shortHash("Public Domain")},
		{"MIT and", "LicenseRef-MIT-and-" + shortHash("MIT and")},
		{"((MIT)", "LicenseRef---MIT--" + shortHash("((MIT)")},
		{")(", "LicenseRef----" + shortHash(")(")},
		{"LicenseRef-x", "LicenseRef-x"},
		{"", ""},
	} {
		var l licences
		if got := l.expression([]string{c.in}); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		for _, word := range strings.Fields(c.want) {
			if strings.HasPrefix(word, "LicenseRef-") && l.names[word] == "" {
				t.Errorf("%q: the reference %s has no text", c.in, word)
			}
		}
	}
	var l licences
	if got, want := l.expression([]string{"MIT or ISC", "Expat", "MIT"}), "(MIT OR ISC) AND MIT"; got != want {
		t.Errorf("several: got %q, want %q", got, want)
	}
}

func TestIdentifiersDiffer(t *testing.T) {
	a, b := sample(), sample()
	b.Subject.Digest = strings.Repeat("ac", 32)
	ids := map[string]bool{}
	for _, f := range []Format{SPDX, CycloneDX} {
		for _, in := range []*sbom.Inventory{a, b} {
			for _, version := range []string{"v1", "v2"} {
				ids[uniqueID(f, in, Options{Version: version})] = true
			}
		}
	}
	if len(ids) != 8 {
		t.Errorf("%d identifiers for 8 documents", len(ids))
	}
	for id := range ids {
		var parts [5]string
		if n, err := fmt.Sscanf(strings.ReplaceAll(id, "-", " "), "%s %s %s %s %s", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4]); n != 5 || err != nil || parts[2][0] != '8' {
			t.Errorf("%q is not a UUID of version 8", id)
		}
	}
}

func TestComponentsOfDistributionsDiffer(t *testing.T) {
	a := sbom.Component{Type: catalog.APK, Name: "zlib", Version: "1.3.1-r2", PURL: "pkg:apk/alpine/zlib@1.3.1-r2?distro=alpine-3.20"}
	b := a
	b.PURL = "pkg:apk/alpine/zlib@1.3.1-r2?distro=alpine-3.21"
	if componentID(&a) == componentID(&b) {
		t.Errorf("both have the identifier %s", componentID(&a))
	}
}

func TestFormats(t *testing.T) {
	for name, want := range map[string]Format{"spdx": SPDX, "cyclonedx-json": CycloneDX} {
		if got, err := ParseFormat(name); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("xml is a format")
	}
}

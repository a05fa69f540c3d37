package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// describes returns the names of the packages of an SPDX document, the subject first.
func describes(t *testing.T, text []byte) (names []string) {
	t.Helper()
	var doc struct {
		Packages []struct {
			Name string `json:"name"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
	for _, p := range doc.Packages {
		names = append(names, p.Name)
	}
	return names
}

func TestSBOMOfEachKindOfSource(t *testing.T) {
	registry := imagetest.Registry(t)
	alpine := imagetest.Layer(t, imagetest.Files{"lib/apk/db/installed": "P:musl\nV:1.2-r0\n"})
	index := imagetest.Index(t, imagetest.Image(t, "linux/amd64", alpine),
		imagetest.Image(t, "windows/amd64:10.0.20348.4294", imagetest.Layer(t, imagetest.Files{"app.exe": "x"})))
	imagetest.Push(t, registry+"/team/app:v1", index)
	imagetest.Push(t, registry+"/team/other:v2", imagetest.Image(t, "linux/amd64", alpine))
	dir := t.TempDir()
	cache := filepath.Join(dir, "cache")
	sbom := func(words ...string) (string, string) {
		t.Helper()
		status, stdout, stderr := run(t, nil, append(words, "--cache-dir", cache)...)
		if status != 0 {
			t.Fatalf("%q: status %d: %s", words, status, stderr)
		}
		return stdout, stderr
	}
	archive := filepath.Join(dir, "images.tar.zst")
	sbom("airgap", "pack", "--platform", "linux/amd64", "-o", archive, registry+"/team/app:v1", registry+"/team/other:v2")

	text := filepath.Join(dir, "notes.txt")
	testfile.Write(t, text, "notes")
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"sbom", "--platform", "linux/amd64", registry + "/team/app:v1"}, registry + "/team/app musl"},
		{[]string{"sbom", "--platform", "windows/amd64:10.0.20348.4294", registry + "/team/app:v1"}, registry + "/team/app windows"},
		{[]string{"sbom", registry + "/team/other:v2"}, registry + "/team/other musl"},
		{[]string{"sbom", archive}, "images.tar.zst musl " + registry + "/team/app " + registry + "/team/other"},
		{[]string{"airgap", "sbom", archive}, "images.tar.zst musl " + registry + "/team/app " + registry + "/team/other"},
		{[]string{"airgap", "sbom", archive, registry + "/team/app:v1"}, registry + "/team/app musl"},
		{[]string{"sbom", "docker-archive:" + archive + ":" + registry + "/team/other:v2"}, registry + "/team/other musl"},
		{[]string{"sbom", text}, "notes.txt"},
	} {
		stdout, _ := sbom(c.words...)
		if got := strings.Join(describes(t, []byte(stdout)), " "); got != c.want {
			t.Errorf("%q lists %q, want %q", c.words, got, c.want)
		}
	}

	out := filepath.Join(dir, "app.cdx.json")
	sbom("sbom", "--platform", "linux/amd64", "--format", "cyclonedx", "-o", out, registry+"/team/app:v1")
	if raw, err := os.ReadFile(out); err != nil || !strings.Contains(string(raw), `"bomFormat":"CycloneDX"`) {
		t.Errorf("%s: %v: %.100s", out, err, raw)
	}

	list := filepath.Join(dir, "list.txt")
	testfile.Write(t, list, registry+"/team/app:v1\n"+registry+"/team/other:v2\n")
	folder := filepath.Join(dir, "sboms")
	sbom("sbom", "--platform", "linux/amd64", "-f", list, text, "-o", folder)
	host := strings.ReplaceAll(registry, ":", "_")
	for _, name := range []string{host + "_team_app_v1.spdx.json", host + "_team_other_v2.spdx.json", "notes.txt.spdx.json"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestSBOMRefuses(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "list.txt")
	testfile.Write(t, list, "localhost:1/a:v1\n")
	text := filepath.Join(dir, "notes.txt")
	testfile.Write(t, text, "notes")
	for _, c := range []struct {
		words  []string
		status int
		want   string
	}{
		{[]string{"sbom"}, 2, "requires at least 1 arg"},
		{[]string{"sbom", "--format", "xml", text}, 2, `"xml" is not a format of SBOMs: want spdx or cyclonedx`},
		{[]string{"sbom", text, list}, 2, "missing folder for the SBOMs of several images: add -o DIR"},
		{[]string{"sbom", "-f", list}, 2, "add -o DIR"},
		{[]string{"sbom", dir}, 2, dir + " is a folder: want an image or a file; for an OCI layout, write oci:" + dir},
		{[]string{"sbom", "-o", filepath.Join(dir, "out"), text, text}, 2, "have the same file name"},
		{[]string{"airgap", "sbom", text}, 1, "neither a tar nor one compressed"},
		{[]string{"sbom", "--platform", "linux/amd64,linux/arm64", "oci:" + filepath.Join(dir, "missing")}, 1, "missing"},
	} {
		status, _, stderr := run(t, nil, append(c.words, "--cache-dir", filepath.Join(dir, "cache"))...)
		if status != c.status || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: status %d, want %d; stderr %q, want %q", c.words, status, c.status, stderr, c.want)
		}
	}
}

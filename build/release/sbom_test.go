package release

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func makeSBOMRelease(t *testing.T, sbom string) *testRelease {
	t.Helper()
	r := makeSmallRelease(t)
	r.configure("publish:", "sbom: "+sbom+"\npublish:")
	return r
}

// sbomNames returns the names of the SBOMs in a folder.
func sbomNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, end := range []string{"*.spdx.json", "*.cdx.json"} {
		found, err := filepath.Glob(filepath.Join(dir, end))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			names = append(names, filepath.Base(file))
		}
	}
	slices.Sort(names)
	return names
}

func TestSBOMsAreBesideWhatTheyDescribe(t *testing.T) {
	r := makeSBOMRelease(t, "true")
	r.run("package")
	artifacts := filepath.Join(r.dir, "dist", "artifacts")
	want := []string{"acme-images-core.linux-amd64.tar.gz.spdx.json", "acme-images-core.linux-amd64.tar.zst.spdx.json",
		"acme-images-windows.windows-ltsc2025-amd64.tar.gz.spdx.json", "acme-images-windows.windows-ltsc2025-amd64.tar.zst.spdx.json"}
	got := sbomNames(t, artifacts)
	for _, name := range append(want, "acme-runtime-linux-amd64.spdx.json", "acme-runtime-windows-ltsc2025-amd64.spdx.json",
		"acme.linux-amd64.spdx.json", "acme.windows-amd64.exe.spdx.json", "acme.linux-amd64.tar.gz.spdx.json", "acme.windows-amd64.zip.spdx.json") {
		if !slices.Contains(got, name) {
			t.Errorf("%s is not among %q", name, got)
		}
	}
	first := read(t, artifacts)
	for _, name := range got {
		text := first[name]
		if !strings.Contains(text, `"created":"2023-11-14T22:13:20Z"`) {
			t.Errorf("%s does not have the time of the release", name)
		}
		if strings.HasPrefix(name, "acme.") || strings.HasPrefix(name, "acme-runtime") {
			if !strings.Contains(text, `"name":"example.com/acme"`) || !strings.Contains(text, "pkg:golang/stdlib@") {
				t.Errorf("%s does not have the modules of the program: %.300s", name, text)
			}
		}
		for _, secret := range []string{r.dir, r.cache} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the path %s", name, secret)
			}
		}
	}
	if !strings.Contains(first["acme-images-core.linux-amd64.tar.zst.spdx.json"], `"name":"`+r.registry+`/team/acme-runtime"`) {
		t.Error("the SBOM of an archive does not have its images")
	}
	for _, name := range got {
		if !strings.Contains(first["sha256sum-amd64.txt"], "  "+name+"\n") {
			t.Errorf("%s is not among the checksums", name)
		}
	}
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	r.run("publish")
	if published := sbomNames(t, filepath.Join(r.dir, "released")); !slices.Equal(published, got) {
		t.Errorf("published %q, want %q", published, got)
	}

	// Another machine makes the same bytes.
	other := filepath.Join(t.TempDir(), "dist")
	r.do(r.open(into(other), func(o *Options) { o.Cache, o.Jobs = t.TempDir(), 1 }), "package")
	for name, text := range read(t, filepath.Join(other, "artifacts")) {
		if first[name] != text {
			t.Errorf("%s differs on another machine", name)
		}
	}
}

func TestSBOMsOfOthersAreFound(t *testing.T) {
	r := makeSBOMRelease(t, "{formats: [cyclonedx, spdx], of: [bundles]}")
	r.run("package", "bundles")
	artifacts := filepath.Join(r.dir, "dist", "artifacts")
	if got := sbomNames(t, artifacts); len(got) != 4 {
		t.Fatalf("SBOMs %q, want two of each bundle", got)
	}
	for old, name := range map[string]string{"acme.linux-amd64.tar.gz.cdx.json": "acme.windows-amd64.zip.cdx.json", "acme.linux-amd64.tar.gz.spdx.json": "acme.windows-amd64.zip.spdx.json"} {
		raw, err := os.ReadFile(filepath.Join(artifacts, old))
		if err != nil {
			t.Fatal(err)
		}
		testfile.Write(t, filepath.Join(artifacts, name), string(raw))
	}
	b := r.open()
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	report, err := b.readOwnReport()
	if err != nil {
		t.Fatal(err)
	}
	err = b.verifySBOMs(t.Context(), report.digests())
	for _, name := range []string{"dist/artifacts/acme.windows-amd64.zip.cdx.json is of sha256:", "dist/artifacts/acme.windows-amd64.zip.spdx.json is of sha256:"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %s", err, name)
		}
	}
}

// The SBOM of an archive in parts is about the whole.
func TestSBOMsOfSplitArchives(t *testing.T) {
	r := makeSBOMRelease(t, "{of: [archives]}")
	r.configure("  level: fastest\n", "  level: fastest\n  split: 500KB\n")
	r.run("package")
	b := r.open()
	if err := b.Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	name := filepath.Join(r.dir, "dist", "artifacts", "acme-images.linux-amd64.tar.zst")
	if _, err := os.Stat(name + ".part001"); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts", "acme-images.linux-amd64.tar.gz.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, name+".spdx.json", string(other))
	err = r.open().Verify(t.Context())
	if err == nil || !strings.Contains(err.Error(), "dist/artifacts/acme-images.linux-amd64.tar.zst.spdx.json is of sha256:") {
		t.Errorf("the SBOM of another archive: %v", err)
	}
}

// Without the key, nothing changes.
func TestWithoutTheKeyThereAreNoSBOMs(t *testing.T) {
	r := makeSBOMRelease(t, "false")
	b := r.open()
	if raw, err := json.Marshal(b.Plan); err != nil || strings.Contains(string(raw), "sbom") {
		t.Errorf("the plan has SBOMs: %s, %v", raw, err)
	}
	r.do(b, "package", "bundles")
	if got := sbomNames(t, filepath.Join(r.dir, "dist", "artifacts")); got != nil {
		t.Errorf("SBOMs %q", got)
	}
}

func TestMergedJobsKeepTheirSBOMs(t *testing.T) {
	r := makeSBOMRelease(t, "{of: [images, bundles]}")
	r.run("package")
	want := read(t, filepath.Join(r.dir, "dist", "artifacts"))
	linux, windows, merged := filepath.Join(t.TempDir(), "linux"), filepath.Join(t.TempDir(), "windows"), filepath.Join(t.TempDir(), "merged")
	r.job(into(linux, system("linux")))
	r.job(into(windows, system("windows")))
	b := r.open(into(merged))
	if err := b.Merge(t.Context(), []string{linux, windows}); err != nil {
		t.Fatal(err)
	}
	got := read(t, filepath.Join(merged, "artifacts"))
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is not what one machine makes", name)
		}
	}
	b.Close()
	if err := r.open(into(merged)).Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := os.Remove(filepath.Join(merged, "artifacts", "acme-runtime-linux-amd64.spdx.json")); err != nil {
		t.Fatal(err)
	}
	if err := r.open(into(merged)).Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "missing dist/artifacts/acme-runtime-linux-amd64.spdx.json") {
		t.Errorf("a missing SBOM: %v", err)
	}
}

// Each kind of package says what it is, and has the modules of the programs in it.
func TestSBOMsOfPackages(t *testing.T) {
	r := makeSBOMRelease(t, "{of: [bundles]}")
	r.configure("platforms: [linux/amd64, windows/amd64]", "platforms: [linux/amd64]")
	r.configure("windows: {ltsc2025: 10.0.26100.4294}\n", "")
	r.configure("- {platforms: [linux/amd64, windows/amd64], dockerfile", "- {platforms: [linux/amd64], dockerfile")
	r.configure("\n    windows: {images: [acme-runtime], platforms: [windows/amd64]}", "")
	r.configure("bundles:\n  - files:", "bundles:\n  - formats: [tar.gz, deb, rpm, apk, archlinux, zip]\n    package: {maintainer: \"Acme <a@example.com>\", description: Acme, license: Apache-2.0}\n    files:")
	r.configure("path: \"bin/acme${EXE}\"}", "path: \"/usr/bin/acme${EXE}\"}")
	r.configure("- {source: LICENSE}", "- {source: LICENSE, path: /usr/share/doc/acme/LICENSE}\n      - {source: LICENSE, path: /usr/share/man/man1/acme.1}")
	r.run("package", "bundles")
	all := read(t, filepath.Join(r.dir, "dist", "artifacts"))
	for end, purl := range map[string]string{
		"tar.gz": "pkg:golang/stdlib@", "zip": "pkg:golang/stdlib@", "deb": "pkg:deb/debian/acme@1.2.3", "rpm": "pkg:rpm/acme@1.2.3",
		"apk": "pkg:apk/alpine/acme@1.2.3", "pkg.tar.zst": "pkg:alpm/acme@1.2.3",
	} {
		text := all["acme.linux-amd64."+end+".spdx.json"]
		for _, want := range []string{purl, "example.com/acme", `"fileName":"./usr/bin/acme"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the SBOM does not have %s: %.600s", end, want, text)
			}
		}
		if strings.HasPrefix(purl, "pkg:golang") {
			continue
		}
		if !strings.Contains(text, `"licenseDeclared":"Apache-2.0"`) && end != "deb" { // deb has no field for it
			t.Errorf("%s: the SBOM does not have the licence", end)
		}
	}

	// The first run has not unpacked what it has written. The second one reads it.
	artifacts := filepath.Join(r.dir, "dist", "artifacts")
	for _, name := range sbomNames(t, artifacts) {
		if err := os.Remove(filepath.Join(artifacts, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.run("package", "bundles")
	for name, text := range read(t, artifacts) {
		if all[name] != text {
			t.Errorf("%s differs if the bundle is read again:\n%s\n%s", name, text, all[name])
		}
	}
}

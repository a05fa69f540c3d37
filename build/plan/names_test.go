package plan

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// artifactNames returns the names of all files in dist/artifacts, sorted.
func artifactNames(p *Plan) []string {
	var names []string
	for _, f := range p.Artifacts() {
		names = append(names, path.Base(f.Path))
	}
	for _, s := range p.Checksums {
		names = append(names, path.Base(s.Output))
	}
	slices.Sort(names)
	return names
}

func TestNamesOfEachArtifact(t *testing.T) {
	const head = `-- slipway.yaml --
project: p
platforms: [linux/amd64, linux/arm64, windows/amd64]
windows: {ltsc2022: 10.0.20348.4294}
`
	for _, c := range []struct{ name, config, want string }{
		{"a binary by its own names", `
binaries: [{name: p, package: ., names: [{name: 'p-win.exe', when: 'OS == "windows"'}, {name: 'p-${ARCH}', when: 'ARCH != "arm64"'}]}]
names: {binary: 'other-${PLATFORM}'}
`, "other-linux-arm64 p-amd64 p-win.exe sha256sum-amd64.txt sha256sum-arm64.txt"},
		{"binaries on some platforms", `
binaries: [{name: p, package: ., release: 'OS == "linux"'}, {name: q, package: ., release: 'OS == "windows"'}]
`, "p.linux-amd64 p.linux-arm64 q.windows-amd64.exe sha256sum-amd64.txt sha256sum-arm64.txt"},
		{"archives without text or format", `
airgap:
  formats: [tar.zst, {format: tar.gz, when: 'ARCH == "amd64"'}]
  text: 'ARCH != "arm64"'
  all-images: 'ARCH == "arm64"'
  lists:
    images: {references: [a/b:v1]}
    core: {references: [a/b:v1], formats: [tar], text: true, name: [{name: 'list.${ARCH}', when: 'FORMAT == "txt"'}, 'core.${ARCH}']}
    win: {references: [a/b:v1], platforms: [windows/amd64], formats: [{format: tar, when: false}], name: 'w.${WINDOWS}'}
    lin: {references: [a/b:v1], platforms: [linux/arm64], formats: [tar], name: '${WINDOWS}'}
    none: {references: [a/b:v1], formats: [], text: false}
`, "core.amd64.tar core.arm64.tar list.amd64.txt list.arm64.txt p-images-all.linux-arm64.txt p-images-lin.linux-arm64.tar p-images.linux-amd64.tar.gz " +
			"p-images.linux-amd64.tar.zst p-images.linux-amd64.txt p-images.linux-arm64.tar.zst sha256sum-amd64.txt sha256sum-arm64.txt w.ltsc2022.txt"},
		{"bundles by format", `
bundles:
  - platforms: [linux/amd64]
    formats: [tar.gz, deb, {format: rpm, when: false}]
    names: [{name: 'p_1_${ARCH}', when: 'FORMAT == "deb"'}]
    files: [{source: a, path: /a}]
    package: {maintainer: a, description: b, license: c}
  - {name: q, platforms: [windows/amd64], formats: [{format: zip, when: 'OS == "linux"'}], files: [{source: a}]}
names: {bundle: '${NAME}-${OS}'}
`, "p-linux.tar.gz p_1_amd64.deb sha256sum-amd64.txt sha256sum-arm64.txt"},
		{"one checksum file", "\nnames: {checksums: sums.txt}\n", "sums.txt"},
		{"checksum files by system", "\nnames: {checksums: [{name: windows.sha256, when: 'OS == \"windows\"'}]}\n", "sha256sum-amd64.txt sha256sum-arm64.txt windows.sha256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := New(projectOf(t, txtar.Parse([]byte(head+c.config)), released), Filter{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(c.want), artifactNames(plan)); diff != "" {
				t.Errorf("artifacts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChecksumFilesOfPlatforms(t *testing.T) {
	plan, err := New(projectOf(t, txtar.Parse([]byte(`-- slipway.yaml --
project: p
platforms: [linux/amd64, linux/arm64, windows/amd64]
names: {checksums: [{name: windows.sha256, when: 'OS == "windows"'}, sums.txt]}
`)), released), Filter{Platforms: platforms(t, "linux/arm64")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range plan.Checksums {
		got = append(got, path.Base(s.Output), s.Arch)
		for _, p := range s.Platforms {
			got = append(got, p.String())
		}
	}
	if diff := cmp.Diff([]string{"sums.txt", "", "linux/amd64", "linux/arm64"}, got); diff != "" {
		t.Errorf("checksum files of linux/arm64 (-want +got):\n%s", diff)
	}
}

package plan

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/golden"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// project unpacks a txtar of testdata/projects to a folder without git, and loads its slipway.yaml.
func project(t *testing.T, name string, env map[string]string) *config.Config {
	t.Helper()
	return projectOf(t, testfile.ReadArchive(t, filepath.Join("testdata", "projects", name+".txt")), env)
}

func projectOf(t *testing.T, archive *txtar.Archive, env map[string]string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for _, f := range archive.Files {
		testfile.Write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), string(f.Data))
	}
	loaded, err := config.Load(t.Context(), filepath.Join(dir, config.FileName), func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	loaded.File = config.FileName // not the temporary folder, since messages are compared
	return loaded
}

var released = map[string]string{"TAG": "v1.2.3+rke2r1", "SOURCE_DATE_EPOCH": "1700000000"}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name, project string
		filter        Filter
	}{
		{"everything", "distribution", Filter{}},
		{"without windows", "distribution", Filter{SkipWindows: true}},
		{"one windows version", "distribution", Filter{Platforms: platforms(t, "windows/amd64:10.0.20348.4294")}},
		{"linux on arm64 by buildkit", "distribution", Filter{Platforms: platforms(t, "linux/arm64"), Builder: "buildkit"}},
		{"rke2 names", "rke2", Filter{}},
		{"proofs", "proofs", Filter{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := New(project(t, c.project, released), c.filter)
			if err != nil {
				t.Fatal(err)
			}
			var table, json bytes.Buffer
			if err := plan.WriteTable(&table); err != nil {
				t.Fatal(err)
			}
			if err := progress.WriteJSON(&json, plan); err != nil {
				t.Fatal(err)
			}
			base := strings.TrimSuffix(golden.File(t), ".golden")
			golden.EqualFile(t, base+".table.golden", table.Bytes())
			golden.EqualFile(t, base+".json.golden", json.Bytes())
		})
	}
}

func TestPlanRefusesPlatformsThatAreNotReleased(t *testing.T) {
	config := project(t, "distribution", released)
	_, err := New(config, Filter{Platforms: platforms(t, "linux/s390x", "windows/amd64:10.0.22621.1")})
	for _, want := range []string{"platform linux/s390x is not in", "linux/amd64, linux/arm64, windows/amd64", "10.0.22621.1 is not in", "ltsc2022 (10.0.20348.4294)"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing in error %v: %q", err, want)
		}
	}
}

func TestPlanReportsEveryBadListLine(t *testing.T) {
	config := project(t, "badlists", released)
	_, err := New(config, Filter{})
	for _, want := range []string{"a.txt:2: on linux/amd64: ", "a.txt:3: on linux/amd64: ", "list windows contains image app, which is not built for windows/amd64:10.0.20348.4294"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing in error %v: %q", err, want)
		}
	}
}

func TestReferencesAreOrderedAsSortDashV(t *testing.T) {
	// printf '%s\n' … | LC_ALL=C sort -V
	ordered := []string{"a/b2:v1", "a/b10:v1", "a/b:v1", "a/b:v1.2", "a/b:v1.9", "a/b:v1.10", "a/b:v01.11", "b",
		"rancher/x-y:v1", "rancher/x:v1-build1", "rancher/x:v1.0~rc1", "rancher/x:v1.0"}
	for i := 1; i < len(ordered); i++ {
		if compareVersions(ordered[i-1], ordered[i]) >= 0 {
			t.Errorf("%s does not come before %s", ordered[i-1], ordered[i])
		}
	}
}

func TestSelectNarrowsAVerb(t *testing.T) {
	for _, c := range []struct {
		verb, only  string
		parts, os   string
		wantInError string
	}{
		{"build", "", "binaries images", "", ""},
		{"build", "all", "binaries images", "", ""},
		{"build", "images windows", "images", "windows", ""},
		{"package", "linux", "airgap bundles", "linux", ""},
		{"publish", "index", "index", "", ""},
		{"publish", "windows", "", "", `publish has no part "windows"`},
		{"build", "linux windows", "", "", "want one of linux, windows, or none for both"},
		{"build", "airgap", "", "", "want all, binaries, images, linux, windows"},
	} {
		got, err := Select(c.verb, strings.Fields(c.only))
		switch {
		case c.wantInError != "":
			if err == nil || !strings.Contains(err.Error(), c.wantInError) {
				t.Errorf("%s %s: error %v, want %q", c.verb, c.only, err, c.wantInError)
			}
		case err != nil || strings.Join(got.Parts, " ") != c.parts || got.OS != c.os:
			t.Errorf("%s %s: %+v, %v", c.verb, c.only, got, err)
		}
	}
}

func platforms(t *testing.T, texts ...string) []v1.Platform {
	t.Helper()
	platforms, err := images.ParsePlatforms(texts)
	if err != nil {
		t.Fatal(err)
	}
	return platforms
}

func TestADryRunNamesWhereItWouldPublish(t *testing.T) {
	plan := &Plan{Destinations: []config.Destination{{Registry: "registry.example.com", Repository: "team"}, {Directory: "released"}}}
	for only, want := range map[string]string{"": "registry.example.com released", "index": "registry.example.com", "artifacts": "released"} {
		selection, err := Select("publish", strings.Fields(only))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range plan.Select(selection).Destinations {
			got = append(got, d.Registry+d.Directory)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("publish %s: %v, want %s", only, got, want)
		}
	}
}

func TestPlanRefusesTwoFilesOfOneName(t *testing.T) {
	loaded := projectOf(t, txtar.Parse([]byte(`-- slipway.yaml --
project: acme
platforms: [linux/amd64, linux/arm64, windows/amd64]
windows: {ltsc2022: 10.0.20348.4294, ltsc2025: 10.0.26100.4294}
images:
  - {name: acme-runtime, variants: [{platforms: [linux/amd64, linux/arm64, windows/amd64]}]}
airgap:
  lists:
    core: {images: [acme-runtime]}
    images: {include: [core]}
    windows: {images: [acme-runtime], platforms: [windows/amd64]}
names: {archive: 'images.${PLATFORM}', windows-archive: 'Win.${ARCH}', checksums: 'Win.${ARCH}.tar.zst', all-images: 'images.${PLATFORM}.txt'}
-- Dockerfile --
FROM scratch
`)), released)
	_, err := New(loaded, Filter{})
	if err == nil {
		t.Fatal("one file would have replaced another")
	}
	for _, want := range []string{
		"slipway.yaml:9:13: list images for linux/arm64 has the same name dist/artifacts/images.linux-arm64.tar.zst as list core for linux/arm64 (slipway.yaml:8:11): change names.archive",
		"slipway.yaml:10:14: list windows for windows/amd64:10.0.26100.4294 has the same name dist/artifacts/Win.amd64.tar.zst as list windows for windows/amd64:10.0.20348.4294 (slipway.yaml:10:14): change names.windows-archive",
		"slipway.yaml:11:8: the list of all images for linux/amd64 has the same name dist/artifacts/images.linux-amd64.txt as list core for linux/amd64 (slipway.yaml:8:11)",
		"slipway.yaml:11:8: the checksum file of amd64 has the same name dist/artifacts/Win.amd64.tar.zst as list windows",
	} {
		if told := strings.ReplaceAll(err.Error(), filepath.Dir(loaded.Names.Position.File)+string(filepath.Separator), ""); !strings.Contains(told, want) {
			t.Errorf("%q is not in the error:\n%v", want, told)
		}
	}
}

// RKE2's scripts and tools for mirroring registries read the lists line by line.
func TestImageListsNameRegistries(t *testing.T) {
	step := ArchiveStep{Images: []ArchiveImage{
		{Names: []string{"rancher/rke2-runtime:v1.36.0-rke2r1", "rancher/rke2-runtime:v1.36.0-rke2r1-linux-amd64"}},
		{Names: []string{"busybox:1"}}, {Names: []string{"ghcr.io/k3s-io/klipper-lb:v0.4.9"}},
		{Names: []string{"127.0.0.1:5000/a/b@sha256:" + strings.Repeat("0", 64)}},
	}}
	want := []string{"docker.io/rancher/rke2-runtime:v1.36.0-rke2r1", "docker.io/library/busybox:1",
		"ghcr.io/k3s-io/klipper-lb:v0.4.9", "127.0.0.1:5000/a/b@sha256:" + strings.Repeat("0", 64)}
	if diff := cmp.Diff(want, step.Lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReferencesOfEachPlatform(t *testing.T) {
	loaded := projectOf(t, txtar.Parse([]byte(`-- slipway.yaml --
project: acme
registry: registry.example.com
platforms: [linux/amd64, linux/arm64]
vars: {PAUSE: 3.10}
airgap:
  lists:
    images:
      file: a.txt
      references:
        - a/csi:v1-${ARCH}
        - {ref: "${REGISTRY}/a/ovirt:v2", when: '${ARCH} != "arm64" && ${REGISTRY} != "docker.io"'}
        - {ref: "a/arm:v3", platforms: [linux/arm64]}
-- a.txt --
# the pause image
a/pause:${PAUSE}
docker://a/pause:3.10
`)), released)
	plan, err := New(loaded, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, s := range plan.Archives {
		got[s.Platform.String()] = s.Lines()
	}
	want := map[string][]string{
		"linux/amd64": {"docker.io/a/pause:3.10", "docker.io/a/csi:v1-amd64", "registry.example.com/a/ovirt:v2"},
		"linux/arm64": {"docker.io/a/pause:3.10", "docker.io/a/csi:v1-arm64", "docker.io/a/arm:v3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if source := plan.Archives[0].Images[0].Source; source != "a.txt:2" {
		t.Errorf("the first image is of %s", source)
	}
}

func TestConditionsNarrowThePlan(t *testing.T) {
	text := func(registry, list string) []byte {
		return []byte(`-- slipway.yaml --
project: acme
registry: ` + registry + `
platforms: [linux/amd64, linux/arm64, windows/amd64]
windows: {ltsc2022: 10.0.20348.4294, ltsc2025: 10.0.26100.4294}
binaries:
  - {name: acme, package: ., when: '${OS} == "linux"'}
  - {name: tool, package: ., when: '${VERSION} =~ "-rc"'}
images:
  - name: runtime
    when: '${ARCH} != "arm64" && ${WINDOWS} != "ltsc2025"'
    variants: [{platforms: [linux/amd64, linux/arm64, windows/amd64]}]
airgap:
  lists:
    images: {images: [runtime], include: [core, vsphere], ` + list + `}
    core: {file: core.txt, when: 'false'}
    vsphere: {file: core.txt, when: '${REGISTRY} != "docker.io" && ${ARCH} != "arm64"'}
bundles:
  - {name: acme, files: [{source: core.txt}], when: '${EXE}'}
publish:
  - {registry: prime.example.com, when: '!(${VERSION} =~ "-rc")'}
  - {directory: out, when: '${REGISTRY} == "docker.io"'}
-- core.txt --
a/b:1
-- Dockerfile --
FROM scratch
`)
	}
	describe := func(plan *Plan) (made []string) {
		for _, s := range plan.Binaries {
			made = append(made, s.Name+" "+s.Platform.String())
		}
		for _, s := range plan.Images {
			made = append(made, s.Image+" "+s.Platform.String())
		}
		for _, s := range plan.Archives {
			made = append(made, fmt.Sprint(s.List, " ", s.Platform, " ", len(s.Images)))
		}
		for _, s := range plan.Bundles {
			made = append(made, s.Outputs...)
		}
		for _, d := range plan.Destinations {
			made = append(made, d.String())
		}
		return made
	}
	plan, err := New(projectOf(t, txtar.Parse(text("registry.example.com", "platforms: [linux/amd64]")), released), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"acme linux/amd64", "acme linux/arm64", "runtime linux/amd64", "runtime windows/amd64:10.0.20348.4294",
		"images linux/amd64 2", "vsphere linux/amd64 1", "dist/artifacts/acme.windows-amd64.zip", "registry prime.example.com/acme"}
	if diff := cmp.Diff(want, describe(plan)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = New(projectOf(t, txtar.Parse(text("docker.io", "platforms: [linux/arm64]")), released), Filter{})
	const refused = `slipway.yaml:14:13: list images contains image runtime, which is not built for linux/arm64 (its when is (${ARCH} != "arm64") && (${WINDOWS} != "ltsc2025"))`
	if err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("got %v, want %q", err, refused)
	}
}

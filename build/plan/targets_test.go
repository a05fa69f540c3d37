package plan

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stepsOf returns the steps of a narrowed plan, without the binaries in its images and bundles.
func stepsOf(p *Plan, verb string, named []BinaryStep) []string {
	var out []string
	for _, b := range named {
		out = append(out, path.Base(path.Dir(b.Output))+"/"+b.Name)
	}
	for _, b := range p.Binaries {
		if verb == "package" && b.Artifact != "" {
			out = append(out, path.Base(b.Artifact))
		}
	}
	for _, s := range p.Images {
		out = append(out, s.Ref[strings.LastIndex(s.Ref, "/")+1:])
	}
	for _, s := range p.Archives {
		out = append(out, path.Base(s.Outputs[0]))
	}
	for _, s := range p.Bundles {
		out = append(out, path.Base(s.Outputs[0]))
	}
	return out
}

func TestTargets(t *testing.T) {
	const v = ":v1.2.3-rke2r1-"
	for _, c := range []struct {
		verb, only, targets string
		parts, want         string
	}{
		{"build", "", "slip", "binaries", "linux-amd64/slip linux-arm64/slip windows-amd64/slip"},
		{"build", "", "slip@linux/arm64 slip@linux/arm64 bridge@linux/amd64", "binaries", "linux-arm64/slip linux-amd64/bridge"},
		{"build", "", "pause@linux/arm64", "images", "pause" + v + "linux-arm64"},
		{"build", "", "runtime@windows/amd64 bridge@linux/amd64", "binaries images",
			"linux-amd64/bridge runtime" + v + "windows-ltsc2019-amd64 runtime" + v + "windows-ltsc2022-amd64 runtime" + v + "windows-ltsc2025-amd64"},
		{"build", "", "runtime@windows/amd64:10.0.20348.4294", "images", "runtime" + v + "windows-ltsc2022-amd64"},
		{"build", "images", "pause", "images", "pause" + v + "linux-amd64 pause" + v + "linux-arm64"},
		{"package", "", "canal", "airgap", "slip-images-canal.linux-amd64.tar.zst"},
		{"package", "", "core@linux/arm64", "airgap", "runtime" + v + "linux-arm64 slip-images-core.linux-arm64.tar.zst"},
		{"package", "", "slip@windows/amd64", "bundles", "windows-amd64/slip slip.windows-amd64.exe slip.windows-amd64.zip"},
	} {
		t.Run(c.verb+" "+c.targets, func(t *testing.T) {
			p, selection := targetsOf(t, c.verb, c.only, c.targets)
			narrowed, parts, named, err := p.Narrow(selection)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(c.want), stepsOf(narrowed, c.verb, named)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := strings.Join(parts.Parts, " "); got != c.parts {
				t.Errorf("parts %q, want %q", got, c.parts)
			}
		})
	}
}

func targetsOf(t *testing.T, verb, only, targets string) (*Plan, Selection) {
	t.Helper()
	p, err := New(project(t, "distribution", released), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	selection, err := Select(verb, strings.Fields(only))
	if err != nil {
		t.Fatal(err)
	}
	if selection.Targets, err = ParseTargets(strings.Fields(targets)); err != nil {
		t.Fatal(err)
	}
	return p, selection
}

// A narrowed plan has the binaries and indexes of its images.
func TestTargetsWithWhatTheyNeed(t *testing.T) {
	p, selection := targetsOf(t, "build", "", "runtime@windows/amd64:10.0.20348.4294")
	narrowed, _, _, err := p.Narrow(selection)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range narrowed.Binaries {
		got = append(got, b.Output)
	}
	for _, i := range narrowed.Indexes {
		got = append(got, i.Ref)
	}
	want := []string{"dist/bin/windows-amd64/slip.exe", "docker.io/slipway/runtime:v1.2.3-rke2r1-windows-amd64", "docker.io/slipway/runtime:v1.2.3-rke2r1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(narrowed.Checksums) != 1 || len(p.Images) == len(narrowed.Images) {
		t.Errorf("checksums %v, and %d of %d images", narrowed.Checksums, len(narrowed.Images), len(p.Images))
	}
}

func TestTargetsWrong(t *testing.T) {
	for _, c := range []struct{ verb, only, targets, want string }{
		{"build", "", "runtme", `build has no target "runtme" (did you mean "runtime"?): want slip, bridge, runtime, pause`},
		{"build", "images", "slip", `build has no target "slip": want runtime, pause`},
		{"build", "", "core", `build has no target "core": want slip, bridge, runtime, pause`},
		{"build", "", "windows", `build has no target "windows": for a part or a system, use --only windows`},
		{"build", "", "pause@windows/amd64", "target pause@windows/amd64: pause is made for linux/amd64, linux/arm64"},
		{"package", "", "runtime", `package has no target "runtime": want slip, canal, core, images, windows`},
		{"package", "bundles", "bridge", `package has no target "bridge": want slip`},
	} {
		p, selection := targetsOf(t, c.verb, c.only, c.targets)
		if _, _, _, err := p.Narrow(selection); err == nil || err.Error() != c.want {
			t.Errorf("%s %s:\n got %v\nwant %s", c.verb, c.targets, err, c.want)
		}
	}
	if _, err := ParseTargets([]string{"a@linux"}); err == nil || !strings.HasPrefix(err.Error(), `target "a@linux": platform "linux": want os/architecture`) {
		t.Errorf("got %v", err)
	}
}

func TestTargetNames(t *testing.T) {
	p, selection := targetsOf(t, "build", "images", "")
	want := strings.Fields("pause pause@linux/amd64 pause@linux/arm64 runtime runtime@linux/amd64 runtime@linux/arm64 runtime@windows/amd64")
	if diff := cmp.Diff(want, p.Targets(selection)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

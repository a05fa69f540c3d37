package release

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// makeTagged makes a project whose image has several tags. It compiles nothing.
func makeTagged(t *testing.T, registry string, more ...string) *testRelease {
	r := makeRelease(t)
	r.registry = registry
	r.env["REGISTRY"] = registry
	testfile.Write(t, filepath.Join(r.dir, config.FileName), `project: acme
platforms: [linux/amd64, linux/arm64]
images:
  - name: runtime
    variants: [{platforms: [linux/amd64, linux/arm64]}]
    labels: {version: "${VERSION}"}
    tags: [latest, "v${MAJOR}", "v${MAJOR}.${MINOR}", "build-${VERSION}", {tag: edge, moves: always}, {tag: next, moves: newest}]
`+strings.Join(more, ""))
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "FROM scratch\nCOPY LICENSE /\n")
	return r
}

// release builds and publishes a version, and returns the report of publish.
func (r *testRelease) release(version string, change ...func(*Options)) (Report, error) {
	r.t.Helper()
	r.env["TAG"] = version
	r.run("build", "images")
	b := r.open(change...)
	err := r.try(b, "publish", "images", "index")
	s, _ := plan.Select("publish", nil)
	return b.Result(s), err
}

// versions maps each moving tag to the version tag with the same digest.
func (r *testRelease) versions() map[string]string {
	r.t.Helper()
	pushed, versions, out := r.pushed(r.registry, "acme/runtime"), map[string]string{}, map[string]string{}
	for tag, digest := range pushed {
		if tag := strings.TrimPrefix(tag, "runtime:"); strings.Count(tag, ".") == 2 && !strings.Contains(tag, "linux") && !strings.HasPrefix(tag, "build") {
			versions[digest] = tag
		}
	}
	for tag, digest := range pushed {
		if tag := strings.TrimPrefix(tag, "runtime:"); versions[digest] != tag && !strings.Contains(tag, "linux") {
			out[tag] = versions[digest]
		}
	}
	return out
}

func TestTagsMoveForward(t *testing.T) {
	for _, c := range []struct {
		name     string
		registry func(testing.TB) string
		more     string
	}{
		{"docker-registry", imagetest.DistributionRegistry, ""},
		{"distribution 3", imagetest.Distribution3Registry, ""},
		{"versions by annotation", imagetest.Registry, ""},
		{"versions by tag", imagetest.Registry, "    format: {media-types: docker}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			testTagsMoveForward(t, makeTagged(t, c.registry(t), c.more))
		})
	}
}

func testTagsMoveForward(t *testing.T, r *testRelease) {
	want := map[string]string{}
	for _, step := range []struct {
		version string
		moved   string // other tags that it gets
		kept    string // other tags that it does not get, with their versions
	}{
		{"v1.2.9+acme1", "latest v1 v1.2 edge next", ""},
		{"v1.3.0+acme9", "latest v1 v1.3 edge next", ""},
		{"v1.2.10+acme1", "v1.2 edge", "latest=v1.3.0-acme9 v1=v1.3.0-acme9 next=v1.3.0-acme9"},
		{"v1.3.0+acme10", "latest v1 v1.3 edge next", ""},
		{"v2.0.0-rc1+acme1", "edge next", "latest v2 v2.0"},
		{"v2.0.0+acme1", "latest v2 v2.0 edge next", ""},
		{"v1.3.0+acme11", "v1 v1.3 edge", "latest=v2.0.0-acme1 next=v2.0.0-acme1"},
	} {
		report, err := r.release(step.version)
		if err != nil {
			t.Fatalf("%s: %v", step.version, err)
		}
		tag := strings.ReplaceAll(step.version, "+", "-")
		want["build-"+tag] = tag
		for _, moved := range strings.Fields(step.moved) {
			want[moved] = tag
		}
		if diff := cmp.Diff(want, r.versions()); diff != "" {
			t.Fatalf("tags after %s (-want +got):\n%s", step.version, diff)
		}
		var kept []string
		for _, k := range report.Kept {
			text := k.Ref[strings.LastIndex(k.Ref, ":")+1:]
			if k.Version != "" {
				text += "=" + strings.ReplaceAll(k.Version, "+", "-")
			}
			kept = append(kept, text)
		}
		if got := strings.Join(kept, " "); got != step.kept {
			t.Errorf("%s keeps %q, want %q", step.version, got, step.kept)
		}
		var published []string
		for _, m := range report.Made {
			if m.Kind == "index" {
				published = append(published, m.Ref[strings.LastIndex(m.Ref, ":")+1:])
			}
		}
		all := append(strings.Fields(step.moved), tag, "build-"+tag)
		slices.Sort(all)
		slices.Sort(published)
		if diff := cmp.Diff(all, published); diff != "" {
			t.Errorf("%s published (-want +got):\n%s", step.version, diff)
		}
	}
	// Force does not move a tag back.
	if _, err := r.release("v1.2.10+acme1", func(o *Options) { o.Force = true }); err != nil {
		t.Fatal(err)
	}
	want["edge"] = "v1.2.10-acme1"
	if diff := cmp.Diff(want, r.versions()); diff != "" {
		t.Errorf("tags after a forced publish of an old version (-want +got):\n%s", diff)
	}
}

func TestTagsOfUnknownVersions(t *testing.T) {
	r := makeTagged(t, imagetest.Registry(t))
	foreign := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 100))
	annotated := mutate.Annotations(foreign, map[string]string{plan.VersionAnnotation: "1.9.0"})
	imagetest.Push(t, r.registry+"/acme/runtime:latest", imagetest.Index(t, foreign))
	_, err := r.release("v1.2.3")
	if err == nil || !strings.Contains(err.Error(), "acme/runtime:latest is sha256:") || !strings.Contains(err.Error(), "its version is unknown") {
		t.Fatalf("got %v, want an error about the version of latest", err)
	}
	if got := slices.Collect(maps.Keys(r.pushed(r.registry, "acme/runtime"))); len(got) != 1 {
		t.Errorf("%v were pushed nevertheless", got)
	}
	if _, err := r.release("v1.2.3", func(o *Options) { o.Force = true }); err != nil {
		t.Fatal(err)
	}
	if got := r.versions()["latest"]; got != "v1.2.3" {
		t.Errorf("forced, latest is %q", got)
	}
	// Annotations and tags of other tools provide versions as well.
	imagetest.Push(t, r.registry+"/acme/runtime:v1", annotated)
	imagetest.Push(t, r.registry+"/acme/runtime:v1.2", imagetest.Index(t, foreign))
	imagetest.Push(t, r.registry+"/acme/runtime:v1.2.99", imagetest.Index(t, foreign))
	report, err := r.release("v1.2.4")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{}
	for _, k := range report.Kept {
		kept[k.Ref[strings.LastIndex(k.Ref, ":")+1:]] = k.Version
	}
	if diff := cmp.Diff(map[string]string{"v1": "1.9.0", "v1.2": "v1.2.99"}, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	raw, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(raw), `"kept":[{"ref":`) {
		t.Errorf("%s, %v", raw, err)
	}
}

// dist remains valid if only tags change.
func TestTagsDecideNoBytes(t *testing.T) {
	r := makeTagged(t, imagetest.Registry(t))
	r.env["TAG"] = "v1.2.3"
	r.run("build", "images")
	r.configure(`"build-${VERSION}"`, "stable")
	r.run("publish", "images", "index")
	if got := r.versions()["stable"]; got != "v1.2.3" {
		t.Errorf("stable is %q", got)
	}
}

func TestAFixedTagIsNotReplaced(t *testing.T) {
	r := makeTagged(t, imagetest.Registry(t))
	imagetest.Push(t, r.registry+"/acme/runtime:build-v1.2.3", imagetest.Image(t, "linux/amd64"))
	if _, err := r.release("v1.2.3"); err == nil || !strings.Contains(err.Error(), "build-v1.2.3 already exists") {
		t.Errorf("got %v, want an error about the existing tag", err)
	}
}

package release

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/imagetest"
)

// make makes targets with a verb, in a new run, and returns what it has made.
func (r *testRelease) make(verb string, targets ...string) []string {
	r.t.Helper()
	imagetest.Program(r.t, "go")
	s, err := plan.Select(verb, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if s.Targets, err = plan.ParseTargets(targets); err != nil {
		r.t.Fatal(err)
	}
	b := r.open()
	if s, err = b.Target(s); err != nil {
		r.t.Fatal(err)
	}
	if err := b.Run(r.t.Context(), s); err != nil {
		r.t.Fatal(err)
	}
	var made []string
	for _, m := range b.Result(s).Made {
		where := m.Where()
		made = append(made, m.Kind+" "+where[strings.LastIndex(where, "/")+1:])
	}
	return made
}

// refused checks that verify and publish refuse an incomplete release.
func (r *testRelease) refused() {
	r.t.Helper()
	if err := r.open().Verify(r.t.Context()); err == nil {
		r.t.Error("verify accepts an incomplete release")
	}
	if err := r.try(r.open(), "publish"); err == nil || !strings.Contains(err.Error(), "run build first") && !strings.Contains(err.Error(), "run package first") {
		r.t.Errorf("publish of an incomplete release: %v", err)
	}
	if pushed := r.pushed(r.registry, "team/acme-runtime"); len(pushed) > 0 || len(r.files("released")) > 0 {
		r.t.Errorf("an incomplete release was published: %v", pushed)
	}
}

func TestTargetsAreTogetherTheRelease(t *testing.T) {
	r := makeRelease(t)
	r.configure("  level: fastest\n", "  formats: [tar]\n")

	const image = "image acme-runtime:v1.2.3-acme1-"
	for _, c := range []struct {
		verb, targets string
		made          string // what it makes, by line
	}{
		{"build", "acme@linux/arm64", "binary acme"},
		{"build", "acme-runtime@windows/amd64:10.0.20348.4294", "binary acme.exe\n" + image + "windows-ltsc2022-amd64\nindex acme-runtime:v1.2.3-acme1\nindex acme-runtime:v1.2.3-acme1-windows-amd64"},
		{"package", "core@linux/amd64", "binary acme\n" + image + "linux-amd64\nindex acme-runtime:v1.2.3-acme1\n" +
			"archive acme-images-core.linux-amd64.tar\nlist acme-images-core.linux-amd64.txt\nchecksums sha256sum-amd64.txt"},
		{"package", "acme@windows/amd64", "binary acme.exe\nbundle acme.windows-amd64.exe\nbundle acme.windows-amd64.zip\nchecksums sha256sum-amd64.txt"},
	} {
		got := r.make(c.verb, strings.Fields(c.targets)...)
		if diff := cmp.Diff(strings.Split(c.made, "\n"), got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.verb, c.targets, diff)
		}
		r.refused()
	}
	r.make("package", "core", "images", "windows", "acme")
	r.refused() // the list of all images is missing
	before := r.recorded()
	r.run("package")
	after := r.recorded()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("images and indexes that targets made, and those of the whole (-targets +whole):\n%s", diff)
	}
	if err := r.open().Verify(t.Context()); err != nil {
		t.Error(err)
	}
	r.run("publish")
	if got := slices.Sorted(maps.Keys(r.pushed(r.registry, "team/acme-runtime"))); len(got) != 6 {
		t.Errorf("published %v", got)
	}
}

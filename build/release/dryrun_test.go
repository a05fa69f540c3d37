package release

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/plan"
)

// A dry run lists what a run makes: packaging makes images, and images need binaries.
func TestDryRunListsEveryFile(t *testing.T) {
	for _, words := range []string{"build", "build binaries", "build images", "package", "package airgap", "package bundles"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			r := makeRelease(t)
			r.configure("  level: fastest\n", "  formats: [tar]\n")
			verb, part, _ := strings.Cut(words, " ")
			selection, err := plan.Select(verb, strings.Fields(part))
			if err != nil {
				t.Fatal(err)
			}
			b := r.open()
			var want, got []string
			selected := b.Selected(selection)
			for _, s := range selected.Binaries {
				want = append(want, s.Output)
				if s.Artifact != "" && len(selected.Bundles) > 0 {
					want = append(want, s.Artifact)
				}
			}
			for _, s := range selected.Images {
				want = append(want, s.Ref)
			}
			for _, s := range selected.Indexes {
				want = append(want, s.Ref)
			}
			for _, s := range selected.Archives {
				want = append(append(want, s.Outputs...), s.Text)
			}
			for _, s := range selected.Bundles {
				want = append(want, s.Outputs...)
			}
			for _, s := range selected.Lists {
				want = append(want, s.Output)
			}
			for _, s := range selected.Checksums {
				want = append(want, s.Output)
			}
			r.do(b, verb, strings.Fields(part)...)
			for _, m := range b.report.sorted() {
				got = append(got, m.Where())
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-dry run +run):\n%s", diff)
			}
		})
	}
}

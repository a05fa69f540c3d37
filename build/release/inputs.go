package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/internal/redact"
)

// Inputs determine the bytes of a release, together with its version.Release.
type Inputs struct {
	// Plan is the SHA-256 of the full plan, without the parts that do not affect bytes; see decisive.
	Plan string `json:"plan"`
	// Variables are the variables in the names of images, in the images and in the binaries, with their values.
	Variables map[string]string `json:"variables"`
}

// withoutSource returns hooks without their positions in slipway.yaml.
func withoutSource(hooks plan.Hooks) plan.Hooks {
	clear := func(steps []plan.HookStep) []plan.HookStep {
		steps = slices.Clone(steps)
		for i := range steps {
			steps[i].Source = ""
		}
		return steps
	}
	return plan.Hooks{Before: clear(hooks.Before), After: clear(hooks.After)}
}

// decisive returns the full plan without the parts that do not affect bytes: destinations, additional tags of indexes,
// keys of signatures, URLs of downloads (their digests remain), addresses and cache options of engines, and positions in
// slipway.yaml and in image lists.
func (r *Release) decisive() plan.Plan {
	whole := *r.full
	whole.Destinations, whole.Skipped, whole.Sign = nil, nil, nil
	whole.Fetches = slices.Clone(whole.Fetches)
	for i := range whole.Fetches {
		whole.Fetches[i].Source, whole.Fetches[i].URL = "", ""
	}
	whole.Hooks = withoutSource(whole.Hooks)
	whole.Binaries = slices.Clone(whole.Binaries)
	for i, b := range whole.Binaries {
		whole.Binaries[i] = decisiveBinary(b)
	}
	whole.Images = slices.Clone(whole.Images)
	for i, s := range whole.Images {
		whole.Images[i] = decisiveImage(s)
	}
	whole.Indexes = slices.Clone(whole.Indexes)
	for i := range whole.Indexes {
		whole.Indexes[i].Tags = nil
	}
	whole.Archives = slices.Clone(whole.Archives)
	for i := range whole.Archives {
		images := slices.Clone(whole.Archives[i].Images)
		for n := range images {
			images[n].Source = ""
		}
		whole.Archives[i].Images = images
	}
	return whole
}

// decisiveBinary returns a step without what decisive leaves out.
func decisiveBinary(b plan.BinaryStep) plan.BinaryStep {
	b.Source, b.Hooks = "", withoutSource(b.Hooks)
	return b
}

// decisiveImage returns a step without what decisive leaves out.
func decisiveImage(s plan.ImageStep) plan.ImageStep {
	s.Address, s.Addresses, s.EngineOpts, s.Hooks = "", nil, config.EngineOpts{}, withoutSource(s.Hooks)
	return s
}

// inputs returns the inputs of this run.
func (r *Release) inputs() (Inputs, error) {
	whole := r.decisive()
	whole.Release = version.Release{}
	digest, err := hashOf(whole)
	if err != nil {
		return Inputs{}, err
	}
	return Inputs{Plan: "sha256:" + digest, Variables: r.variables()}, nil
}

// variables returns the Variables of Inputs. *** replaces secrets, but never REGISTRY and REPO: named compares their
// values, and the names of all images contain them.
func (r *Release) variables() map[string]string {
	variables := map[string]string{"REGISTRY": r.Config.Registry, "REPO": r.Config.Repository}
	secrets := r.secrets()
	for name, value := range r.Config.Linked {
		variables[name] = secrets.Text(redact.Value(name, value))
	}
	return variables
}

// same reports whether a report has the same inputs as this run.
func (r *Release) same(report Report) (bool, error) {
	differences, err := r.differences(report)
	return report.Project != "" && len(differences) == 0, err
}

// differences describes how the inputs of a report differ from those of this run.
func (r *Release) differences(report Report) ([]string, error) {
	inputs, err := r.inputs()
	if err != nil {
		return nil, err
	}
	out := compareReports(report, Report{Project: r.Plan.Project, Release: r.Plan.Release, Inputs: &inputs},
		func(what, then, now string) string { return fmt.Sprintf("%s was %s and is %s", what, then, now) },
		r.Config.File+" or an image list has changed")
	if report.Inputs == nil {
		out = append(out, "an older slipway wrote it, without its inputs")
	}
	return out, nil
}

// compareReports returns the differences between the inputs of two reports, each as a text that describe returns. If the
// plans differ, but nothing that describe could name, the result is other.
func compareReports(a, b Report, describe func(what, a, b string) string, other string) []string {
	var out []string
	differs := func(what, a, b string) {
		if a != b {
			out = append(out, describe(what, orNone(a), orNone(b)))
		}
	}
	differs("the project", a.Project, b.Project)
	differs("the version", a.Release.Version, b.Release.Version)
	differs("the commit", a.Release.Commit, b.Release.Commit)
	differs("the checkout", state(a.Release), state(b.Release))
	differs("SOURCE_DATE_EPOCH", a.Release.Epoch.UTC().Format(time.RFC3339), b.Release.Epoch.UTC().Format(time.RFC3339))
	if a.Inputs == nil || b.Inputs == nil || a.Inputs.Plan == b.Inputs.Plan {
		return out
	}
	before := len(out)
	names := append(slices.Sorted(maps.Keys(a.Inputs.Variables)), slices.Sorted(maps.Keys(b.Inputs.Variables))...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		differs("the variable "+name, a.Inputs.Variables[name], b.Inputs.Variables[name])
	}
	if len(out) == before && a.Release.Version == b.Release.Version {
		out = append(out, other)
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// state describes whether tracked files differ from the commit.
func state(r version.Release) string {
	if r.Dirty {
		return "one with changes"
	}
	return "one without changes"
}

// checkInputs returns an error if a report has other inputs than this run.
func (r *Release) checkInputs(report Report) error {
	differences, err := r.differences(report)
	if err != nil || len(differences) == 0 {
		return err
	}
	return fmt.Errorf("%s is for %s, but this is %s: %s: run build and package again, or restore the previous inputs",
		r.relative(output.ReportFile), report.Release.Version, r.Plan.Release.Version, strings.Join(differences, "; "))
}

// asMade returns the report of dist, and a Release of the same configuration in which images have the names that they
// have in dist. These contain REGISTRY and REPO as they were when the images were made. A later publish or verify may run
// with other values.
func (r *Release) asMade(ctx context.Context) (*Release, Report, error) {
	report, err := r.readReport()
	if err != nil {
		return r, report, err
	}
	named, err := r.named(ctx, report)
	return named, report, err
}

// named returns a Release of the same configuration in which the names of images contain the REGISTRY and REPO of a
// report.
func (r *Release) named(ctx context.Context, report Report) (*Release, error) {
	if report.Inputs == nil {
		return r, nil
	}
	made := report.Inputs.Variables
	if made["REGISTRY"] == r.Config.Registry && made["REPO"] == r.Config.Repository {
		return r, nil
	}
	options := r.options
	options.Config = r.Config.File
	options.Getenv = func(name string) (string, bool) {
		if name == "REGISTRY" || name == "REPO" {
			return made[name], made[name] != ""
		}
		return r.options.Getenv(name)
	}
	named, err := Open(ctx, options)
	if err != nil {
		return nil, err
	}
	// Destinations may contain variables, for which the values of this run apply.
	named.Plan.Destinations, named.full.Destinations = r.Plan.Destinations, r.full.Destinations
	named.bench, named.layout = r.bench, r.layout
	return named, nil
}

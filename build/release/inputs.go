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
	"github.com/slipway-build/slipway/build/version"
)

// Inputs are what a release was made from, beside what its Release says.
type Inputs struct {
	// Plan is the SHA-256 of the whole plan, whatever a run was narrowed to. It leaves out
	// what decides no byte: destinations, and where engines and their caches are.
	Plan string `json:"plan"`
	// Variables are those that end up in the names of images, in binaries or in images.
	Variables map[string]string `json:"variables"`
}

// inputs are those of this run.
func (b *Builder) inputs() (Inputs, error) {
	plan := *b.full
	plan.Destinations, plan.Skipped, plan.Release = nil, nil, version.Release{}
	plan.Images = slices.Clone(plan.Images)
	for i := range plan.Images {
		plan.Images[i].Address, plan.Images[i].EngineOpts = "", config.EngineOpts{}
	}
	plan.Archives = slices.Clone(plan.Archives)
	for i := range plan.Archives {
		images := slices.Clone(plan.Archives[i].Images)
		for n := range images {
			images[n].Source = ""
		}
		plan.Archives[i].Images = images
	}
	digest, err := hashOf(plan)
	if err != nil {
		return Inputs{}, err
	}
	variables := map[string]string{"REGISTRY": b.Config.Registry, "REPO": b.Config.Repository}
	for name, value := range b.Config.Linked {
		variables[name] = value
	}
	return Inputs{Plan: "sha256:" + digest, Variables: variables}, nil
}

// same says whether a report is of what this run would make.
func (b *Builder) same(r Report) (bool, error) {
	differences, err := b.differences(r)
	return r.Project != "" && len(differences) == 0, err
}

// differences says in words how the inputs of a report and of this run differ.
func (b *Builder) differences(r Report) ([]string, error) {
	now, err := b.inputs()
	if err != nil {
		return nil, err
	}
	var out []string
	differs := func(what, then, now string) {
		if then != now {
			out = append(out, fmt.Sprintf("%s was %s and is %s", what, orNone(then), orNone(now)))
		}
	}
	old, new := r.Release, b.Plan.Release
	differs("the project", r.Project, b.Plan.Project)
	differs("the version", old.Version, new.Version)
	differs("the commit", old.Commit, new.Commit)
	differs("the checkout", state(old), state(new))
	differs("SOURCE_DATE_EPOCH", old.Epoch.UTC().Format(time.RFC3339), new.Epoch.UTC().Format(time.RFC3339))
	switch {
	case r.Inputs == nil:
		return append(out, "an older slipway wrote it, without its inputs"), nil
	case r.Inputs.Plan == now.Plan:
		return out, nil
	}
	before := len(out)
	names := append(slices.Sorted(maps.Keys(r.Inputs.Variables)), slices.Sorted(maps.Keys(now.Variables))...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		differs("the variable "+name, r.Inputs.Variables[name], now.Variables[name])
	}
	if len(out) == before && old.Version == new.Version {
		out = append(out, b.Config.File+" or an image list has changed")
	}
	return out, nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// state says whether files differ from the commit.
func state(r version.Release) string {
	if r.Dirty {
		return "one with changes"
	}
	return "one without changes"
}

// checkInputs is an error if dist was made from other inputs than this run has.
func (b *Builder) checkInputs(r Report) error {
	differences, err := b.differences(r)
	if err != nil || len(differences) == 0 {
		return err
	}
	return fmt.Errorf("%s is for %s, but this is %s: %s: run build and package again, or restore the previous inputs",
		b.relative(output.ReportFile), r.Release.Version, b.Plan.Release.Version, strings.Join(differences, "; "))
}

// asMade returns a builder of the same configuration that names images as dist has
// them, and what was reported of dist. REGISTRY and REPO count when something is made;
// where a later publish goes changes nothing in dist.
func (b *Builder) asMade(ctx context.Context) (*Builder, Report, error) {
	report, err := b.readReport()
	if err != nil || report.Inputs == nil {
		return b, report, err
	}
	made := report.Inputs.Variables
	if made["REGISTRY"] == b.Config.Registry && made["REPO"] == b.Config.Repository {
		return b, report, nil
	}
	options := b.options
	options.Config = b.Config.File
	options.Getenv = func(name string) (string, bool) {
		if name == "REGISTRY" || name == "REPO" {
			return made[name], made[name] != ""
		}
		return b.options.Getenv(name)
	}
	named, err := Open(ctx, options)
	if err != nil {
		return nil, report, err
	}
	// Destinations are those of this run, whose environment they may name.
	named.Plan.Destinations, named.full.Destinations = b.Plan.Destinations, b.full.Destinations
	named.bench = b.bench
	return named, report, nil
}

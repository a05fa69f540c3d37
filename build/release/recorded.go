package release

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/record"
)

// Recorded does the work of a command for a selection, and keeps a record of it in the cache. It also writes the record
// to the file of Options.Record, even if the work fails. The record only explains, so a cache that does not keep it is no
// failure.
func (r *Release) Recorded(ctx context.Context, command string, s plan.Selection, work func(context.Context) error) error {
	r.steps.Range(func(name, step any) bool {
		// An earlier target of mage has made it.
		earlier := step.(record.Step)
		r.steps.Store(name, record.Step{Kind: earlier.Kind, Target: earlier.Target, State: record.UpToDate})
		return true
	})
	within, recorder := record.Start(ctx)
	err := work(within)
	run := &record.Record{Command: command, Slipway: r.options.Version, Project: r.Plan.Project, Release: r.Plan.Release, Steps: r.recordedSteps(s)}
	if s.Shard.Of > 0 {
		run.Shard = s.Shard.String()
	}
	recorder.End(run, err, r.secrets(), func(name string) string { value, _ := r.options.Getenv(name); return value })
	if r.openBench() == nil {
		_ = run.Keep(context.WithoutCancel(ctx), r.bench.Cache, r.path("dist"))
	}
	if r.options.Record != "" {
		err = errors.Join(err, run.WriteFile(r.options.Record))
	}
	return err
}

// recordedSteps returns the steps that a selection makes, and those that were made for them, in the order of the plan.
func (r *Release) recordedSteps(s plan.Selection) []record.Step {
	steps := []record.Step{}
	if s.Verb != "build" && s.Verb != "package" {
		return steps
	}
	selected := map[string]bool{}
	for _, t := range r.targetsOf(r.Selected(s)) {
		selected[t.stepName()] = true
	}
	has := map[string]bool{}
	for _, t := range r.targetsOf(r.full) {
		name := t.stepName()
		made, ok := r.steps.Load(name)
		switch {
		case ok:
			steps = append(steps, made.(record.Step))
		case selected[name]:
			steps = append(steps, record.Step{Kind: t.kind, Target: t.String(), State: record.Unfinished})
		default:
			continue
		}
		has[name] = true
	}
	needs := r.stepNeeds(has)
	for i := range steps {
		steps[i].Needs = slices.DeleteFunc(needs[steps[i].Name()], func(need string) bool { return !has[need] })
	}
	return steps
}

// stepNeeds returns the names of the steps whose results some steps use, by the names of these.
func (r *Release) stepNeeds(of map[string]bool) map[string][]string {
	needs, makers := map[string][]string{}, map[string]string{}
	for _, t := range r.targetsOf(r.full) {
		for _, output := range t.outputs {
			makers[output] = t.stepName()
		}
	}
	add := func(t target, output string) {
		if maker, ok := makers[output]; ok && !slices.Contains(needs[t.stepName()], maker) {
			needs[t.stepName()] = append(needs[t.stepName()], maker)
		}
	}
	for _, s := range r.full.Images {
		if !of[r.imageTarget(s).stepName()] {
			continue // reading Dockerfiles takes time
		}
		for _, b := range r.readByImages([]plan.ImageStep{s}) {
			add(r.imageTarget(s), b.Output)
		}
		for _, a := range r.full.ArchivesFor(s) {
			add(r.imageTarget(s), a.Outputs[0])
		}
		for _, b := range r.full.BundlesFor(s) {
			add(r.imageTarget(s), b.Outputs[0])
		}
	}
	for _, s := range r.full.Archives {
		for _, image := range s.Images {
			add(r.archiveTarget(s, nil), image.Own)
		}
	}
	for _, s := range r.full.Bundles {
		for _, b := range r.full.Binaries {
			if slices.ContainsFunc(s.Files, func(f config.BundleFile) bool {
				return b.Output == f.Source || strings.HasPrefix(b.Output, f.Source+"/")
			}) {
				add(r.bundleTarget(s), b.Output)
			}
		}
	}
	return needs
}

package release

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
)

// A target is a step that why explains.
type target struct {
	kind, name string
	platform   images.Platform
	windows    string
	// outputs are paths of the plan, or the tag of an image.
	outputs []string
	// inputs adds everything that the step depends on.
	inputs func(context.Context, *account) error
}

func (r *Release) binaryTarget(s plan.BinaryStep) target {
	return target{"binary", s.Name, s.Platform, "", []string{s.Output}, func(ctx context.Context, a *account) error { return a.binary(ctx, s) }}
}

func (r *Release) imageTarget(s plan.ImageStep) target {
	return target{"image", s.Image, s.Platform, s.Windows, []string{s.Ref}, func(ctx context.Context, a *account) error { return a.image(ctx, s) }}
}

// archiveTarget returns the target of an archive. content has its images; nil means to find those of other projects.
func (r *Release) archiveTarget(s plan.ArchiveStep, content []pack.Image) target {
	return target{"archive", s.List, s.Platform, s.Windows, s.Outputs, func(ctx context.Context, a *account) error { return a.archive(ctx, s, content) }}
}

func (r *Release) bundleTarget(s plan.BundleStep) target {
	return target{"bundle", s.Name, s.Platform, "", s.Outputs, func(ctx context.Context, a *account) error { return a.bundle(ctx, s) }}
}

// String returns the name of the target as it is given to why.
func (t target) String() string {
	return plan.Target{Name: t.name, Platform: t.platform.Platform}.String()
}

// stepName returns the name of the target in records and contexts of tasks.
func (t target) stepName() string { return record.Step{Kind: t.kind, Target: t.String()}.Name() }

// step identifies the target in the cache. The revision of a version of Windows is an input.
func (r *Release) step(t target) string {
	platform := t.platform.Platform
	platform.OSVersion = t.windows
	return r.path("dist") + "\n" + t.kind + " " + plan.Target{Name: t.name, Platform: platform}.String()
}

// present returns the present inputs and outputs of a target.
func (r *Release) present(ctx context.Context, t target, record *why.Record) (why.Run, error) {
	secrets := r.secrets()
	a := &account{Inputs: why.Inputs{Secrets: secrets}, files: why.Inputs{Secrets: secrets}, outputs: why.Inputs{Secrets: secrets},
		r: r, own: r.full.Names(), record: record}
	if err := t.inputs(ctx, a); err != nil {
		return why.Run{}, err
	}
	if record == nil {
		a.made(ctx, t.outputs)
	} else {
		a.still(ctx, record.Last.Outputs)
	}
	return why.Run{Inputs: a.List(), Files: a.files.List(), Outputs: a.outputs.List()}, nil
}

// note records that this run has made a target, or has found it up to date. The record only explains, so a failure does
// not fail the run: why then says that no run is recorded.
func (r *Release) note(ctx context.Context, t target, upToDate bool) {
	state := record.Step{Kind: t.kind, Target: t.String(), State: record.Made}
	if upToDate {
		state.State = record.UpToDate
	}
	defer func() { r.steps.Store(state.Name(), state) }()
	if upToDate {
		if known, err := why.NoteUpToDate(ctx, r.bench.Cache, r.step(t)); known || err != nil {
			return
		}
	}
	run, err := r.present(ctx, t, nil)
	if err != nil {
		return
	}
	if t.kind == "image" {
		// It is put together in every run, of layers that may be up to date.
		earlier := why.Recall(ctx, r.bench.Cache, r.step(t))
		upToDate = earlier != nil && len(why.Explain("", "", earlier, run).Changes) == 0
	}
	noted, err := why.Note(ctx, r.bench.Cache, r.step(t), run, !upToDate)
	switch {
	case upToDate:
		state.State = record.UpToDate
	case err == nil:
		state.First, state.Reasons = noted.Before == nil, noted.Reasons()
	}
}

// Why explains the steps of the plan that the targets name; without targets, all.
func (r *Release) Why(ctx context.Context, targets []plan.Target) ([]why.Answer, error) {
	chosen, err := r.Plan.Only(targets)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(r.openLock(), r.openMade()); err != nil {
		return nil, err
	}
	explained := &explainer{r: r, answers: map[string]why.Answer{}}
	answers := []why.Answer{}
	for _, t := range r.targetsOf(chosen) {
		answer, err := explained.answer(ctx, t)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// openMade opens the cache, and dist/oci if it exists.
func (r *Release) openMade() error {
	if err := r.openBench(); err != nil || r.layout != nil {
		return err
	}
	layout, err := store.OpenLayout(r.path("dist/oci"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	r.layout = layout
	return err
}

func (r *Release) targetsOf(p *plan.Plan) (all []target) {
	for _, s := range p.Binaries {
		all = append(all, r.binaryTarget(s))
	}
	for _, s := range p.Images {
		all = append(all, r.imageTarget(s))
	}
	for _, s := range p.Archives {
		all = append(all, r.archiveTarget(s, nil))
	}
	for _, s := range p.Bundles {
		all = append(all, r.bundleTarget(s))
	}
	return all
}

// An explainer answers for each target once, since several may depend on it.
type explainer struct {
	r       *Release
	answers map[string]why.Answer
}

func (e *explainer) answer(ctx context.Context, t target) (why.Answer, error) {
	step := e.r.step(t)
	if answer, ok := e.answers[step]; ok {
		return answer, nil
	}
	record := why.Recall(ctx, e.r.bench.Cache, step)
	now, err := e.r.present(ctx, t, record)
	if err != nil {
		return why.Answer{}, err
	}
	reasons := map[string][]why.Change{}
	for i, input := range now.Inputs {
		if input.Kind != why.Made {
			continue
		}
		of, ok := e.maker(input.Name)
		if !ok {
			continue
		}
		made, err := e.answer(ctx, of)
		if err != nil {
			return made, err
		}
		if made.Last != why.LastUnknown && made.Again {
			now.Inputs[i].Value, reasons[input.Name] = "made again", made.Changes
		}
	}
	answer := why.Explain(t.kind, t.String(), record, now)
	for i, c := range answer.Changes {
		if c.Kind == why.Made {
			answer.Changes[i].Because = reasons[c.Name]
		}
	}
	e.answers[step] = answer
	return answer, nil
}

// maker returns the target that makes an output.
func (e *explainer) maker(output string) (target, bool) {
	all := e.r.targetsOf(e.r.full)
	i := slices.IndexFunc(all, func(t target) bool { return slices.Contains(t.outputs, output) })
	if i < 0 {
		return target{}, false
	}
	return all[i], true
}

package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A PlanDiff says what a release would change, compared with an earlier one.
type PlanDiff struct {
	// With names the earlier release, and Earlier is its version.
	With    string          `json:"with"`
	Earlier version.Release `json:"earlier"`
	Release version.Release `json:"release"`
	// Changes are what differs: kind release, setting, base, line (of a list), or the kind of an artifact as in
	// artifacts.json.
	Changes []why.Change `json:"changes"`
}

// An Earlier is a release that was made before.
type Earlier interface {
	// Report returns what it has.
	Report() Report
	// Lines returns the lines of one of its lists. The error is fs.ErrNotExist if it does not have the list.
	Lines(context.Context, Made) ([]string, error)
}

// Diff compares the plan with an earlier release, and makes nothing. It asks registries what the tags of base images
// refer to.
func (r *Release) Diff(ctx context.Context, with string, earlier Earlier) (*PlanDiff, error) {
	report := earlier.Report()
	d := &PlanDiff{With: with, Earlier: report.Release, Release: r.full.Release, Changes: []why.Change{}}
	inputs, err := r.inputs()
	if err != nil {
		return nil, err
	}
	compareReports(report, Report{Project: r.full.Project, Release: r.full.Release, Inputs: &inputs},
		func(what, old, now string) string {
			kind, name := why.Release, strings.TrimPrefix(what, "the ")
			if variable, ok := strings.CutPrefix(name, "variable "); ok {
				kind, name = why.Setting, variable
			}
			d.Changes = append(d.Changes, why.Change{Kind: kind, Name: name, Old: old, New: now})
			return ""
		}, "")
	d.compareSteps(Planned(r.full), report)
	if err := cmp.Or(r.openLock(), r.openBench()); err != nil {
		return nil, err
	}
	if err := r.diffBases(ctx, report, d); err != nil {
		return nil, err
	}
	if err := r.diffLists(ctx, earlier, d); err != nil {
		return nil, err
	}
	if len(d.Changes) == 0 && report.Inputs != nil && report.Inputs.Plan != inputs.Plan {
		d.Changes = append(d.Changes, why.Change{Kind: why.Setting, Name: "the plan", Old: report.Inputs.Plan, New: inputs.Plan})
	}
	return d, nil
}

// Planned returns what a release with the plan p would have in its report, without digests and sizes.
func Planned(p *plan.Plan) (all []Made) {
	for _, s := range p.Binaries {
		all = append(all, Made{Kind: "binary", Name: s.Name, Platform: s.Platform, Path: s.Output})
		if s.Artifact != "" {
			all = append(all, Made{Kind: "bundle", Name: s.Name, Platform: s.Platform, Path: s.Artifact})
		}
	}
	for _, s := range p.Images {
		all = append(all, Made{Kind: "image", Name: s.Image, Platform: s.Platform, Ref: s.Ref})
	}
	for _, s := range p.Indexes {
		made := Made{Kind: "index", Name: s.Image, Ref: s.Ref}
		if s.Platform != nil {
			made.Platform = *s.Platform
		}
		all = append(all, made)
	}
	for _, s := range p.Archives {
		for _, o := range s.Outputs {
			all = append(all, Made{Kind: "archive", Name: s.List, Platform: s.Platform, Path: o})
		}
		if s.Text != "" {
			all = append(all, Made{Kind: "list", Name: s.List, Platform: s.Platform, Path: s.Text})
		}
	}
	for _, s := range p.Lists {
		all = append(all, Made{Kind: "list", Name: "all images", Platform: s.Platform, Path: s.Output})
	}
	for _, s := range p.Bundles {
		for _, o := range s.Outputs {
			all = append(all, Made{Kind: "bundle", Name: s.Name, Platform: s.Platform, Path: o})
		}
	}
	for _, s := range p.SBOMs {
		all = append(all, Made{Kind: "sbom", Platform: s.Platform, Path: s.Output})
	}
	for _, f := range p.Proofs() {
		all = append(all, Made{Kind: f.Kind, Platform: f.Platform, Path: f.Output})
	}
	for _, s := range p.VEX {
		all = append(all, Made{Kind: "vex", Path: s.Output})
	}
	for _, s := range p.Checksums {
		all = append(all, Made{Kind: "checksums", Path: s.Output})
	}
	return all
}

// Identity returns what is the same for an item in two releases: its path or the end of its tag, without the version.
func (m Made) Identity(of version.Release) string {
	where := m.Path
	if m.Ref != "" {
		where = path.Base(m.Ref)
	}
	for _, text := range []string{of.Version, of.Tag} {
		if text != "" {
			where = strings.ReplaceAll(where, text, "VERSION")
		}
	}
	return m.Kind + " " + where
}

// title returns the name of an item for a change.
func (m Made) title() string {
	if m.Name == "" {
		return path.Base(m.Where())
	}
	platform := m.Platform.Platform
	platform.OSVersion = ""
	return plan.Target{Name: m.Name, Platform: platform}.String()
}

// compareSteps adds the items that only one of both releases has, and those whose name or version of Windows differs.
func (d *PlanDiff) compareSteps(planned []Made, report Report) {
	earlier := map[string]Made{}
	for _, m := range report.Made {
		earlier[m.Identity(report.Release)] = m
	}
	add := func(kind, name, old, now string) {
		if old != now {
			d.Changes = append(d.Changes, why.Change{Kind: kind, Name: name, Old: old, New: now})
		}
	}
	for _, m := range planned {
		id := m.Identity(d.Release)
		old := earlier[id]
		delete(earlier, id)
		add(m.Kind, m.title(), old.Where(), m.Where())
		if was := old.Platform.OSVersion; was != "" {
			add(why.Setting, "os.version of "+path.Base(m.Where()), was, m.Platform.OSVersion)
		}
	}
	for _, m := range report.Made {
		if _, ok := earlier[m.Identity(report.Release)]; ok && m.Kind != "signature" { // of what is signed
			add(m.Kind, m.title(), m.Where(), "")
		}
	}
}

// diffBases adds the base images whose digests differ from those that images of the report were made from.
func (r *Release) diffBases(ctx context.Context, report Report, d *PlanDiff) error {
	earlier := map[string]Made{}
	for _, m := range report.Made {
		earlier[m.Identity(report.Release)] = m
	}
	perImage := make([][]why.Change, len(r.full.Images))
	err := parallel.Each(ctx, len(r.full.Images), r.options.Transfers(), func(i int) error {
		s := r.full.Images[i]
		old := earlier[Made{Kind: "image", Ref: s.Ref}.Identity(r.full.Release)].Bases
		if len(old) == 0 {
			return nil
		}
		now, err := r.basesOf(ctx, s, true)
		if err != nil {
			return fmt.Errorf("image %s for %s: %w", s.Image, s.Platform, err)
		}
		refs := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(now)))
		slices.Sort(refs)
		for _, ref := range slices.Compact(refs) {
			if old[ref] != now[ref] {
				perImage[i] = append(perImage[i], why.Change{Kind: why.Base, Name: ref + " for " + s.Platform.String(), Old: old[ref], New: now[ref]})
			}
		}
		return nil
	})
	seen := map[string]bool{} // several images may have one base
	for _, c := range slices.Concat(perImage...) {
		if key := c.Name + c.Old + c.New; !seen[key] {
			seen[key] = true
			d.Changes = append(d.Changes, c)
		}
	}
	return err
}

// diffLists adds the images that lists have gained and lost.
func (r *Release) diffLists(ctx context.Context, earlier Earlier, d *PlanDiff) error {
	report := earlier.Report()
	lists := map[string]Made{}
	for _, m := range report.Made {
		if m.Kind == "list" {
			lists[m.Identity(report.Release)] = m
		}
	}
	for _, s := range r.full.Archives {
		now := Made{Kind: "list", Name: s.List, Platform: s.Platform, Path: s.Text}
		old, ok := lists[now.Identity(r.full.Release)]
		if s.Text == "" || !ok {
			continue
		}
		lines, err := earlier.Lines(ctx, old)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		d.Changes = append(d.Changes, compareLines(now.title(), lines, s.Lines())...)
	}
	return nil
}

// compareLines returns the references that only one of two lists has. A repository with another tag is one change.
func compareLines(list string, old, now []string) (changes []why.Change) {
	only := func(lines, other []string) map[string][]string {
		tags := map[string][]string{}
		for _, line := range lines {
			if !slices.Contains(other, line) {
				repository := repositoryOf(line)
				tags[repository] = append(tags[repository], line)
			}
		}
		return tags
	}
	removed, added := only(old, now), only(now, old)
	for _, repository := range slices.Sorted(maps.Keys(removed)) {
		if len(removed[repository]) == 1 && len(added[repository]) == 1 {
			changes = append(changes, why.Change{Kind: "line", Name: list, Old: removed[repository][0], New: added[repository][0]})
			delete(added, repository)
			continue
		}
		for _, line := range removed[repository] {
			changes = append(changes, why.Change{Kind: "line", Name: list, Old: line})
		}
	}
	for _, repository := range slices.Sorted(maps.Keys(added)) {
		for _, line := range added[repository] {
			changes = append(changes, why.Change{Kind: "line", Name: list, New: line})
		}
	}
	return changes
}

func repositoryOf(line string) string {
	ref, err := images.ParseReference(line)
	if err != nil {
		return line
	}
	return ref.Context().Name()
}

// WriteText writes the changes for people.
func (d *PlanDiff) WriteText(w io.Writer) error {
	var out strings.Builder
	if len(d.Changes) == 0 {
		fmt.Fprintf(&out, "the plan is that of %s\n", d.With)
	}
	why.WriteChanges(&out, d.Changes, 0)
	_, err := io.WriteString(w, out.String())
	return err
}

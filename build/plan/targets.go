package plan

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/suggest"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Target is a single item to make, by its name in slipway.yaml: a binary or an image to build; or a list, a bundle or
// a released binary to package.
type Target struct {
	Name string
	// Platform is the only platform to make it for. Without os.version, it means all Windows versions; an empty one
	// means all platforms.
	Platform v1.Platform
}

// String formats a target as NAME or NAME@PLATFORM.
func (t Target) String() string {
	if t.Platform.OS == "" {
		return t.Name
	}
	return t.Name + "@" + images.FormatPlatform(t.Platform)
}

// ParseTargets parses targets in the format of Target.String.
func ParseTargets(texts []string) ([]Target, error) {
	var targets []Target
	for _, text := range texts {
		name, platform, ok := strings.Cut(text, "@")
		t := Target{Name: name}
		if ok {
			var err error
			if t.Platform, err = images.ParsePlatform(platform); err != nil {
				return nil, usage.Errorf("target %q: %w", text, err)
			}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func (t Target) is(c targetStep) bool {
	return c.name == t.Name && (t.Platform.OS == "" || Filter{Platforms: []v1.Platform{t.Platform}}.wants(c.platform))
}

// A targetStep is a step that a target may select, and its location in the plan.
type targetStep struct {
	verb, part, name string
	platform         v1.Platform
	index            int // in the steps of its kind; of bundles, after the binaries
}

// steps returns the steps of build and package.
func (p *Plan) steps() (steps []targetStep) {
	add := func(verb, part, name string, platform images.Platform, index int) {
		steps = append(steps, targetStep{verb, part, name, platform.Platform, index})
	}
	for i, b := range p.Binaries {
		add("build", "binaries", b.Name, b.Platform, i)
		if b.Artifact != "" {
			add("package", "bundles", b.Name, b.Platform, i)
		}
	}
	for i, m := range p.Images {
		add("build", "images", m.Image, m.Platform, i)
	}
	for i, a := range p.Archives {
		add("package", "airgap", a.List, a.Platform, i)
	}
	for i, b := range p.Bundles {
		add("package", "bundles", b.Name, b.Platform, len(p.Binaries)+i)
	}
	return steps
}

// targetSteps returns the steps that targets of a selection may select.
func (p *Plan) targetSteps(s Selection) []targetStep {
	return kept(p.steps(), func(_ int, step targetStep) bool { return step.isOf(s) })
}

func (t targetStep) isOf(s Selection) bool {
	return t.verb == s.Verb && slices.Contains(s.Parts, t.part)
}

// Targets returns the targets that a selection may have: names, and names with each of their platforms.
func (p *Plan) Targets(s Selection) []string {
	var names []string
	for _, step := range p.targetSteps(s) {
		platform := step.platform
		platform.OSVersion = ""
		names = append(names, step.name, Target{step.name, platform}.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Narrow returns the plan for the targets of a selection, the selection of the parts that make them, and the selected
// binaries. The plan has everything that the targets are made of: the images of archives, and all binaries for their
// platforms, since only Dockerfiles and bundles determine which ones they contain. With a shard, its steps are the
// targets. With neither, Narrow returns the plan and the selection unchanged.
func (p *Plan) Narrow(s Selection) (*Plan, Selection, []BinaryStep, error) {
	if !s.IsNarrow() {
		return p, s, nil, nil
	}
	chosen, err := p.choose(s)
	if err != nil {
		return nil, s, nil, err
	}
	var (
		named    []BinaryStep
		refs     = map[string]bool{}
		archives = map[int]bool{}
		bundles  = map[int]bool{}
	)
	for _, c := range chosen {
		switch {
		case c.part == "images":
			refs[p.Images[c.index].Ref] = true
		case c.part == "airgap":
			archives[c.index] = true
		case c.index < len(p.Binaries):
			named = append(named, p.Binaries[c.index])
		default:
			bundles[c.index-len(p.Binaries)] = true
		}
	}
	p.close(refs, archives, bundles)
	out := *p
	out.Images = kept(p.Images, func(_ int, s ImageStep) bool { return refs[s.Ref] })
	out.Indexes = kept(p.Indexes, func(_ int, s IndexStep) bool {
		return slices.ContainsFunc(p.Leaves(s), func(ref string) bool { return refs[ref] })
	})
	out.Archives = kept(p.Archives, func(i int, _ ArchiveStep) bool { return archives[i] })
	out.Bundles = kept(p.Bundles, func(i int, _ BundleStep) bool { return bundles[i] })
	out.Lists = nil
	out.Checksums = kept(p.Checksums, func(_ int, sum SumStep) bool {
		return slices.ContainsFunc(chosen, func(c targetStep) bool { return sum.Has(images.Platform{Platform: c.platform}) })
	})
	out.Binaries = out.binariesFor(named, s.Verb)
	out.SBOMs = out.sbomsOf(p.SBOMs)

	narrowed := s
	narrowed.Parts = kept(s.Parts, func(_ int, part string) bool {
		return slices.ContainsFunc(chosen, func(c targetStep) bool {
			return c.part == part || s.Verb == "package" && packagedWith[c.part] == part
		})
	})
	return &out, narrowed, named, nil
}

// binariesFor returns the binaries that the images and bundles of a narrowed plan may contain, and those in named.
// Package releases only the latter.
func (p *Plan) binariesFor(named []BinaryStep, verb string) []BinaryStep {
	isNamed := func(b BinaryStep) bool {
		return slices.ContainsFunc(named, func(n BinaryStep) bool { return n.Output == b.Output })
	}
	binaries := kept(p.Binaries, func(_ int, b BinaryStep) bool {
		return isNamed(b) ||
			slices.ContainsFunc(p.Images, func(s ImageStep) bool { return samePorts(s.Platform.Platform, b.Platform.Platform) }) ||
			slices.ContainsFunc(p.Bundles, func(s BundleStep) bool { return samePorts(s.Platform.Platform, b.Platform.Platform) })
	})
	for i := range binaries {
		if verb == "package" && !isNamed(binaries[i]) {
			binaries[i].Artifact = ""
		}
	}
	return binaries
}

// Only returns a plan with nothing but the binaries, images, archives and bundles that the targets name; without targets,
// all of them. A target may also be the path or tag of an output.
func (p *Plan) Only(targets []Target) (*Plan, error) {
	// The copies of released binaries are no steps of their own here.
	steps := kept(p.steps(), func(_ int, s targetStep) bool { return s.part != "bundles" || s.index >= len(p.Binaries) })
	var (
		outputs = map[string]bool{}
		named   []Target
	)
	for _, t := range targets {
		if slices.ContainsFunc(steps, func(s targetStep) bool { return slices.Contains(p.outputsOf(s), t.Name) }) {
			outputs[t.Name] = true
		} else {
			named = append(named, t)
		}
	}
	chosen, err := chooseFrom(steps, Selection{Verb: "the plan", Targets: named})
	if err != nil {
		return nil, err
	}
	out := &Plan{Project: p.Project, Release: p.Release}
	for _, s := range steps {
		if len(targets) > 0 && !slices.ContainsFunc(chosen, s.same) &&
			!slices.ContainsFunc(p.outputsOf(s), func(output string) bool { return outputs[output] }) {
			continue
		}
		switch s.part {
		case "binaries":
			out.Binaries = append(out.Binaries, p.Binaries[s.index])
		case "images":
			out.Images = append(out.Images, p.Images[s.index])
		case "airgap":
			out.Archives = append(out.Archives, p.Archives[s.index])
		default:
			out.Bundles = append(out.Bundles, p.Bundles[s.index-len(p.Binaries)])
		}
	}
	return out, nil
}

// same reports whether two steps of one plan are the same.
func (t targetStep) same(other targetStep) bool {
	return t.part == other.part && t.index == other.index
}

// outputsOf returns the paths or the tag of what a step makes.
func (p *Plan) outputsOf(s targetStep) []string {
	switch s.part {
	case "binaries":
		return []string{p.Binaries[s.index].Output}
	case "images":
		return []string{p.Images[s.index].Ref}
	case "airgap":
		return p.Archives[s.index].Outputs
	}
	return p.Bundles[s.index-len(p.Binaries)].Outputs
}

// choose returns the steps that the targets select.
func (p *Plan) choose(s Selection) ([]targetStep, error) {
	if s.Shard.Of > 0 {
		return p.ofShard(s), nil
	}
	return chooseFrom(p.targetSteps(s), s)
}

// chooseFrom returns those of steps that the targets of a selection select.
func chooseFrom(steps []targetStep, s Selection) ([]targetStep, error) {
	var chosen []targetStep
	for _, t := range s.Targets {
		found := false
		var names, platforms []string
		for _, step := range steps {
			if t.is(step) {
				found = true
				if !slices.ContainsFunc(chosen, step.same) {
					chosen = append(chosen, step)
				}
			}
			if step.name == t.Name {
				platforms = append(platforms, images.FormatPlatform(step.platform))
			} else if !slices.Contains(names, step.name) {
				names = append(names, step.name)
			}
		}
		switch {
		case found:
		case len(platforms) > 0:
			slices.Sort(platforms)
			return nil, usage.Errorf("target %s: %s is made for %s", t, t.Name, strings.Join(slices.Compact(platforms), ", "))
		case slices.Contains(slices.Concat(Verbs[s.Verb], Systems), t.Name):
			return nil, usage.Errorf("%s has no target %q: for a part or a system, use --only %s", s.Verb, t.Name, t.Name)
		case len(names) == 0:
			return nil, usage.Errorf("%s has no target %q: it makes nothing of %s", s.Verb, t.Name, strings.Join(s.Parts, " and "))
		default:
			return nil, usage.Errorf("%s has no target %q%s: want %s", s.Verb, t.Name, suggest.DidYouMean(t.Name, names), strings.Join(names, ", "))
		}
	}
	return chosen, nil
}

// close adds the steps that others depend on: the own images of archives, and the archives and bundles that images
// need.
func (p *Plan) close(refs map[string]bool, archives, bundles map[int]bool) {
	for grown := true; grown; {
		before := len(refs) + len(archives) + len(bundles)
		for i, a := range p.Archives {
			for _, image := range a.Images {
				if archives[i] && image.Own != "" {
					refs[image.Own] = true
				}
			}
		}
		for _, step := range p.Images {
			if !refs[step.Ref] {
				continue
			}
			for i, a := range p.Archives {
				if slices.ContainsFunc(p.ArchivesFor(step), func(n ArchiveStep) bool { return n.key() == a.key() }) {
					archives[i] = true
				}
			}
			for i, b := range p.Bundles {
				if slices.ContainsFunc(p.BundlesFor(step), func(n BundleStep) bool { return slices.Equal(n.Outputs, b.Outputs) }) {
					bundles[i] = true
				}
			}
		}
		grown = len(refs)+len(archives)+len(bundles) > before
	}
}

// key identifies an archive.
func (a ArchiveStep) key() string { return fmt.Sprint(a.List, " ", a.Platform) }

// kept returns the steps that keep accepts.
func kept[S any](steps []S, keep func(int, S) bool) []S {
	var out []S
	for i, s := range steps {
		if keep(i, s) {
			out = append(out, s)
		}
	}
	return out
}

package plan

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Shard is one of several parts of a release that machines make at the same time. Each step of a verb is in exactly
// one of them. What a step is made of is in the same shard: the images of an archive, for instance, so that a shard needs
// nothing of another. All machines must use the same number of shards and the same sizes.
type Shard struct {
	Number int // from 1
	Of     int // 0 means that the release is not divided
	// Sizes are those of the steps of an earlier release, in bytes, by which steps are divided. It may be nil.
	Sizes map[StepName]int64
}

// A StepName is the same for a step in releases of different versions.
type StepName struct {
	Kind     string // binary, image, archive or bundle
	Name     string
	Platform string // as images.FormatPlatform writes it
}

const (
	// MaxShards is the maximum number of shards.
	MaxShards = 1000
	// maxSize limits the size of a step, in bytes, so that a wrong report of the release before does no harm.
	maxSize = 1 << 45
)

// ParseShard parses a shard in the format of Shard.String.
func ParseShard(text string) (Shard, error) {
	number, of, _ := strings.Cut(text, "/")
	n, err1 := strconv.Atoi(number)
	all, err2 := strconv.Atoi(of)
	if err1 != nil || err2 != nil || n < 1 || n > all || all > MaxShards {
		return Shard{}, usage.Errorf("shard %q: want NUMBER/OF, such as 2/5, of at most %d", text, MaxShards)
	}
	return Shard{Number: n, Of: all}, nil
}

// String formats a shard as NUMBER/OF.
func (s Shard) String() string { return strconv.Itoa(s.Number) + "/" + strconv.Itoa(s.Of) }

// usualSizes are the sizes of steps without an earlier release, in bytes. That of an archive is for each image.
var usualSizes = map[string]int64{"binary": 30e6, "image": 100e6, "archive": 50e6, "bundle": 30e6}

// A unit is a number of steps that are made of one another.
type unit struct {
	steps []targetStep
	size  int64
}

// ShardSteps are the steps of a shard, for a job of CI.
type ShardSteps struct {
	Shard     string   `json:"shard"`
	Platforms []string `json:"platforms"`
	// Steps are the targets of its steps: NAME@PLATFORM.
	Steps []string `json:"steps"`
	// Size is the size of what it makes, in bytes: an estimate, by which steps are divided.
	Size int64 `json:"size"`
}

// Shards divides the release into shards, for build and package together. Some are empty if there are more shards than
// steps that can be made alone.
func (p *Plan) Shards(of int, sizes map[StepName]int64) []ShardSteps {
	shards := make([]ShardSteps, of)
	for i := range shards {
		shards[i] = ShardSteps{Shard: Shard{Number: i + 1, Of: of}.String(), Platforms: []string{}, Steps: []string{}}
	}
	for i, u := range p.divide(Shard{Of: of, Sizes: sizes}) {
		for _, unit := range u {
			shards[i].Size += unit.size
			for _, step := range unit.steps {
				shards[i].Steps = append(shards[i].Steps, Target{step.name, step.platform}.String())
				shards[i].Platforms = append(shards[i].Platforms, images.FormatPlatform(step.platform))
			}
		}
	}
	for i := range shards {
		slices.Sort(shards[i].Steps)
		slices.Sort(shards[i].Platforms)
		shards[i].Steps, shards[i].Platforms = slices.Compact(shards[i].Steps), slices.Compact(shards[i].Platforms)
	}
	return shards
}

// packagedWith are the parts of package that also make the images and binaries that are in no artifact, since verify and
// publish need all.
var packagedWith = map[string]string{"images": "airgap", "binaries": "bundles"}

// ofShard returns the steps of a selection that its shard makes.
func (p *Plan) ofShard(s Selection) []targetStep {
	var chosen []targetStep
	for _, u := range p.divide(s.Shard)[s.Shard.Number-1] {
		for _, step := range u.steps {
			with := s.Verb == "package" && step.verb == "build" && slices.Contains(s.Parts, packagedWith[step.part])
			if with && step.part == "binaries" && p.Binaries[step.index].Artifact != "" {
				continue // the step of package makes it
			}
			if with || step.isOf(s) {
				chosen = append(chosen, step)
			}
		}
	}
	slices.SortFunc(chosen, func(a, b targetStep) int { return cmp.Or(cmp.Compare(a.part, b.part), a.index-b.index) })
	return chosen
}

// units returns the steps of build and package, and joins those that are made of one another: an image and the archives
// and bundles with it or in it, a binary and its released file, and a binary that is not released and an image or bundle
// that may have it. They are sorted by platform and name.
func (p *Plan) units(sizes map[StepName]int64) []unit {
	steps := p.steps()
	made := map[string]int{} // the step that makes a file or a Ref
	sets := newSets(len(steps))
	for i, step := range steps {
		product, _ := p.product(step)
		if other, ok := made[product]; ok {
			sets.join(i, other)
		}
		made[product] = i
	}
	for i, step := range steps {
		for _, need := range p.joinedTo(step) {
			if other, ok := made[need]; ok {
				sets.join(i, other)
			}
		}
	}
	var units []unit
	places := map[int]int{}
	for i, step := range steps {
		place, ok := places[sets.of(i)]
		if !ok {
			place = len(units)
			places[sets.of(i)] = place
			units = append(units, unit{})
		}
		units[place].steps = append(units[place].steps, step)
		units[place].size += p.sizeOf(step, sizes)
	}
	for _, u := range units {
		slices.SortFunc(u.steps, compareSteps)
	}
	slices.SortFunc(units, func(a, b unit) int { return compareSteps(a.steps[0], b.steps[0]) })
	return units
}

// product returns the file or the Ref that a step makes, and its kind.
func (p *Plan) product(s targetStep) (product, kind string) {
	switch {
	case s.part == "images":
		return p.Images[s.index].Ref, "image"
	case s.part == "airgap":
		return p.Archives[s.index].Outputs[0], "archive"
	case s.index < len(p.Binaries):
		return p.Binaries[s.index].Output, "binary"
	default:
		return p.Bundles[s.index-len(p.Binaries)].Outputs[0], "bundle"
	}
}

// joinedTo returns the files and Refs of other steps that are in the same unit as a step. The binaries in images and
// bundles do not join them: each shard compiles those that it needs.
func (p *Plan) joinedTo(s targetStep) (needs []string) {
	switch s.part {
	case "binaries":
		if b := p.Binaries[s.index]; b.Artifact == "" {
			return p.userOf(b)
		}
	case "airgap":
		for _, image := range p.Archives[s.index].Images {
			if image.Own != "" {
				needs = append(needs, image.Own)
			}
		}
	case "images":
		step := p.Images[s.index]
		if len(step.Needs.Lists)+len(step.Needs.Bundles) == 0 {
			return nil
		}
		for _, a := range p.ArchivesFor(step) {
			needs = append(needs, a.Outputs[0])
		}
		for _, b := range p.BundlesFor(step) {
			needs = append(needs, b.Outputs[0])
		}
	}
	return needs
}

// userOf returns the first image or bundle that may have a binary, if there is one.
func (p *Plan) userOf(b BinaryStep) []string {
	for _, m := range p.Images {
		if samePorts(m.Platform.Platform, b.Platform.Platform) {
			return []string{m.Ref}
		}
	}
	for _, u := range p.Bundles {
		if samePorts(u.Platform.Platform, b.Platform.Platform) {
			return []string{u.Outputs[0]}
		}
	}
	return nil
}

// sizeOf returns the size of what a step makes, in bytes. A binary that is released counts once.
func (p *Plan) sizeOf(s targetStep, sizes map[StepName]int64) int64 {
	_, kind := p.product(s)
	if kind == "binary" && s.verb == "package" {
		return 0
	}
	if size := sizes[StepName{kind, s.name, images.FormatPlatform(s.platform)}]; size > 0 {
		return min(size, maxSize)
	}
	size := usualSizes[kind]
	if kind == "archive" {
		size *= int64(max(len(p.Archives[s.index].Images), 1))
	}
	return size
}

func compareSteps(a, b targetStep) int {
	return cmp.Or(images.ComparePlatforms(a.platform, b.platform), cmp.Compare(a.name, b.name),
		cmp.Compare(a.verb, b.verb), cmp.Compare(a.part, b.part), a.index-b.index)
}

// sets are disjoint sets of numbers. Each number refers to another one of its set, and the first one to itself.
type sets []int

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s sets) of(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

func (s sets) join(i, j int) { s[s.of(i)] = s.of(j) }

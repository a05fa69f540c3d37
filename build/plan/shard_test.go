package plan

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images"
)

// stepsOfShard returns the steps that a shard makes, besides those that they need.
func stepsOfShard(t *testing.T, p *Plan, verb string, shard Shard) (*Plan, []string) {
	t.Helper()
	s, err := Select(verb, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Shard = shard
	narrowed, _, named, err := p.Narrow(s)
	if err != nil {
		t.Fatal(err)
	}
	return narrowed, stepsOf(narrowed, verb, named)
}

func distribution(t *testing.T) *Plan {
	t.Helper()
	p, err := New(project(t, "distribution", released), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// However many shards there are, each image, archive, bundle and released file is in one, and each binary in one that
// builds it by its name.
func TestShardsAreTogetherTheRelease(t *testing.T) {
	p := distribution(t)
	for of := 1; of <= 12; of++ {
		for _, verb := range []string{"build", "package"} {
			_, want := stepsOfShard(t, p, verb, Shard{Number: 1, Of: 1})
			made := map[string]int{}
			for n := 1; n <= of; n++ {
				_, steps := stepsOfShard(t, p, verb, Shard{Number: n, Of: of})
				for _, step := range steps {
					made[step]++
				}
			}
			slices.Sort(want)
			if diff := cmp.Diff(slices.Compact(want), slices.Sorted(maps.Keys(made))); diff != "" {
				t.Errorf("%s in %d shards (-want +got):\n%s", verb, of, diff)
			}
			for step, n := range made {
				if n > 1 && !strings.Contains(step, "/") { // not a binary, which images of two shards may have
					t.Errorf("%s in %d shards: %s is in %d", verb, of, step, n)
				}
			}
		}
	}
}

// A shard has the own images of its archives, and its platforms are neighbours.
func TestShardsHaveFewPlatforms(t *testing.T) {
	p := distribution(t)
	for n := 1; n <= 3; n++ {
		narrowed, _ := stepsOfShard(t, p, "package", Shard{Number: n, Of: 3})
		for _, a := range narrowed.Archives {
			for _, image := range a.Images {
				if _, ok := narrowed.Image(image.Own); image.Own != "" && !ok {
					t.Errorf("shard %d has the archive %s without its image %s", n, a.Outputs[0], image.Own)
				}
			}
		}
	}
	var got []string
	for _, s := range p.Shards(3, nil) {
		got = append(got, s.Shard+" "+strings.Join(s.Platforms, " "))
	}
	want := []string{"1/3 linux/amd64", "2/3 linux/amd64 linux/arm64", "3/3 linux/arm64 windows/amd64 windows/amd64:10.0.17763.7919 windows/amd64:10.0.20348.4294 windows/amd64:10.0.26100.4294"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Sizes of the release before divide the steps, and new steps have the usual size.
func TestSizesDivideShards(t *testing.T) {
	p := distribution(t)
	sizes := map[StepName]int64{}
	for _, a := range p.Archives {
		sizes[StepName{"archive", a.List, images.FormatPlatform(a.Platform.Platform)}] = 1
	}
	for _, m := range p.Images {
		sizes[StepName{"image", m.Image, images.FormatPlatform(m.Platform.Platform)}] = 1
	}
	sizes[StepName{"archive", "canal", "linux/amd64"}] = 100e9
	sizes[StepName{"archive", "core", "linux/arm64"}] = math.MaxInt64 // a wrong report
	if shards := p.Shards(3, sizes); len(shards) != 3 {
		t.Errorf("%+v", shards)
	}
	delete(sizes, StepName{"archive", "core", "linux/arm64"})
	shards := p.Shards(2, sizes)
	if got := fmt.Sprint(shards[0].Size >= 100e9, slices.Contains(shards[0].Steps, "canal@linux/amd64"), shards[1].Size < 1e9, len(shards[1].Steps) > 5); got != "true true true true" {
		t.Errorf("%s: %+v", got, shards)
	}
}

// More shards than steps leave some empty, which make nothing.
func TestEmptyShards(t *testing.T) {
	p := distribution(t)
	empty := 0
	for i, s := range p.Shards(100, nil) {
		if len(s.Steps) > 0 {
			continue
		}
		empty++
		narrowed, steps := stepsOfShard(t, p, "package", Shard{Number: i + 1, Of: 100})
		if len(steps)+len(narrowed.Binaries)+len(narrowed.Indexes)+len(narrowed.Checksums) > 0 {
			t.Errorf("shard %d: %v", i+1, steps)
		}
	}
	if empty == 0 {
		t.Error("no shard is empty")
	}
}

func TestParseShard(t *testing.T) {
	if s, err := ParseShard("2/5"); err != nil || s.Number != 2 || s.Of != 5 || s.String() != "2/5" {
		t.Errorf("%v, %v", s, err)
	}
	for _, text := range []string{"", "2", "0/5", "6/5", "2/x", "-1/5", "2/5/6", "1/0", "1/1001"} {
		if s, err := ParseShard(text); err == nil {
			t.Errorf("%q: %v", text, s)
		}
	}
}

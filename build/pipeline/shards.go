package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/usage"
)

// runners are the runners of the services by platform. All other platforms have the runner of anyPlatform, since Slipway
// compiles and builds for every platform on each. The scripts of jobs need bash, which GitLab's runners for Windows do
// not have.
var runners = map[string]map[string]string{
	"github": {anyPlatform: "ubuntu-24.04", "linux/arm64": "ubuntu-24.04-arm", "windows/amd64": "windows-2022", "windows/arm64": "windows-11-arm"},
	"gitlab": {anyPlatform: "saas-linux-small-amd64", "linux/arm64": "saas-linux-small-arm64"},
	"argo":   {anyPlatform: "amd64", "linux/arm64": "arm64"},
}

const anyPlatform = "linux/amd64"

// runner returns the labels of the runner of a platform.
func (o Options) runner(platform string) string {
	return cmp.Or(o.Runners[platform], runners[o.Service][platform], o.Runners[anyPlatform], runners[o.Service][anyPlatform])
}

// A shard is a job that packages a part of the release.
type shard struct {
	Name      string // such as linux-arm64, linux-arm64-2 or linux-amd64-and-1-more
	Runner    string // the labels, with commas
	Platforms string // of its group, with commas
	Shard     string // the part of what the platforms have, such as 2/3
}

// A group are the platforms with the same runner.
type group struct {
	runner    string
	platforms []v1.Platform
	plan      *plan.Plan
	size      int64 // of what it makes, an estimate
	parts     int   // that can be made alone
	shards    int
}

// Labels returns the labels of the runner.
func (s shard) Labels() []string { return strings.Split(s.Runner, ",") }

// newShards divides the release into the jobs of a pipeline.
func newShards(c *config.Config, o Options) ([]shard, error) {
	groups, err := newGroups(c, o)
	if err != nil {
		return nil, err
	}
	if err := distribute(groups, o.Shards); err != nil {
		return nil, err
	}
	var shards []shard
	for _, g := range groups {
		name, others := images.PlatformSlug(g.platforms[0]), len(g.platforms)-1
		if others > 0 {
			name += fmt.Sprintf("-and-%d-more", others)
		}
		var platforms []string
		for _, p := range g.platforms {
			platforms = append(platforms, images.FormatPlatform(p))
		}
		for i, part := range g.plan.Shards(g.shards, nil) {
			if len(part.Steps) == 0 {
				continue // parts of different sizes may leave a shard empty
			}
			job := name
			if g.shards > 1 {
				job += "-" + strconv.Itoa(i+1)
			}
			shards = append(shards, shard{Name: job, Runner: g.runner, Platforms: strings.Join(platforms, ","), Shard: part.Shard})
		}
	}
	return shards, nil
}

// newGroups returns the groups of the platforms for which the release has steps, in the order of slipway.yaml.
func newGroups(c *config.Config, o Options) ([]*group, error) {
	var groups []*group
	for _, platform := range c.Platforms {
		runner := o.runner(images.FormatPlatform(platform))
		i := slices.IndexFunc(groups, func(g *group) bool { return g.runner == runner })
		if i < 0 {
			i, groups = len(groups), append(groups, &group{runner: runner})
		}
		groups[i].platforms = append(groups[i].platforms, platform)
	}
	for _, g := range groups {
		var err error
		if g.plan, err = plan.New(c, plan.Filter{Platforms: g.platforms}); err != nil {
			return nil, err
		}
		for _, part := range g.plan.Shards(plan.MaxShards, nil) { // more than there are parts, for nearly all releases
			if len(part.Steps) > 0 {
				g.parts++
				g.size += part.Size
			}
		}
	}
	return slices.DeleteFunc(groups, func(g *group) bool { return g.parts == 0 }), nil
}

// distribute gives each group a number of shards: one, and of the others one at a time to the group whose shards are the
// largest. A group has no more shards than parts.
func distribute(groups []*group, number int) error {
	if number == 0 {
		number = len(groups)
	}
	if number < len(groups) {
		return usage.Errorf("--shards %d: the platforms need %d kinds of runners, and each makes a shard: want at least %d, or the same runner for several (--runner)",
			number, len(groups), len(groups))
	}
	for _, g := range groups {
		g.shards = 1
	}
	for range number - len(groups) {
		var largest *group
		for _, g := range groups {
			if g.shards < g.parts && (largest == nil || g.size/int64(g.shards) > largest.size/int64(largest.shards)) {
				largest = g
			}
		}
		if largest == nil {
			return nil
		}
		largest.shards++
	}
	return nil
}

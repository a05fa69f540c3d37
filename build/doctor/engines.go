package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/mod/semver"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine"
)

// engines looks at the engines that build images: whether they answer, run programs of the platforms, and are new enough
// for the Dockerfiles.
func (x *examination) engines(ctx context.Context) error {
	bench, err := x.Workbench()
	if err != nil {
		return err
	}
	type place struct {
		builder images.BuilderKind
		address string
	}
	known := map[place]map[string]*engine.Answer{} // nil for an engine that does not answer
	for _, step := range x.Plan.Images {
		for _, address := range x.addresses(step) {
			at := place{step.Builder, address}
			answers, asked := known[at]
			if !asked {
				if answers, err = bench.ExamineEngines(ctx, step.Builder, address); err != nil {
					x.find(Error, x.positionOfImage(step), err.Error(), "")
					answers = nil
				}
				known[at] = answers
			}
			for _, a := range slices.Sorted(maps.Keys(answers)) {
				x.engine(step, a, answers[a])
			}
		}
	}
	return nil
}

// engine compares an engine with what an image needs.
func (x *examination) engine(step plan.ImageStep, address string, answer *engine.Answer) {
	needs, err := x.needsOf(step)
	if err != nil {
		return // a hook may make the file, or the build reports it
	}
	name := strings.TrimSpace("BuildKit " + answer.Version)
	if answer.Docker != "" {
		name = "Docker Engine " + answer.Docker
	}
	if address != "" {
		name += " at " + address
	}
	if needs.Runs && !slices.ContainsFunc(answer.Platforms, func(p v1.Platform) bool {
		return p.OS == step.Platform.OS && p.Architecture == step.Platform.Architecture
	}) {
		x.find(Error, x.positionOfImage(step), fmt.Sprintf("%s does not run programs for %s, and image %s has RUN", name, step.Platform, step.Image),
			"install an emulator there (binfmt), or name a native engine under builders in slipway.yaml")
	}
	for _, d := range needs.Demands {
		version, want := answer.Version, d.Buildkit
		if version == "" {
			version, want = "v"+answer.Docker, d.Docker // invalid, and not compared, for a buildkitd
		}
		if semver.IsValid(version) && semver.Compare(version, want) < 0 {
			x.find(Error, fmt.Sprintf("%s:%d", x.BuildContext(step).Dockerfile, d.Line),
				fmt.Sprintf("for %s, BuildKit %s or Docker Engine %s is needed, and the engine is %s", d.Feature, d.Buildkit[1:], d.Docker[1:], name), "update the engine")
		}
	}
}

// caches looks at shared caches. A release without them is only slower.
func (x *examination) caches(ctx context.Context) error {
	for _, err := range x.CheckCaches(ctx) {
		x.find(Warning, "", "shared cache: "+err.Error(), "the release is made without it, and slower")
	}
	return nil
}

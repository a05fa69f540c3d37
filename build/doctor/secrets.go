package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/assemble/dockerfile"
)

// secrets compares the secrets that images mount with those that slipway.yaml passes and the environment has. An image
// that mounts a secret for some platforms only, or a hook that gets one for some only, may have lost it for the others.
func (x *examination) secrets(context.Context) error {
	mounted := map[string]map[string][]string{} // platforms by image and secret
	for _, step := range x.Plan.Images {
		if step.Builder == "" || step.Builder == images.EmbeddedBuilder {
			continue // it has no RUN
		}
		if err := x.CheckEngineOptions(step); err != nil {
			x.find(Error, x.positionOfImage(step), fmt.Sprintf("image %s for %s: %v", step.Image, step.Platform, err), "set the variable or write the file, or remove it from secrets")
		}
		if mounted[step.Image] == nil {
			mounted[step.Image] = map[string][]string{}
		}
		needs, err := x.needsOf(step)
		if err != nil {
			continue // a hook may make the file, or the build reports it
		}
		for _, m := range needs.Secrets {
			mounted[step.Image][m.ID] = append(mounted[step.Image][m.ID], step.Platform.String())
			x.mount(step, m)
		}
	}
	x.someOnly(mounted)
	return nil
}

// needsOf returns what the Dockerfile of an image needs of its surroundings.
func (x *examination) needsOf(step plan.ImageStep) (*dockerfile.Needs, error) {
	graph, err := assemble.New(assemble.Options{}).Graph(x.BuildContext(step))
	if err != nil {
		return nil, err
	}
	return graph.Needs()
}

// mount compares a mounted secret with those of the image.
func (x *examination) mount(step plan.ImageStep, m dockerfile.SecretMount) {
	if slices.ContainsFunc(step.Secrets, func(text string) bool { return secretID(text) == m.ID }) {
		return
	}
	severity, then := Warning, "the command runs without it"
	if m.Required {
		severity, then = Error, "the command needs it (required)"
	}
	x.find(severity, fmt.Sprintf("%s:%d", x.BuildContext(step).Dockerfile, m.Line),
		fmt.Sprintf("the secret %s is mounted for %s, and image %s does not pass it: %s", m.ID, step.Platform, step.Image, then),
		fmt.Sprintf("add id=%s,env=VARIABLE to secrets of the image in slipway.yaml", m.ID))
}

// secretID returns the ID of a secret of an image: id=NAME,….
func secretID(text string) string {
	for field := range strings.SplitSeq(text, ",") {
		if key, value, _ := strings.Cut(field, "="); key == "id" {
			return value
		}
	}
	return ""
}

// someOnly warns about secrets that an image mounts for some of its platforms only.
func (x *examination) someOnly(mounted map[string]map[string][]string) {
	for _, image := range x.Config.Images {
		for _, text := range image.Secrets {
			id, with := secretID(text), mounted[image.Name][secretID(text)]
			var without []string
			for _, step := range x.Plan.Images {
				if step.Image == image.Name && !slices.Contains(with, step.Platform.String()) {
					without = append(without, step.Platform.String())
				}
			}
			if len(with) == 0 || len(without) == 0 {
				continue
			}
			x.find(Warning, image.Position.String(),
				fmt.Sprintf("image %s mounts the secret %s for %s, but not for %s", image.Name, id, strings.Join(with, ", "), strings.Join(without, ", ")),
				"mount it in the Dockerfile of each platform, unless the difference is intended")
		}
	}
}

package plan

import (
	"maps"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
)

// A TagStep publishes an index under an additional tag.
type TagStep struct {
	Ref string `json:"ref"`
	// Moves is never, forward, newest or always; see config.Tag.
	Moves string `json:"moves"`
	// Skipped is the reason why this version does not get the tag, or empty.
	Skipped string `json:"skipped,omitempty"`
}

// VersionAnnotation is the annotation with the version of an index (image-spec, "Pre-Defined Annotation Keys"). Labels
// of images are no substitute, since images inherit the labels of their bases.
const VersionAnnotation = "org.opencontainers.image.version"

func (p *planner) tags(image config.Image) []TagStep {
	var steps []TagStep
	for _, t := range image.Tags {
		steps = append(steps, TagStep{Ref: p.base(image.Name) + ":" + t.Tag, Moves: t.Moves, Skipped: t.Skipped})
	}
	return steps
}

// versioned returns the annotations of an image's index. An index with tags that move contains its version, so that a
// later release can determine whether it is newer. Docker's manifest lists have no annotations.
func (p *planner) versioned(image config.Image) map[string]string {
	moves := false
	for _, t := range image.Tags {
		moves = moves || t.Moves == config.MovesForward || t.Moves == config.MovesNewest
	}
	if !moves || image.Format.MediaTypes == images.DockerMediaTypes || image.Annotations[VersionAnnotation] != "" {
		return image.Annotations
	}
	annotations := map[string]string{VersionAnnotation: p.config.Release.Version}
	maps.Copy(annotations, image.Annotations)
	return annotations
}

// withoutTags returns indexes without the tags that publish adds, as build and package make them.
func withoutTags(indexes []IndexStep) []IndexStep {
	out := make([]IndexStep, len(indexes))
	for i, step := range indexes {
		out[i], out[i].Tags = step, nil
	}
	return out
}

// text describes when a version replaces another one under the tag.
func (t TagStep) text() string {
	switch {
	case t.Skipped != "":
		return "not published: " + t.Skipped
	case t.Moves == config.MovesForward, t.Moves == config.MovesNewest:
		return "if no newer version has it"
	case t.Moves == config.MovesAlways:
		return "always"
	}
	return "never moves"
}

package plan

import (
	"maps"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
)

// A TagStep publishes an index under one more tag.
type TagStep struct {
	Ref string `json:"ref"`
	// Moves is never, forward, newest or always; see config.Tag.
	Moves string `json:"moves"`
	// Skipped says why this version does not get the tag, or is empty.
	Skipped string `json:"skipped,omitempty"`
}

// VersionAnnotation is the annotation of an index that says which version it is (image-spec, "Pre-Defined Annotation
// Keys"). Labels of images do not say that, since images inherit those of their bases.
const VersionAnnotation = "org.opencontainers.image.version"

func (p *planner) tags(image config.Image) []TagStep {
	var steps []TagStep
	for _, t := range image.Tags {
		steps = append(steps, TagStep{Ref: p.base(image.Name) + ":" + t.Tag, Moves: t.Moves, Skipped: t.Skipped})
	}
	return steps
}

// versioned returns the annotations of an image's index. One with tags that move states its version, so that a later
// release learns whether it is newer. Docker's manifest lists have no annotations.
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

// withoutTags returns indexes as build and package make them, without the tags that publish adds.
func withoutTags(indexes []IndexStep) []IndexStep {
	out := make([]IndexStep, len(indexes))
	for i, step := range indexes {
		out[i], out[i].Tags = step, nil
	}
	return out
}

// text says when a version replaces another one under the tag.
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

package assemble

import (
	"maps"
	"slices"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/slipway-build/slipway/images/fstree"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/slipway-build/slipway/images/layer"
)

// A state is the result of the instructions of a stage so far. A stage that is FROM
// another stage begins with a copy of that stage's state.
type state struct {
	platform v1.Platform
	image    dockerspec.DockerOCIImage
	// env holds the variables that instructions expand.
	env *dockerfile.Env
	// dir is the working folder, with slashes. Relative destinations start from it.
	dir string
	// declared are the ARGs so far.
	declared []instructions.KeyValuePairOptional
	// origin is the base image at the bottom; nil for scratch and folders.
	origin     v1.Image
	originName string
	// originHistory is the number of history entries that come from origin.
	originHistory int
	// steps are the layers on top of those of origin.
	steps []*step
	// form is the form of these layers, valid once tree is set.
	form layer.Form
	tree *fstree.Tree // nil until files are needed; see fs

	workdirSet bool
	// cmd, entrypoint and healthcheck are the locations of the last such instruction in
	// this stage.
	cmd, entrypoint, healthcheck []parser.Range
}

// A step is the layer that an instruction creates.
type step struct {
	title   string
	changes []fstree.Change
	form    layer.Form
}

// historyComment is the comment that BuildKit writes into the history.
const historyComment = "buildkit.dockerfile.v0"

// inherit makes s a copy of base, without base's triggers.
func (s *state) inherit(base *state) {
	s.platform = base.platform
	s.image = cloneImage(base.image)
	s.image.Config.OnBuild = nil
	s.env = base.env.Clone()
	s.dir = base.dir
	s.declared = slices.Clone(base.declared)
	s.origin, s.originName, s.originHistory = base.origin, base.originName, base.originHistory
	s.steps = slices.Clone(base.steps)
	s.form = base.form
	s.workdirSet = base.workdirSet
}

// record adds an instruction to the history.
func (s *state) record(createdBy string, hasLayer bool) {
	s.image.History = append(s.image.History, ocispec.History{
		CreatedBy: createdBy, Comment: historyComment, EmptyLayer: !hasLayer,
	})
}

// commit turns the changes of an instruction into a layer with this title. If mark is
// set, it appends BuildKit's mark to the title in the history.
func (s *state) commit(title string, mark bool) error {
	changes, err := s.tree.TakeChanges()
	if err != nil {
		return err
	}
	s.steps = append(s.steps, &step{title: title, changes: changes, form: s.form})
	if mark {
		title += " # buildkit"
	}
	s.record(title, true)
	return nil
}

// fillHistory makes the history of origin have exactly one entry per layer, because
// readers pair them.
func (s *state) fillHistory() error {
	manifest, err := s.origin.Manifest()
	if err != nil {
		return err
	}
	have, want := 0, len(manifest.Layers)
	for i := range s.image.History {
		if s.image.History[i].EmptyLayer {
			continue
		}
		if have++; have > want {
			s.image.History[i].EmptyLayer = true
		}
	}
	for ; have < want; have++ {
		s.image.History = append(s.image.History, ocispec.History{Comment: "a layer of " + s.originName + " without history"})
	}
	s.originHistory = len(s.image.History)
	return nil
}

func cloneImage(img dockerspec.DockerOCIImage) dockerspec.DockerOCIImage {
	c := &img.Config
	c.Env = slices.Clone(c.Env)
	c.Cmd = slices.Clone(c.Cmd)
	c.Entrypoint = slices.Clone(c.Entrypoint)
	c.OnBuild = slices.Clone(c.OnBuild)
	c.ExposedPorts = maps.Clone(c.ExposedPorts)
	c.Volumes = maps.Clone(c.Volumes)
	c.Labels = maps.Clone(c.Labels)
	c.Shell = slices.Clone(c.Shell)
	if c.Healthcheck != nil {
		health := *c.Healthcheck
		health.Test = slices.Clone(health.Test)
		c.Healthcheck = &health
	}
	img.History = slices.Clone(img.History)
	img.OSFeatures = slices.Clone(img.OSFeatures)
	return img
}

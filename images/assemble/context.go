package assemble

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/slipway-build/slipway/images/fstree"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/images/layer"
)

// A localContext is a folder that COPY reads from.
type localContext struct {
	root    *fstree.Node
	ignored *buildfile.Ignored
}

// localContext opens the folder dir, once. dockerfile is the path of the Dockerfile,
// whose own ignore file applies; it is empty for a named context.
func (asm *assembly) localContext(dir, dockerfile string) (*localContext, error) {
	key := filepath.Clean(dir)
	if dockerfile != "" {
		key += "\x00" + dockerfile
	}
	if c := asm.contexts[key]; c != nil {
		return c, nil
	}
	ignored, err := buildfile.ReadIgnored(dir, dockerfile, asm.task.Warn)
	if err != nil {
		return nil, err
	}
	matcher, err := ignored.Matcher()
	if err != nil {
		return nil, err
	}
	root, err := fstree.OpenFolder(dir, matcher, asm.build.Modes)
	if err != nil {
		return nil, err
	}
	asm.contexts[key] = &localContext{root, ignored}
	return asm.contexts[key], nil
}

// namedFolder opens a named context that is a folder, and returns its root.
func (asm *assembly) namedFolder(c *dockerfile.Context) (*fstree.Node, error) {
	local, err := asm.localContext(c.Dir, "")
	if err != nil {
		return nil, fmt.Errorf("opening build context %s: %w", c.Name, err)
	}
	return local.root, nil
}

// resolveBase finds the base of s, which must not be a stage, and reads its config.
func (asm *assembly) resolveBase(ctx context.Context, s *stage) error {
	s.state.platform = s.PlatformOr(asm.build.Platform)
	ref := s.BaseName
	if s.Context != nil {
		if s.Context.Dir != "" {
			if info, err := os.Stat(s.Context.Dir); err != nil {
				return fmt.Errorf("opening build context %s: %w", s.Context.Name, err)
			} else if !info.IsDir() {
				return fmt.Errorf("opening build context %s: %s is not a directory", s.Context.Name, s.Context.Dir)
			}
			if !s.Replaced {
				s.image = emptyImage(s.state.platform)
			}
			return nil
		}
		ref = s.Context.Ref
	}
	if ref == dockerfile.Scratch {
		s.state.platform = asm.build.Platform
		s.image = emptyImage(s.state.platform)
		return nil
	}
	if asm.sources == nil {
		return fmt.Errorf("image %s is needed, and there is nowhere to get images from", ref)
	}
	if !strings.Contains(ref, "://") {
		if _, err := images.ParseReference(ref); err != nil {
			return fmt.Errorf("%w%s", err, dockerfile.Suggest(ref, asm.graph.StageNames()))
		}
	}
	img, err := asm.sources.Image(ctx, ref, s.state.platform)
	if err != nil {
		return fmt.Errorf("%w%s%s", err, buildfile.NoSuchName(ref), dockerfile.Suggest(ref, asm.graph.StageNames()))
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return fmt.Errorf("reading the config of image %s: %w", ref, err)
	}
	if err := json.Unmarshal(raw, &s.image); err != nil {
		return fmt.Errorf("reading the config of image %s: %w", ref, err)
	}
	s.image.Created = nil
	s.origin = img
	s.originName = ref
	s.originHistory = len(s.image.History)
	return s.fillHistory()
}

// checkPlatform warns if the base is for another platform than the requested one. This
// is one of BuildKit's build checks. BuildKit does not check named contexts.
func (asm *assembly) checkPlatform(s *stage) {
	if s.origin == nil || s.image.OS == "" {
		return
	}
	have := v1.Platform{OS: s.image.OS, Architecture: s.image.Architecture, Variant: s.image.Variant}
	want := s.state.platform
	if have.OS == want.OS && have.Architecture == want.Architecture {
		return
	}
	want.OSVersion, want.OSFeatures = "", nil
	message := linter.RuleInvalidBaseImagePlatform.Format(s.originName, images.FormatPlatform(want), images.FormatPlatform(have))
	if s.Context != nil {
		asm.task.Warn(dockerfile.FirstLine(asm.graph.At(s.Location, errors.New(message))))
		return
	}
	asm.graph.Lint.For(s.Comments).Run(&linter.RuleInvalidBaseImagePlatform, s.Location, message)
}

// emptyImage returns the config of FROM scratch. On Windows it has no PATH, because the
// system sets one.
func emptyImage(p v1.Platform) dockerspec.DockerOCIImage {
	var img dockerspec.DockerOCIImage
	img.OS, img.Architecture, img.Variant = p.OS, p.Architecture, p.Variant
	img.OSVersion, img.OSFeatures = p.OSVersion, slices.Clone(p.OSFeatures)
	img.RootFS.Type = "layers"
	img.Config.WorkingDir = "/"
	if p.OS != "windows" {
		img.Config.Env = []string{"PATH=" + defaultPath}
	}
	return img
}

// defaultPath is the PATH that BuildKit sets if an image has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// source returns the root that COPY --from=s reads. The caller must not change it.
func (asm *assembly) source(ctx context.Context, s *stage) (*fstree.Node, error) {
	if s.Context != nil && s.Context.Dir != "" && s.tree == nil {
		return asm.namedFolder(s.Context)
	}
	t, err := asm.fs(ctx, s)
	if err != nil {
		return nil, err
	}
	return t.Root, nil
}

// fs returns the current file system of s. The first call builds it, so that a
// Dockerfile that copies nothing does not read the layers of its base.
func (asm *assembly) fs(ctx context.Context, s *stage) (*fstree.Tree, error) {
	if s.tree != nil {
		return s.tree, nil
	}
	root := fstree.NewFolder()
	switch {
	case s.Base != nil:
		below := asm.stage(s.Base)
		base, err := asm.fs(ctx, below)
		if err != nil {
			return nil, err
		}
		root, s.form = base.Root.Clone(), below.form
	case s.origin != nil:
		var err error
		if root, s.form, err = asm.rootFS(ctx, s); err != nil {
			return nil, fmt.Errorf("reading image %s: %w", s.originName, err)
		}
	case s.Context != nil && s.Context.Dir != "":
		return nil, fmt.Errorf("build context %s is a folder, which has no layers yet", s.Context.Name)
	}
	s.tree = fstree.New(root)
	return s.tree, nil
}

// rootFS returns the root of the base image of s, and the form that the layers on top
// of it must have.
func (asm *assembly) rootFS(ctx context.Context, s *stage) (*fstree.Node, layer.Form, error) {
	layers, err := s.origin.Layers()
	if err != nil {
		return nil, layer.Plain, err
	}
	if have := len(s.image.RootFS.DiffIDs); len(layers) != have {
		return nil, layer.Plain, fmt.Errorf("it has %d layers and %d diff IDs", len(layers), have)
	}
	// A config without an operating system is taken to be for the requested one.
	os := s.image.OS
	if os == "" {
		os = s.state.platform.OS
	}
	form := layer.Plain
	all := fstree.NewStack()
	for i, l := range layers {
		ar := &fstree.Archive{
			ID:   "layer " + string(s.image.RootFS.DiffIDs[i]),
			Open: func(context.Context) (io.ReadCloser, error) { return l.Uncompressed() },
		}
		headers, err := asm.indexer.Headers(ctx, ar)
		if err != nil {
			return nil, form, fmt.Errorf("layer %d (%s): %w", i+1, s.image.RootFS.DiffIDs[i], err)
		}
		own := layer.Plain
		if os == "windows" {
			own = fstree.FormOf(headers)
			form = max(form, own)
		}
		if err := all.Add(ar, headers, own); err != nil {
			return nil, form, err
		}
	}
	return all.Root, form, nil
}

// asBase turns the folder that replaces s or its base, if there is one, into a layer.
// Call it before building anything on s.
func (asm *assembly) asBase(s *stage) error {
	if s.Context == nil || s.Context.Dir == "" || s.tree != nil {
		return nil
	}
	root, err := asm.namedFolder(s.Context)
	if err != nil {
		return err
	}
	t := fstree.New(fstree.NewFolder())
	c := &fstree.Copier{Tree: t, ContentsOnly: true}
	if err := c.Copy(root, "/", "/"); err != nil {
		return fmt.Errorf("build context %s: %w", s.Context.Name, err)
	}
	s.tree = t
	return s.commit("FROM "+s.Context.Name, true)
}

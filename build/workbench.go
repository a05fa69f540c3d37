package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/images/store"
)

// A Workbench is what images are made with, with or without a project: the
// content cache, registries, and the builders. It implements images.Source.
type Workbench struct {
	settings Settings
	cache    *store.Store
	registry *registry.Client
	builders memo[images.Assembler]
}

// OpenWorkbench opens the content cache of the settings.
func OpenWorkbench(s Settings) (*Workbench, error) { return openWorkbench(s, nil) }

// openWorkbench is OpenWorkbench for a project, whose own registry has the
// credentials of the settings.
func openWorkbench(s Settings, own []string) (*Workbench, error) {
	cache, err := store.Open(filepath.Join(s.Cache, "content"))
	if err != nil {
		return nil, fmt.Errorf("opening the content cache: %w", err)
	}
	if len(own) == 0 {
		own = []string{name.DefaultRegistry}
	}
	credentials := map[string]authn.AuthConfig{}
	if s.Username != "" {
		for _, host := range own {
			registry, err := name.NewRegistry(host)
			if err != nil {
				return nil, fmt.Errorf("registry %s: %w", host, err)
			}
			credentials[registry.RegistryStr()] = authn.AuthConfig{Username: s.Username, Password: s.Password}
		}
	}
	return &Workbench{settings: s, cache: cache, registry: registry.New(registry.Options{
		Store: cache, Jobs: max(s.Jobs, minTransfers), Offline: s.Offline, DockerConfig: s.DockerConfig,
		Credentials: credentials, UserAgent: "slipway",
	})}, nil
}

// minTransfers is how many transfers run at once even on a small machine: they
// wait for the network, not for a processor.
const minTransfers = 4

// assembler returns the builder of a name; address is that of a BuildKit of its
// own, if the platform has one.
func (w *Workbench) assembler(ctx context.Context, builder, address string) (images.Assembler, error) {
	if builder == "" {
		builder = "embedded"
	}
	return w.builders.do(ctx, builder+" "+address, func() (images.Assembler, error) {
		options := engine.Options{Address: address, Store: w.cache, Sources: w}
		switch builder {
		case "embedded":
			return assemble.New(assemble.Options{Layers: w.cache, Sources: w}), nil
		case "buildkit":
			if options.Address == "" {
				options.Address = w.settings.BuildkitHost
			}
			return engine.Buildkit(options), nil
		case "docker":
			options.Address = w.settings.DockerHost
			return engine.Docker(options), nil
		}
		return nil, usage(CheckBuilder(builder))
	})
}

// Image implements images.Source: ref is a registry reference, oci:DIR[:NAME], or
// oci-layout://DIR[:TAG|@DIGEST].
func (w *Workbench) Image(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	found, err := w.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	var image v1.Image
	if found.index != nil {
		image, err = images.ImageFor(found.index, platform)
	} else {
		image, err = images.ImageServes(found.image, platform)
	}
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	return image, nil
}

// A resolved is what a reference names: an image or an index.
type resolved struct {
	descriptor v1.Descriptor
	raw        []byte
	image      v1.Image
	index      v1.ImageIndex
}

// resolve finds what ref names, in a registry or a layout.
func (w *Workbench) resolve(ctx context.Context, ref string) (*resolved, error) {
	if dir, name, ok := cutLayout(ref); ok {
		return resolveLayout(dir, name)
	}
	parsed, err := images.ParseReference(strings.TrimPrefix(ref, "docker-image://"))
	if err != nil {
		return nil, usage(err)
	}
	m, err := w.registry.Resolve(ctx, parsed)
	if err != nil {
		return nil, err
	}
	out := &resolved{descriptor: m.Descriptor, raw: m.Raw}
	if m.Descriptor.MediaType.IsIndex() {
		out.index, err = m.Index()
	} else {
		out.image, err = m.Image()
	}
	return out, err
}

func resolveLayout(dir, name string) (*resolved, error) {
	layout, err := store.OpenLayout(dir)
	if err != nil {
		return nil, err
	}
	var d v1.Descriptor
	if digest, err := v1.NewHash(name); err == nil {
		d.Digest = digest
		entries, err := layout.Tags()
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Digest == digest {
				d = e
			}
		}
	} else if d, err = layout.Lookup(name); err != nil {
		return nil, err
	}
	out := &resolved{descriptor: d}
	if !d.MediaType.IsIndex() {
		out.image, err = layout.Image(d.Digest)
		if err != nil && d.MediaType == "" {
			out.index, err = layout.Index(d.Digest)
		}
	} else {
		out.index, err = layout.Index(d.Digest)
	}
	if err != nil {
		return nil, err
	}
	if out.index != nil {
		out.raw, err = out.index.RawManifest()
	} else {
		out.raw, err = out.image.RawManifest()
	}
	return out, err
}

// cutLayout reads oci:DIR[:NAME] and oci-layout://DIR[:TAG|@DIGEST].
func cutLayout(s string) (dir, name string, ok bool) {
	rest, ok := strings.CutPrefix(s, "oci-layout://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "oci:"); !ok {
			return "", "", false
		}
	}
	volume := ""
	if runtime.GOOS == "windows" && len(rest) > 1 && rest[1] == ':' {
		volume, rest = rest[:2], rest[2:]
	}
	// A digest has a colon of its own.
	if dir, digest, ok := strings.Cut(rest, "@"); ok && !strings.Contains(dir, ":") {
		return volume + dir, digest, true
	}
	dir, name, _ = strings.Cut(rest, ":")
	return volume + dir, name, true
}

// parseOutput reads a value of -o.
func parseOutput(s string) (kind, where, name string, err error) {
	if s == "push" {
		return "push", "", "", nil
	}
	if file, ok := strings.CutPrefix(s, "docker:"); ok && file != "" {
		return "docker", file, "", nil
	}
	if strings.HasPrefix(s, "oci:") {
		if dir, name, ok := cutLayout(s); ok && dir != "" {
			return "oci", dir, name, nil
		}
	}
	return "", "", "", usage(fmt.Errorf("output %q: want oci:DIR[:NAME], docker:FILE.tar[.zst|.gz] or push", s))
}

// parseTags reads references that name what is made: they have a tag.
func parseTags(texts []string) ([]name.Tag, error) {
	var (
		tags []name.Tag
		errs []error
	)
	for _, text := range texts {
		ref, err := images.ParseReference(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		tag, ok := ref.(name.Tag)
		if !ok {
			errs = append(errs, fmt.Errorf("%s names a digest, which only content can have; want a tag", text))
			continue
		}
		tags = append(tags, tag)
	}
	return tags, usage(errors.Join(errs...))
}

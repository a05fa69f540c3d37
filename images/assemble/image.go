package assemble

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	digest "github.com/opencontainers/go-digest"
	"github.com/slipway-build/slipway/images"
)

// image returns the image of the stage s.
func (asm *assembly) image(ctx context.Context, s *stage) (v1.Image, error) {
	if err := asm.asBase(s); err != nil {
		return nil, asm.graph.At(s.Location, err)
	}
	if err := asm.finish(s); err != nil {
		return nil, asm.graph.At(s.Location, err)
	}
	layers, diffIDs, err := asm.baseLayers(s)
	if err != nil {
		return nil, asm.graph.At(s.Location, err)
	}
	made, err := asm.makeLayers(ctx, s.steps)
	if err != nil {
		return nil, asm.graph.At(nil, err)
	}
	for _, l := range made {
		d, err := partial.Descriptor(l)
		if err != nil {
			return nil, err
		}
		d.MediaType = asm.build.Format.Layer(asm.build.Format.Compression.Algorithm)
		diffID, err := l.DiffID()
		if err != nil {
			return nil, err
		}
		diffIDs = append(diffIDs, digest.Digest(diffID.String()))
		layers = append(layers, images.DescribedLayer{Layer: l, Descriptor: *d})
	}
	s.image.RootFS.Type, s.image.RootFS.DiffIDs = "layers", diffIDs
	config, err := json.Marshal(s.image)
	if err != nil {
		return nil, err
	}
	return images.Compose(asm.build.Format, config, layers)
}

// baseLayers returns the layers of the base image of s, with media types of the build's
// format, and their diff IDs. The list of diff IDs is never nil, because it is encoded
// as JSON.
func (asm *assembly) baseLayers(s *stage) ([]images.DescribedLayer, []digest.Digest, error) {
	if s.origin == nil {
		return nil, []digest.Digest{}, nil
	}
	layers, err := s.origin.Layers()
	if err != nil {
		return nil, nil, fmt.Errorf("reading image %s: %w", s.originName, err)
	}
	manifest, err := s.origin.Manifest()
	if err != nil {
		return nil, nil, fmt.Errorf("reading image %s: %w", s.originName, err)
	}
	diffIDs := append([]digest.Digest{}, s.image.RootFS.DiffIDs...)
	if len(manifest.Layers) != len(layers) || len(manifest.Layers) != len(diffIDs) {
		return nil, nil, fmt.Errorf("image %s has %d layers and %d diff IDs; it is damaged", s.originName, len(manifest.Layers), len(diffIDs))
	}
	described := make([]images.DescribedLayer, len(layers))
	for i, l := range layers {
		d := manifest.Layers[i]
		if d.MediaType, err = asm.build.Format.LayerLike(d.MediaType); err != nil {
			return nil, nil, fmt.Errorf("image %s: %w", s.originName, err)
		}
		described[i] = images.DescribedLayer{Layer: l, Descriptor: d}
	}
	return described, diffIDs, nil
}

// finish completes the config of the target: platform, labels and times.
func (asm *assembly) finish(s *stage) error {
	config := &s.image
	target := asm.build.Platform
	same := config.OS == target.OS && config.Architecture == target.Architecture
	// The base determines which version of Windows the image is for.
	if s.origin == nil || !same || config.OSVersion == "" {
		if config.OSVersion = target.OSVersion; target.OS != "windows" {
			config.OSVersion = ""
		}
	}
	if target.OSFeatures != nil {
		config.OSFeatures = slices.Clone(target.OSFeatures)
	}
	config.OS, config.Architecture = target.OS, target.Architecture
	if target.Variant != "" || !same {
		config.Variant = target.Variant
	}
	config.Platform = platforms.Normalize(config.Platform)
	if config.OS == "windows" && config.OSVersion == "" {
		return fmt.Errorf("an image for Windows needs an os.version, such as %s:10.0.20348.4294: without one, every node considers it suitable", images.FormatPlatform(target))
	}
	if len(asm.build.Labels) > 0 && config.Config.Labels == nil {
		config.Config.Labels = map[string]string{}
	}
	maps.Copy(config.Config.Labels, asm.build.Labels)
	for i := range config.History {
		// The history entries of a base keep their times.
		if h := &config.History[i]; h.Created == nil || i >= s.originHistory {
			epoch := asm.epoch
			h.Created = &epoch
		}
	}
	created := asm.epoch
	if n := len(config.History); n > 0 {
		created = *config.History[n-1].Created
	}
	config.Created = &created
	return nil
}

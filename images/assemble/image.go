package assemble

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	digest "github.com/opencontainers/go-digest"
	"github.com/slipway-build/slipway/images"
)

// image makes the image of stage s.
func (asm *assembly) image(ctx context.Context, s *stage) (v1.Image, error) {
	if err := asm.asBase(s); err != nil {
		return nil, asm.graph.At(s.Location, err)
	}
	if err := asm.finish(s); err != nil {
		return nil, asm.graph.At(s.Location, err)
	}
	img := &image{format: asm.build.Format, byDigest: map[v1.Hash]v1.Layer{}}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: asm.build.Format.Manifest()}
	var diffIDs []digest.Digest
	if s.origin != nil {
		below, err := s.origin.Layers()
		if err != nil {
			return nil, fmt.Errorf("reading image %s: %w", s.originName, err)
		}
		base, err := s.origin.Manifest()
		if err != nil {
			return nil, fmt.Errorf("reading image %s: %w", s.originName, err)
		}
		if len(base.Layers) != len(below) || len(base.Layers) != len(s.image.RootFS.DiffIDs) {
			return nil, asm.graph.At(s.Location, fmt.Errorf("image %s has %d layers and %d diff IDs; it is damaged", s.originName, len(base.Layers), len(s.image.RootFS.DiffIDs)))
		}
		for i, l := range below {
			d := base.Layers[i]
			if d.MediaType, err = asm.build.Format.LayerLike(d.MediaType); err != nil {
				return nil, asm.graph.At(s.Location, fmt.Errorf("image %s: %w", s.originName, err))
			}
			manifest.Layers = append(manifest.Layers, d)
			img.add(&describedLayer{l, d})
		}
		diffIDs = slices.Clone(s.image.RootFS.DiffIDs)
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
		algorithm := asm.build.Format.Compression.Algorithm
		d.MediaType = asm.build.Format.Layer(algorithm)
		diffID, err := l.DiffID()
		if err != nil {
			return nil, err
		}
		diffIDs = append(diffIDs, digest.Digest(diffID.String()))
		manifest.Layers = append(manifest.Layers, *d)
		img.add(&describedLayer{l, *d})
	}
	if diffIDs == nil {
		diffIDs = []digest.Digest{}
	}
	if manifest.Layers == nil {
		manifest.Layers = []v1.Descriptor{}
	}
	s.image.RootFS.Type, s.image.RootFS.DiffIDs = "layers", diffIDs
	if img.config, err = json.Marshal(s.image); err != nil {
		return nil, err
	}
	manifest.Config.MediaType = asm.build.Format.Config()
	if manifest.Config.Digest, manifest.Config.Size, err = v1.SHA256(bytes.NewReader(img.config)); err != nil {
		return nil, err
	}
	img.manifest, err = json.Marshal(manifest)
	return img, err
}

// finish settles the config of the target: its platform, labels and times.
func (asm *assembly) finish(s *stage) error {
	config := &s.image
	target := asm.build.Platform
	same := config.OS == target.OS && config.Architecture == target.Architecture
	// What lies below decides which Windows the image is for, not what was asked.
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
		return fmt.Errorf("an image for Windows needs an os.version, such as %s:10.0.20348.4294: without one, every node takes it for its own", images.FormatPlatform(target))
	}
	if len(asm.build.Labels) > 0 && config.Config.Labels == nil {
		config.Config.Labels = map[string]string{}
	}
	maps.Copy(config.Config.Labels, asm.build.Labels)
	for i := range config.History {
		// The times of a base are part of the base.
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

// An image is a finished image; its layers are read when they are asked for.
type image struct {
	format           images.Format
	manifest, config []byte
	layers           []v1.Layer
	byDigest         map[v1.Hash]v1.Layer
}

var _ v1.Image = (*image)(nil)

func (i *image) add(l *describedLayer) {
	i.layers = append(i.layers, l)
	i.byDigest[l.descriptor.Digest] = l
}

func (i *image) Layers() ([]v1.Layer, error)         { return slices.Clone(i.layers), nil }
func (i *image) MediaType() (types.MediaType, error) { return i.format.Manifest(), nil }
func (i *image) Size() (int64, error)                { return int64(len(i.manifest)), nil }
func (i *image) RawConfigFile() ([]byte, error)      { return slices.Clone(i.config), nil }
func (i *image) RawManifest() ([]byte, error)        { return slices.Clone(i.manifest), nil }
func (i *image) ConfigName() (v1.Hash, error)        { return partial.ConfigName(i) }
func (i *image) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(i) }
func (i *image) Digest() (v1.Hash, error)            { return partial.Digest(i) }
func (i *image) Manifest() (*v1.Manifest, error)     { return partial.Manifest(i) }
func (i *image) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	d, err := partial.DiffIDToBlob(i, h)
	if err != nil {
		return nil, err
	}
	return i.LayerByDigest(d)
}

// LayerByDigest returns a layer, or the config, by the digest of its blob.
func (i *image) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if l := i.byDigest[h]; l != nil {
		return l, nil
	}
	if name, err := i.ConfigName(); err == nil && name == h {
		return partial.ConfigLayer(i)
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

// A describedLayer is a layer with the descriptor that the manifest has of it.
type describedLayer struct {
	v1.Layer
	descriptor v1.Descriptor
}

// MediaType is the manifest's.
func (l *describedLayer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }

// Descriptor is the manifest's, with the URLs of a foreign layer.
func (l *describedLayer) Descriptor() (*v1.Descriptor, error) { return l.descriptor.DeepCopy(), nil }

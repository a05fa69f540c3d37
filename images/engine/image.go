package engine

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/images"
)

// A config is an engine's image config, and the inline cache that it may contain (--cache-to
// type=inline).
type config struct {
	dockerspec.DockerOCIImage
	InlineCache json.RawMessage `json:"moby.buildkit.cache.v0,omitempty"`
}

// image converts the exported image. raw is its config, and engines are the digests of its layers
// in the engine, base first.
func (j *job) image(raw []byte, engines []v1.Hash) (v1.Image, error) {
	var c config
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("reading the engine's image config: %w", err)
	}
	if len(engines) != len(c.RootFS.DiffIDs) {
		return nil, fmt.Errorf("the engine's image has %d layers but %d diff IDs", len(engines), len(c.RootFS.DiffIDs))
	}
	layers := make([]images.DescribedLayer, len(engines))
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", make([]digest.Digest, len(engines))
	for i, h := range engines {
		l, err := j.layer(h)
		if err != nil {
			return nil, err
		}
		d, err := partial.Descriptor(l)
		if err != nil {
			return nil, err
		}
		diffID, err := l.DiffID()
		if err != nil {
			return nil, err
		}
		layers[i] = images.DescribedLayer{Layer: l, Descriptor: *d}
		c.RootFS.DiffIDs[i] = digest.Digest(diffID.String())
	}
	j.settleConfig(&c)
	settled, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return images.Compose(j.build.Format, settled, layers)
}

// layer returns our layer for one of the engine: a base's layer unchanged, or a converted one.
func (j *job) layer(engines v1.Hash) (v1.Layer, error) {
	if l, err := j.bases.layer(engines); l != nil || err != nil {
		return l, err
	}
	if l, ok := j.ingest.Made(engines); ok {
		return l, nil
	}
	return nil, fmt.Errorf("the engine did not send layer %s", engines)
}

// settleConfig sets the platform and the times, which must not depend on the engine.
func (j *job) settleConfig(c *config) {
	made := j.converted.Image
	c.OS, c.Architecture, c.Variant = made.OS, made.Architecture, made.Variant
	c.OSVersion, c.OSFeatures = made.OSVersion, made.OSFeatures
	var below []ocispec.History
	if b := j.converted.BaseImage; b != nil {
		below = b.History
		if b.OS == "windows" && c.OS == "windows" && b.OSVersion != "" {
			// The base determines the version of Windows.
			c.OSVersion = b.OSVersion
		}
	}
	for i := range c.History {
		h := &c.History[i]
		if i < len(below) && below[i].Created != nil {
			// History entries of a base keep their times; newer engines cut them off at the epoch.
			h.Created = below[i].Created
			continue
		}
		created := j.epoch
		h.Created = &created
	}
	created := j.epoch
	if n := len(c.History); n > 0 {
		created = *c.History[n-1].Created
	}
	c.Created = &created
}

// checkBase refuses a base whose image would be wrong, or that this engine cannot build on.
func (j *job) checkBase(base *dockerspec.DockerOCIImage) error {
	windows := j.build.Platform.OS == "windows"
	switch {
	case windows && j.build.Platform.OSVersion == "" && (base == nil || base.OSVersion == ""):
		return fmt.Errorf("an image for Windows needs an os.version, such as %s:10.0.20348.4294: without one, every node considers it suitable",
			images.FormatPlatform(j.build.Platform))
	case windows && base != nil && len(base.RootFS.DiffIDs) > 0 && j.conn.classic:
		return errors.New("this Docker Engine cannot store the layers of a Windows base; use the embedded builder or a buildkitd, or enable Docker's containerd image store")
	}
	return nil
}

// manifestLayers returns the digests of a manifest's layers.
func manifestLayers(m *v1.Manifest) []v1.Hash {
	var all []v1.Hash
	for _, l := range m.Layers {
		all = append(all, l.Digest)
	}
	return all
}

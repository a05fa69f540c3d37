package sbom

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/layer"
	"github.com/slipway-build/slipway/internal/parallel"
)

// Image returns the inventory of an image. ref is the reference that it has, or empty.
func (c *Catalog) Image(ctx context.Context, ref string, image v1.Image) (*Inventory, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	if len(layers) != len(config.RootFS.DiffIDs) {
		return nil, fmt.Errorf("it has %d layers and %d diff IDs", len(layers), len(config.RootFS.DiffIDs))
	}
	found := make([]*catalog.Layer, len(layers))
	err = parallel.Each(ctx, len(layers), max(c.Jobs, 1), func(i int) (err error) {
		diffID := config.RootFS.DiffIDs[i]
		if found[i], err = c.layer(ctx, diffID, layers[i].Uncompressed); err != nil {
			err = fmt.Errorf("layer %d (%s): %w", i+1, diffID, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s := newSurvey()
	for i, l := range found {
		form := layer.Plain
		if config.OS == "windows" {
			form = fstree.FormOf(l.Headers)
		}
		if err := s.add(fmt.Sprint("layer ", i+1), l, form); err != nil {
			return nil, err
		}
	}
	platform := images.PlatformIn(config)
	if config.OS == "windows" && config.OSVersion != "" {
		s.components.add(&Component{Type: OS, Name: config.OS, Version: config.OSVersion, PURL: purl("generic", "", config.OS, config.OSVersion)})
	}
	inventory, err := s.inventory()
	if err != nil {
		return nil, err
	}
	inventory.Subject = imageSubject(ref, digest, platform)
	inventory.Subject.Time = config.Created.Time
	return inventory, nil
}

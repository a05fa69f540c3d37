package sbom

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// A NamedImage is an image of an archive.
type NamedImage struct {
	// Refs are its references.
	Refs  []string
	Image v1.Image
}

// Images returns the inventory of an archive of images. Each image is a component, and uses the components of its
// content. The files are in the inventories of the images.
func (c *Catalog) Images(ctx context.Context, archive Subject, list []NamedImage) (*Inventory, error) {
	out := &Inventory{Subject: archive}
	var all collector
	for _, named := range list {
		refs := named.Refs
		if len(refs) == 0 {
			refs = []string{""}
		}
		in, err := c.Image(ctx, refs[0], named.Image)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", refs[0], err)
		}
		config, err := named.Image.ConfigFile()
		if err != nil {
			return nil, err
		}
		uses := all.copy(in.Components)
		s := in.Subject
		for _, ref := range refs {
			of := imageSubject(ref, v1.Hash{Algorithm: "sha256", Hex: s.Digest}, images.PlatformIn(config))
			all.add(&Component{Type: OCI, Name: of.Name, Version: of.Version, Arch: config.Architecture, Digest: s.Digest, PURL: of.PURL,
				Uses: slices.Clone(uses)})
		}
		if s.Time.After(out.Subject.Time) {
			out.Subject.Time = s.Time
		}
		for _, problem := range in.Problems {
			out.Problems = append(out.Problems, fmt.Sprintf("image %s: %s", s.Name, problem))
		}
	}
	out.Components = all.sorted()
	return out, nil
}

// copy adds components of another inventory, without their files, and returns the components of this inventory that are
// equal to them.
func (all *collector) copy(list []*Component) []*Component {
	here := make(map[*Component]*Component, len(list))
	out := make([]*Component, len(list))
	for i, c := range list {
		one := *c
		one.FoundIn, one.Files, one.Uses = nil, nil, nil
		out[i] = all.add(&one)
		here[c] = out[i]
	}
	for i, c := range list {
		for _, used := range c.Uses {
			out[i].Uses = append(out[i].Uses, here[used])
		}
	}
	return out
}

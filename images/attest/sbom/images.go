package sbom

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A NamedImage is an image of an archive.
type NamedImage struct {
	// Ref is a reference, or empty.
	Ref   string
	Image v1.Image
}

// Images returns the inventory of an archive of images. Each image is a component, and uses the components of its
// content. The files are in the inventories of the images.
func (c *Catalog) Images(ctx context.Context, archive Subject, list []NamedImage) (*Inventory, error) {
	out := &Inventory{Subject: archive}
	var all collector
	for _, named := range list {
		in, err := c.Image(ctx, named.Ref, named.Image)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", named.Ref, err)
		}
		s := in.Subject
		config, err := named.Image.ConfigFile()
		if err != nil {
			return nil, err
		}
		image := &Component{Type: OCI, Name: s.Name, Version: s.Version, Arch: config.Architecture, Digest: s.Digest, PURL: s.PURL}
		image.Uses = all.copy(in.Components)
		all.add(image)
		if s.Time.After(out.Subject.Time) {
			out.Subject.Time = s.Time
		}
		for _, problem := range in.Problems {
			out.Problems = append(out.Problems, fmt.Sprintf("image %s: %s", named.Ref, problem))
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

package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench/signatures"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/parallel"
)

// gatherLists finds the images of lists that publish signs: those in archives, by the digests that they had when they
// were packed, whose repositories are below that of a destination. Publish pushes no images of lists, and can write
// nothing to the repositories of others. A digest that the registry does not have any more is an error.
func (p *publication) gatherLists(ctx context.Context) error {
	if p.full.Sign == nil || !p.full.Sign.Lists || !p.wants("images") || len(p.registryDestinations()) == 0 {
		return nil
	}
	if err := p.checkLists(); err != nil {
		return err
	}
	for _, step := range p.Plan.Archives {
		if len(step.Outputs) == 0 || !slices.ContainsFunc(step.Images, func(i plan.ArchiveImage) bool { return i.Own == "" && p.receives(i.Names[0]) }) {
			continue
		}
		packed, err := p.packedImages(ctx, step.Outputs[0])
		if err != nil {
			return err
		}
		for _, image := range packed {
			if image.Own || !p.receives(image.Names[0]) {
				continue
			}
			ref, err := packedReference(image)
			if err != nil {
				return err
			}
			p.lists = append(p.lists, ref)
		}
	}
	if len(p.lists) == 0 {
		return nil // the run is for other platforms
	}
	slices.Sort(p.lists)
	p.lists = slices.Compact(p.lists)
	signing, err := p.signing(ctx)
	if err == nil {
		err = p.explain(signing.Check(ctx))
	}
	if err != nil {
		return err
	}
	return parallel.Each(ctx, len(p.lists), p.options.Transfers(), func(i int) error {
		ref, err := images.ParseReference(p.lists[i])
		if err != nil {
			return err
		}
		// Resolve may find a digest in the cache.
		_, ok, err := p.bench.Registry.Tagged(ctx, ref)
		if err == nil && !ok {
			err = fmt.Errorf("signing images of lists: an archive contains %s, but the registry does not have it any more: run package again", p.lists[i])
		}
		return err
	})
}

// packedImages returns what an archive of the release says of its images.
func (p *publication) packedImages(ctx context.Context, output string) ([]proof.ImageContent, error) {
	if len(p.folder.Files(output)) == 0 {
		return nil, fmt.Errorf("signing images of lists: missing %s: run package first", p.relative(output))
	}
	archive, err := airgap.Open(ctx, p.path(output))
	if err != nil {
		return nil, err
	}
	defer archive.Close() // ignore error: read-only
	content, err := proof.Read(ctx, archive.ReadFile)
	if err != nil {
		return nil, fmt.Errorf("reading the proof of %s: %w", p.relative(output), err)
	}
	return content.Content.Images, nil
}

// checkLists returns an error unless the release, for any platform, has images of lists that are signed.
func (p *publication) checkLists() error {
	var elsewhere []string
	for _, step := range p.full.Archives {
		for _, image := range step.Images {
			if image.Own != "" {
				continue
			}
			if p.receives(image.Names[0]) {
				return nil
			}
			elsewhere = append(elsewhere, image.Names[0])
		}
	}
	slices.Sort(elsewhere)
	return fmt.Errorf("%s: sign.lists: no destination has an image of the lists (%s): publish signs those below the registry and repository of a destination; remove lists",
		p.full.Sign.Position, orNone(strings.Join(slices.Compact(elsewhere), ", ")))
}

// receives reports whether the repository of a reference is below that of a destination.
func (p *publication) receives(text string) bool {
	ref, err := images.ParseReference(text)
	if err != nil {
		return false // plan.New has parsed it
	}
	return slices.ContainsFunc(p.registryDestinations(), func(d config.Destination) bool {
		base, err := name.NewRepository(d.Registry + "/" + d.Repository)
		return err == nil && strings.HasPrefix(ref.Context().Name(), base.Name()+"/")
	})
}

// packedReference returns the reference of an image of an archive, by the digest of the index that it was selected from,
// or of its manifest.
func packedReference(image proof.ImageContent) (string, error) {
	ref, err := images.ParseReference(image.Names[0])
	if err != nil {
		return "", err
	}
	digest := image.Registry.Manifest
	if len(image.Registry.Indexes) > 0 {
		digest = image.Registry.Indexes[0]
	}
	return ref.Context().Digest(digest.String()).Name(), nil
}

// signLists signs the images that gatherLists has found, and reports the signatures.
func (p *publication) signLists(ctx context.Context) error {
	if len(p.lists) == 0 {
		return nil
	}
	signing, err := p.signing(ctx)
	if err != nil {
		return err
	}
	signed, err := signatures.SignAll(ctx, p.bench, signing, signatures.SignJob{Refs: p.lists, Attach: p.full.Sign.Attach, Recursive: true})
	if err != nil {
		return fmt.Errorf("signing images of lists: %w", p.explain(err))
	}
	for _, image := range signed {
		for _, s := range image.Signatures {
			p.published.add(Made{Kind: "signature", Name: image.Image, Ref: s.Attached, Digest: s.Artifact.Digest.String(), Size: s.Artifact.Size})
		}
	}
	return nil
}

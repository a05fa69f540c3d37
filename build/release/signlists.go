package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

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
	var refs, elsewhere []string
	for _, step := range p.Plan.Archives {
		if len(step.Outputs) == 0 || !slices.ContainsFunc(step.Images, func(i plan.ArchiveImage) bool { return i.Own == "" }) {
			continue
		}
		packed, err := p.packedImages(ctx, step.Outputs[0])
		if err != nil {
			return err
		}
		for _, image := range packed {
			if image.Own {
				continue
			}
			ref, own, err := p.listed(image)
			if err != nil {
				return err
			}
			if own {
				refs = append(refs, ref)
			} else {
				elsewhere = append(elsewhere, image.Names[0])
			}
		}
	}
	slices.Sort(refs)
	p.lists = slices.Compact(refs)
	if len(p.lists) == 0 {
		slices.Sort(elsewhere)
		return fmt.Errorf("%s: sign.lists: no destination has an image of the lists (%s): publish signs those below the registry and repository of a destination; remove lists",
			p.full.Sign.Position, orNone(strings.Join(slices.Compact(elsewhere), ", ")))
	}
	signing, err := p.signing(ctx)
	if err == nil {
		err = p.explain(signing.Check())
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

// listed returns the reference of an image of an archive, by the digest of the index that it was selected from, or of
// its manifest. own reports whether it is below the repository of a destination.
func (p *publication) listed(image proof.ImageContent) (ref string, own bool, err error) {
	parsed, err := images.ParseReference(image.Names[0])
	if err != nil {
		return "", false, err
	}
	digest := image.Registry.Manifest
	if len(image.Registry.Indexes) > 0 {
		digest = image.Registry.Indexes[0]
	}
	for _, d := range p.registryDestinations() {
		base, err := name.NewRepository(d.Registry + "/" + d.Repository)
		if err != nil {
			return "", false, err
		}
		own = own || strings.HasPrefix(parsed.Context().Name()+"/", base.Name()+"/")
	}
	return parsed.Context().Name() + "@" + digest.String(), own, nil
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

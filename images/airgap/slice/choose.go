package slice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/progress"
)

// A choice is the images of a slice: as archives have them, and as package pack takes them.
type choice struct {
	found  []*airgap.PackedImage
	packed []pack.Image
	// all are the images of each archive.
	all map[*airgap.Archive][]*airgap.PackedImage
}

// A shelf finds the images of archives.
type shelf struct {
	archives []*airgap.Archive
	// names and digests find images by qualified name, and by the digests of their manifests and indexes, in the order
	// of archives.
	names   map[string][]*airgap.PackedImage
	digests map[string][]*airgap.PackedImage
	all     map[*airgap.Archive][]*airgap.PackedImage
	proofs  map[*airgap.Archive]*proof.Proof
}

// choose finds the images of a job. The error names all that are missing.
func choose(ctx context.Context, archives []*airgap.Archive, job Job) (*choice, error) {
	s := &shelf{archives: archives, names: map[string][]*airgap.PackedImage{}, digests: map[string][]*airgap.PackedImage{},
		all: map[*airgap.Archive][]*airgap.PackedImage{}, proofs: map[*airgap.Archive]*proof.Proof{}}
	for _, a := range archives {
		if err := s.add(ctx, a, job.Options.Proof != nil); err != nil {
			return nil, err
		}
	}
	c := &choice{all: s.all}
	var errs []error
	for _, w := range job.Images {
		found, packed, err := s.find(ctx, w.Ref, job.Platform, job.Options.Proof != nil)
		if err != nil {
			if w.Where != "" {
				err = fmt.Errorf("%s: %w", w.Where, err)
			}
			errs = append(errs, err)
			continue
		}
		c.found, c.packed = append(c.found, found), append(c.packed, packed)
	}
	return c, errors.Join(errs...)
}

// add adds the images of an archive.
func (s *shelf) add(ctx context.Context, a *airgap.Archive, proves bool) error {
	list, _, err := a.Contents(ctx)
	if err != nil {
		return err
	}
	p, err := proof.Read(ctx, a.ReadFile)
	switch {
	case err == nil && !proves:
		progress.Warn(ctx, fmt.Sprintf("archive %s has a proof of all of its content, which is not true of a part: what is written has none; add --proof or --sign-key to make one, with the documents about its images", a.Path()))
	case err == nil:
		s.proofs[a] = p
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("archive %s: %w", a.Path(), err)
	}
	s.all[a] = list
	for _, img := range list {
		for _, n := range img.Names {
			s.names[n] = append(s.names[n], img)
		}
		digest := img.Manifest.Digest.String()
		s.digests[digest] = append(s.digests[digest], img)
		for _, x := range img.Indexes {
			digest := x.Descriptor.Digest.String()
			s.digests[digest] = append(s.digests[digest], img)
		}
	}
	return nil
}

// find finds an image by the name that pack gives it, or by a digest that it has in the archive.
func (s *shelf) find(ctx context.Context, ref name.Reference, platform *v1.Platform, proves bool) (*airgap.PackedImage, pack.Image, error) {
	tag, err := format.Tag(ref)
	if err != nil {
		return nil, pack.Image{}, err
	}
	want := images.Qualified(tag)
	all := s.names[want]
	digest, pinned := ref.(name.Digest)
	if len(all) == 0 && pinned {
		all = s.digests[digest.DigestStr()]
	}
	if len(all) == 0 {
		return nil, pack.Image{}, s.missing(ref, want)
	}
	first := all[0].Archive()
	all = slices.DeleteFunc(slices.Clone(all), func(img *airgap.PackedImage) bool { return img.Archive() != first })
	img, err := airgap.Choose(all, platform)
	if err != nil {
		return nil, pack.Image{}, first.Wrap(fmt.Errorf("image %s: %w", images.Familiar(ref), err))
	}
	out := pack.Image{Names: []name.Reference{ref}, Platform: img.Platform}
	if out.Image, err = img.Image(ctx); err != nil {
		return nil, pack.Image{}, err
	}
	for _, x := range img.Indexes {
		if slices.Contains(x.Names, want) || pinned && x.Descriptor.Digest.String() == digest.DigestStr() {
			out.Index = x.Index(nil)
		}
	}
	if p := s.proofs[first]; p != nil && proves {
		err = addProof(ctx, &out, first, p, img, want)
	}
	return img, out, err
}

// addProof adds what the proof of an archive has about an image.
func addProof(ctx context.Context, out *pack.Image, a *airgap.Archive, p *proof.Proof, img *airgap.PackedImage, want string) error {
	for _, described := range p.Content.Images {
		if described.Manifest != img.Manifest.Digest || !slices.Contains(described.Names, want) && len(out.Proof) > 0 {
			continue
		}
		out.Registry, out.Proof = &described.Registry, nil
		for _, item := range described.Proof {
			content, err := a.ReadFile(ctx, proof.ItemFile(item.Digest), proof.MaxItem)
			if err != nil {
				return err
			}
			attached := proof.Attachment{Kind: item.Kind, MediaType: item.MediaType, Annotations: item.Annotations, Content: content}
			if attached.Digest() != item.Digest {
				return a.Wrap(fmt.Errorf("%s is damaged: its bytes have the digest %s", proof.ItemFile(item.Digest), attached.Digest()))
			}
			out.Proof = append(out.Proof, attached)
		}
		if slices.Contains(described.Names, want) {
			return nil
		}
	}
	return nil
}

// missing returns the error for an image that no archive has.
func (s *shelf) missing(ref name.Reference, want string) error {
	have := make([]string, 0, len(s.names))
	for n := range s.names {
		have = append(have, n)
	}
	slices.Sort(have)
	text := fmt.Sprintf("archive %s has no image %s", s.archives[0].Path(), images.Familiar(ref))
	if n := len(s.archives); n > 1 {
		text = fmt.Sprintf("none of %d archives has image %s", n, images.Familiar(ref))
	}
	if near := format.Similar(want, have); len(near) > 0 {
		text += "; similar names are " + strings.Join(near, ", ")
	}
	return errors.New(text)
}

// form returns the form of the layers in the archives that have the images.
func (c *choice) form(ctx context.Context) (images.ArchiveLayers, error) {
	forms := map[images.ArchiveLayers]*airgap.Archive{}
	done := map[*airgap.Archive]bool{}
	for _, img := range c.found {
		a := img.Archive()
		if done[a] {
			continue
		}
		done[a] = true
		form, err := formOf(ctx, c.all[a])
		if err != nil {
			return "", err
		}
		forms[form] = a
	}
	plain, original := forms[images.UncompressedLayers], forms[images.OriginalLayers]
	switch {
	case plain != nil && original != nil:
		return "", fmt.Errorf("archive %s has uncompressed layers, and archive %s original ones: choose with --layers", plain.Path(), original.Path())
	case original != nil:
		return images.OriginalLayers, nil
	}
	return images.UncompressedLayers, nil
}

// formOf returns the form of the layers of an archive with images. pack with uncompressed layers writes no indexes, and
// manifests with OCI media types alone.
func formOf(ctx context.Context, all []*airgap.PackedImage) (images.ArchiveLayers, error) {
	for _, img := range all {
		if len(img.Indexes) > 0 || slices.ContainsFunc(img.Layers, func(l airgap.PackedLayer) bool { return l.Digest != l.DiffID }) {
			return images.OriginalLayers, nil
		}
		if img.Manifest.MediaType == types.OCIManifestSchema1 && !slices.ContainsFunc(img.Layers, func(l airgap.PackedLayer) bool { return l.MediaType != types.OCIUncompressedLayer }) {
			continue
		}
		// docker save writes no manifest; the one of img was made from Docker's view.
		switch _, err := img.Archive().File(ctx, format.BlobName(img.Manifest.Digest)); {
		case err == nil:
			return images.OriginalLayers, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
	}
	return images.UncompressedLayers, nil
}

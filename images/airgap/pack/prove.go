package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// An origin is the manifest of an image in a registry, with the indexes that the image was selected from.
type origin struct {
	// tags are the names of the image that have this origin.
	tags     []name.Tag
	registry proof.RegistryDigests
	// attached are the manifest, the indexes, and the documents about the image.
	attached []proof.Attachment
}

// addRegistry sets the origin of an image. It must be called before the manifest is rewritten: signatures are made for
// the registry's manifest or index, so that verify needs both, which lead from a signature to the config and the layers.
func (img *resolvedImage) addRegistry(from Image) error {
	config, err := v1.ParseConfigFile(bytes.NewReader(img.rawConfig))
	if err != nil {
		return fmt.Errorf("reading its config: %w", err)
	}
	img.diffIDs = config.RootFS.DiffIDs
	if from.Registry != nil {
		img.origins = []origin{{tags: img.tags, registry: *from.Registry, attached: from.Proof}}
		return nil
	}
	o := origin{tags: img.tags, registry: proof.RegistryDigests{Manifest: img.manifest.Digest},
		attached: []proof.Attachment{{Kind: proof.Manifest, MediaType: string(img.manifest.MediaType), Content: img.rawManifest}}}
	if from.Index != nil {
		path, err := images.IndexPath(from.Index, img.manifest.Digest)
		if err != nil {
			return fmt.Errorf("reading its index: %w", err)
		}
		for _, index := range path {
			raw, err := index.RawManifest()
			if err != nil {
				return fmt.Errorf("reading its index: %w", err)
			}
			mediaType, err := index.MediaType()
			if err != nil {
				return fmt.Errorf("reading its index: %w", err)
			}
			document := proof.Attachment{Kind: proof.Index, MediaType: string(mediaType), Content: raw}
			o.registry.Indexes = append(o.registry.Indexes, document.Digest())
			o.attached = append(o.attached, document)
		}
	}
	o.attached = append(o.attached, from.Proof...)
	img.origins = []origin{o}
	return nil
}

// addOrigin adds an origin of the image, or merges it with an equal one. An origin without indexes is merged with any
// other: its manifest is the same.
func (img *resolvedImage) addOrigin(o origin) {
	for i := range img.origins {
		known := &img.origins[i]
		a, b := known.registry, o.registry
		if a.Manifest != b.Manifest || len(a.Indexes) > 0 && len(b.Indexes) > 0 && !slices.Equal(a.Indexes, b.Indexes) {
			continue
		}
		if len(a.Indexes) == 0 {
			known.registry = b
		}
		known.tags = slices.Concat(known.tags, o.tags)
		known.attached = slices.Concat(known.attached, o.attached)
		return
	}
	img.origins = append(img.origins, o)
}

// prove adds the proof to a layout that has everything else.
func (l *layout) prove(ctx context.Context, p *Proof) error {
	maker := proof.NewMaker()
	content := proof.Content{Release: p.Release}
	stored := map[string]bool{}
	for _, b := range l.blobs {
		stored[b.Name] = true
	}
	describe := func(img resolvedImage, o origin) error {
		// With original layers, the manifest is a file of the archive already, and so is an index that is kept.
		items, err := maker.Add(slices.DeleteFunc(slices.Clone(o.attached), func(a proof.Attachment) bool {
			return (a.Kind == proof.Manifest || a.Kind == proof.Index) && stored[format.BlobFolder+a.Digest().Hex]
		}))
		if err != nil {
			return fmt.Errorf("image %s: %w", images.Familiar(o.tags[0]), err)
		}
		described := proof.ImageContent{Platform: images.FormatPlatform(img.platform), Own: img.own, Config: img.config.Digest,
			Manifest: img.manifest.Digest, DiffIDs: img.diffIDs, Registry: o.registry, Proof: items}
		for _, tag := range o.tags {
			described.Names = append(described.Names, images.Qualified(tag))
		}
		content.Images = append(content.Images, described)
		return nil
	}
	for _, img := range l.images {
		for _, o := range img.origins {
			if len(o.tags) == 0 {
				continue // all its names come from other origins
			}
			if err := describe(img, o); err != nil {
				return err
			}
		}
	}
	var err error
	if content.Proof, err = maker.Add(p.Attached); err != nil {
		return err
	}
	if content.Files, err = l.files(); err != nil {
		return err
	}
	small, large, err := maker.Make(ctx, content, p.Sign)
	if err != nil {
		return err
	}
	if p.Policy != nil {
		if err := l.obey(ctx, p.Policy, slices.Concat(small, large)); err != nil {
			return err
		}
	}
	folders := []frame.File{{Name: proof.Folder}, {Name: proof.ItemFolder}}
	l.proof = append(l.proof, append(folders, filesOf(small)...))
	if len(large) > 0 {
		l.proof = append(l.proof, filesOf(large))
	}
	return nil
}

// obey returns an error if verify would refuse the archive, or one of its images except own ones, by the policy. members
// are the files of the proof.
func (l *layout) obey(ctx context.Context, pol *policy.Policy, members []proof.Member) error {
	if err := pol.Archive.CheckEnclosed(); err != nil {
		return fmt.Errorf("the policy: %w", err)
	}
	files := map[string][]byte{}
	for _, f := range slices.Concat(l.blobs, filesOf(members)) {
		if len(f.Content) <= format.JSONLimit { // verify reads no larger ones
			files[f.Name] = f.Content
		}
	}
	made, err := proof.Read(ctx, func(_ context.Context, name string, _ int64) ([]byte, error) {
		content, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("file %s: %w", name, fs.ErrNotExist)
		}
		return content, nil
	})
	if err != nil {
		return err
	}
	documents := func(h v1.Hash) []byte {
		if raw := files[proof.ItemFile(h)]; raw != nil {
			return raw
		}
		return files[format.BlobName(h)]
	}
	v := made.JudgeArchive(ctx, pol)
	var errs []error
	for _, problem := range v.Problems {
		errs = append(errs, errors.New(problem))
	}
	for _, img := range made.Content.Images {
		if img.Own {
			continue // its registry does not have it yet
		}
		judged := proof.JudgeImage(ctx, img, pol, documents, made.Content.Release, len(v.SignedBy) > 0, v1.Hash{})
		for _, problem := range judged.Problems {
			errs = append(errs, fmt.Errorf("image %s: %s", familiar(judged.Image), problem))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("the policy refuses the archive:\n%w", errors.Join(errs...))
	}
	return nil
}

// familiar returns the familiar form of a qualified name.
func familiar(qualified string) string {
	ref, err := images.ParseReference(qualified)
	if err != nil {
		return qualified
	}
	return images.Familiar(ref)
}

func filesOf(members []proof.Member) []frame.File {
	files := make([]frame.File, len(members))
	for i, m := range members {
		files[i] = frame.File{Name: m.Name, Content: m.Content}
	}
	return files
}

// files describes all files of the archive in their order, without folders.
func (l *layout) files() ([]proof.File, error) {
	var files []proof.File
	for _, f := range slices.Concat(l.views, l.blobs) {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		digest, size, err := v1.SHA256(bytes.NewReader(f.Content))
		if err != nil {
			return nil, err
		}
		files = append(files, proof.File{Name: f.Name, Digest: digest, Size: size})
	}
	for _, layer := range slices.Concat(l.runs...) {
		files = append(files, proof.File{Name: layer.Name(), Digest: layer.Digest, Size: layer.Size})
	}
	return files, nil
}

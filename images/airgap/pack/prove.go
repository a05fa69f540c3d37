package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// addRegistry remembers what the registry has of an image, before its manifest is rewritten. Signatures are made for
// the registry's manifest or index, so the proof has both: they lead from a signature to the image ID, and so to
// the layers.
func (img *resolvedImage) addRegistry(from Image) error {
	config, err := v1.ParseConfigFile(bytes.NewReader(img.rawConfig))
	if err != nil {
		return fmt.Errorf("reading its config: %w", err)
	}
	img.diffIDs = config.RootFS.DiffIDs
	img.registry.Manifest = img.manifest.Digest
	img.attached = append(img.attached, proof.Attachment{Kind: proof.Manifest, MediaType: string(img.manifest.MediaType), Content: img.rawManifest})
	if from.Index != nil {
		path, err := indexPath(from.Index, img.manifest.Digest, 0)
		if err != nil {
			return fmt.Errorf("reading its index: %w", err)
		}
		for _, index := range path {
			img.registry.Indexes = append(img.registry.Indexes, index.digest)
			img.attached = append(img.attached, proof.Attachment{Kind: proof.Index, MediaType: index.mediaType, Content: index.raw})
		}
	}
	img.attached = append(img.attached, from.Proof...)
	return nil
}

// A passedIndex is an index on the way to an image.
type passedIndex struct {
	digest    v1.Hash
	mediaType string
	raw       []byte
}

// indexPath returns the indexes that lead to an image, outermost first, or none if the index does not list it.
func indexPath(index v1.ImageIndex, image v1.Hash, depth int) ([]passedIndex, error) {
	if depth == format.MaxNesting {
		return nil, fmt.Errorf("indexes are nested more than %d deep", format.MaxNesting)
	}
	raw, err := index.RawManifest()
	if err != nil {
		return nil, err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	mediaType, err := index.MediaType()
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	own := passedIndex{digest, string(mediaType), raw}
	if slices.ContainsFunc(manifest.Manifests, func(d v1.Descriptor) bool { return d.Digest == image }) {
		return []passedIndex{own}, nil
	}
	for _, d := range manifest.Manifests {
		if !d.MediaType.IsIndex() {
			continue
		}
		nested, err := index.ImageIndex(d.Digest)
		if err != nil {
			return nil, err
		}
		path, err := indexPath(nested, image, depth+1)
		if err != nil {
			return nil, err
		}
		if len(path) > 0 {
			return append([]passedIndex{own}, path...), nil
		}
	}
	return nil, nil
}

// prove adds the proof to a layout that is complete but for it.
func (l *layout) prove(ctx context.Context, p *Proof) error {
	maker := proof.NewMaker()
	content := proof.Content{Release: p.Release}
	stored := map[string]bool{}
	for _, b := range l.blobs {
		stored[b.Name] = true
	}
	for _, img := range l.images {
		// With original layers, the manifest is a file of the archive already, and so is an index that is kept.
		items, err := maker.Add(slices.DeleteFunc(slices.Clone(img.attached), func(a proof.Attachment) bool {
			return (a.Kind == proof.Manifest || a.Kind == proof.Index) && stored[format.BlobFolder+a.Digest().Hex]
		}))
		if err != nil {
			return fmt.Errorf("image %s: %w", images.Familiar(img.tags[0]), err)
		}
		described := proof.ImageContent{Platform: images.FormatPlatform(img.platform), Own: img.own, Config: img.config.Digest,
			Manifest: img.manifest.Digest, DiffIDs: img.diffIDs, Registry: img.registry, Proof: items}
		for _, tag := range img.tags {
			described.Names = append(described.Names, images.Qualified(tag))
		}
		content.Images = append(content.Images, described)
	}
	var err error
	if content.Proof, err = maker.Add(p.Attached); err != nil {
		return err
	}
	if content.Files, err = l.files(); err != nil {
		return err
	}
	if p.Policy != nil {
		if err := l.obey(ctx, p, content); err != nil {
			return err
		}
	}
	small, large, err := maker.Make(ctx, content, p.Sign)
	if err != nil {
		return err
	}
	folders := []frame.File{{Name: proof.Folder}, {Name: proof.ItemFolder}}
	l.proof = append(l.proof, append(folders, filesOf(small)...))
	if len(large) > 0 {
		l.proof = append(l.proof, filesOf(large))
	}
	return nil
}

// obey returns an error for each image that the policy refuses. Whoever signs the archive vouches for the images.
func (l *layout) obey(ctx context.Context, p *Proof, content proof.Content) error {
	documents := map[v1.Hash][]byte{}
	add := func(attached []proof.Attachment) {
		for _, a := range attached {
			documents[a.Digest()] = a.Content
		}
	}
	add(p.Attached)
	for _, img := range l.images {
		add(img.attached)
		documents[img.config.Digest], documents[img.manifest.Digest] = img.rawConfig, img.rawManifest
	}
	var errs []error
	for _, img := range content.Images {
		if img.Own {
			continue // its registry does not have it yet
		}
		v := proof.JudgeImage(ctx, img, p.Policy, func(h v1.Hash) []byte { return documents[h] }, p.Release, true)
		for _, problem := range v.Problems {
			errs = append(errs, fmt.Errorf("image %s: %s", familiar(v.Image), problem))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("the policy refuses images:\n%w", errors.Join(errs...))
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

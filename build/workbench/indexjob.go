package workbench

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/source"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// An IndexResult is the result of CreateIndex.
type IndexResult struct {
	Manifest []byte
	Digest   v1.Hash
}

// CreateIndex makes an index of sources, and pushes it to each of the tags, which are references or oci:DIR:NAME. With
// dryRun, it pushes nothing.
func (w *Workbench) CreateIndex(ctx context.Context, tags, sources []string, annotations map[string]string, dryRun bool) (result IndexResult, err error) {
	err = store.Mend(ctx, func() error {
		result, err = w.createIndex(ctx, tags, sources, annotations, dryRun)
		return err
	})
	return result, err
}

func (w *Workbench) createIndex(ctx context.Context, tags, sources []string, annotations map[string]string, dryRun bool) (IndexResult, error) {
	var (
		refs    []name.Tag
		layouts [][2]string
		errs    []error
	)
	for _, tag := range tags {
		if dir, refName, ok := source.CutLayout(tag); ok {
			layouts = append(layouts, [2]string{dir, refName})
			continue
		}
		parsed, err := parseTags([]string{tag})
		errs = append(errs, err)
		refs = append(refs, parsed...)
	}
	entries := make([]images.IndexEntry, len(sources))
	errs = append(errs, parallel.Each(ctx, len(sources), w.options.Transfers(), func(i int) error {
		found, err := w.Sources.Resolve(ctx, sources[i])
		if err != nil {
			return fmt.Errorf("index source %s: %w", sources[i], err)
		}
		entries[i] = images.IndexEntry{Name: sources[i], Image: found.Image, Platform: found.Descriptor.Platform, Index: found.Index}
		return found.WarnArtifacts(ctx, sources[i], false)
	}))
	if err := errors.Join(errs...); err != nil {
		return IndexResult{}, err
	}
	index, err := images.NewIndex(entries, annotations)
	if err != nil {
		return IndexResult{}, err
	}
	if err := warnPlatforms(ctx, index); err != nil {
		return IndexResult{}, err
	}
	var result IndexResult
	if result.Manifest, err = index.RawManifest(); err != nil {
		return result, err
	}
	if result.Digest, err = index.Digest(); err != nil || dryRun {
		return result, err
	}
	for _, ref := range refs {
		_, err := w.Registry.Push(ctx, ref, index)
		errs = append(errs, err)
	}
	for _, l := range layouts {
		errs = append(errs, putLayout(ctx, l[0], l[1], nil, index))
	}
	return result, errors.Join(errs...)
}

// warnPlatforms warns about entries whose platform differs from the one in their config.
func warnPlatforms(ctx context.Context, index v1.ImageIndex) error {
	m, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range m.Manifests {
		if images.IsAttestation(d) {
			continue
		}
		image, err := index.Image(d.Digest)
		if err != nil {
			return err
		}
		stated, err := images.StatedPlatform(image)
		if err != nil {
			return err
		}
		if _, differs, _ := images.EntryPlatform(*d.Platform, stated); differs {
			progress.Warn(ctx, fmt.Sprintf("entry %s is for %s in the index but for %s in its config: nodes use the index",
				d.Digest, images.FormatPlatform(*d.Platform), images.FormatPlatform(stated)))
		}
	}
	return nil
}

package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

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
		found, err := w.sources.Resolve(ctx, sources[i])
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

// An Inspection describes an image or index, with the platforms and sizes of its images.
type Inspection struct {
	// Raw is the manifest as it is stored.
	Raw       []byte            `json:"-"`
	Digest    v1.Hash           `json:"digest"`
	MediaType string            `json:"mediaType"`
	Entries   []InspectedEntry  `json:"entries"`
	Labels    map[string]string `json:"annotations,omitempty"`
}

// An InspectedEntry describes an image, on its own or in an index.
type InspectedEntry struct {
	Platform images.Platform `json:"platform"`
	Digest   v1.Hash         `json:"digest"`
	// Size is the size of the image in a registry, in bytes.
	Size   int64 `json:"size"`
	Layers int   `json:"layers"`
	// Attestation means that the entry is the attestation of another one.
	Attestation bool `json:"attestation,omitempty"`
	// Problem is the reason why a node could not use the entry.
	Problem string `json:"problem,omitempty"`
}

// Inspect reads an image, or an index and the configs of its images.
func (w *Workbench) Inspect(ctx context.Context, ref string) (*Inspection, error) {
	found, err := w.sources.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &Inspection{Raw: found.Raw}
	if out.Digest, _, err = v1.SHA256(bytes.NewReader(found.Raw)); err != nil {
		return nil, err
	}
	if found.Index == nil {
		mediaType, err := found.Image.MediaType()
		if err != nil {
			return nil, err
		}
		out.MediaType = string(mediaType)
		d, err := partial.Descriptor(found.Image)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, inspectImage(found.Image, v1.Descriptor{Digest: d.Digest, Platform: found.Descriptor.Platform}))
		return out, nil
	}
	m, err := found.Index.IndexManifest()
	if err != nil {
		return nil, err
	}
	out.MediaType, out.Labels = string(m.MediaType), m.Annotations
	out.Entries = make([]InspectedEntry, len(m.Manifests))
	err = parallel.Each(ctx, len(m.Manifests), w.options.Transfers(), func(i int) error {
		d := m.Manifests[i]
		if d.MediaType.IsIndex() {
			out.Entries[i] = InspectedEntry{Digest: d.Digest, Problem: "an index in an index, which nodes do not read"}
			return nil
		}
		image, err := found.Index.Image(d.Digest)
		if err != nil {
			out.Entries[i] = InspectedEntry{Digest: d.Digest, Problem: err.Error()}
			return nil
		}
		out.Entries[i] = inspectImage(image, d)
		return nil
	})
	return out, err
}

// inspectImage compares the platform of an entry with that of its config.
func inspectImage(image v1.Image, d v1.Descriptor) InspectedEntry {
	e := InspectedEntry{Digest: d.Digest, Attestation: images.IsAttestation(d)}
	if m, err := image.Manifest(); err == nil {
		e.Layers = len(m.Layers)
	}
	var err error
	if e.Size, err = images.ImageSize(image); err != nil {
		e.Problem = err.Error()
		return e
	}
	if e.Attestation {
		if d.Platform != nil {
			e.Platform.Platform = *d.Platform
		}
		return e
	}
	if e.Platform.Platform, err = images.ConfigPlatform(image); err != nil {
		e.Problem = err.Error()
	} else if d.Platform != nil {
		_, err := images.SelectPlatform(*d.Platform, []v1.Platform{e.Platform.Platform})
		if err != nil || d.Platform.OSVersion != e.Platform.OSVersion {
			e.Problem = "the index says " + images.FormatPlatform(*d.Platform)
		}
	}
	return e
}

// WriteTable writes the inspection as a table.
func (i *Inspection) WriteTable(w io.Writer) error {
	t := progress.NewTable("PLATFORM", "DIGEST", "LAYERS", "SIZE", "").AlignRight("LAYERS", "SIZE")
	for _, e := range i.Entries {
		platform, note := e.Platform.String(), e.Problem
		switch {
		case e.Attestation:
			platform, note = "attestation", ""
		case e.Platform.OS == "" && e.Platform.Architecture == "":
			platform = "none"
		}
		t.Add(platform, e.Digest.String(), fmt.Sprint(e.Layers), progress.FormatBytes(e.Size), note)
	}
	return progress.WriteTables(w, []string{i.Digest.String(), i.MediaType}, t)
}

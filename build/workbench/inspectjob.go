package workbench

import (
	"bytes"
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/lint"
	"github.com/slipway-build/slipway/images/source"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// An Inspection describes an image or index, with the platforms and sizes of its images.
type Inspection struct {
	// Raw is the manifest as it is stored.
	Raw       []byte            `json:"-"`
	Digest    v1.Hash           `json:"digest"`
	MediaType string            `json:"mediaType"`
	Entries   []InspectedEntry  `json:"entries"`
	Labels    map[string]string `json:"annotations,omitempty"`
	// Findings are the defects of an index, the worst first.
	Findings []lint.Finding `json:"findings,omitempty"`
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
	found, err := w.Sources.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &Inspection{Raw: found.Raw}
	if out.Digest, _, err = v1.SHA256(bytes.NewReader(found.Raw)); err != nil {
		return nil, err
	}
	if out.Findings, err = w.lint(ctx, found); err != nil {
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

// lint judges the index that a reference names, or the one that an archive keeps of the image.
func (w *Workbench) lint(ctx context.Context, found *source.Resolved) ([]lint.Finding, error) {
	index, partial := found.Index, false
	if found.Kept != nil && found.Kept != found.Index {
		index, partial = found.Kept, true
	}
	if index == nil {
		return nil, nil
	}
	raw, err := index.RawManifest()
	if err != nil {
		return nil, err
	}
	return lint.Index(ctx, raw, index, lint.Options{Partial: partial, Jobs: w.options.Transfers()})
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

// WriteTable writes the inspection as a table, with the findings after it.
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
	if err := progress.WriteTables(w, []string{i.Digest.String(), i.MediaType}, t); err != nil {
		return err
	}
	for _, f := range i.Findings {
		if _, err := fmt.Fprintf(w, "\n%s: %s (%s)\n  why: %s\n  do:  %s\n", f.Severity, progress.Printable(f.Message), f.Rule, f.Reason, f.Advice); err != nil {
			return err
		}
	}
	return nil
}

// Resolve returns the image or index that ref names.
func (w *Workbench) Resolve(ctx context.Context, ref string) (*source.Resolved, error) {
	return w.Sources.Resolve(ctx, ref)
}

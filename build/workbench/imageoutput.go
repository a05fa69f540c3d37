package workbench

import (
	"context"
	"errors"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/source"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/usage"
)

// An imageOutput is a destination of a built image or index: a value of -o.
type imageOutput struct {
	text string
	kind outputKind
	// path is the folder of a layout, or the file of an archive. name is the name of the image in a layout; if it is
	// empty, the image has its tags there.
	path, name string
}

type outputKind string

const (
	toLayout   outputKind = "oci"
	toArchive  outputKind = "docker"
	toRegistry outputKind = "push"
)

// parseOutput parses oci:DIR[:NAME], docker:FILE or push.
func parseOutput(text string) (imageOutput, error) {
	out := imageOutput{text: text}
	if text == "push" {
		out.kind = toRegistry
		return out, nil
	}
	if file, ok := strings.CutPrefix(text, "docker:"); ok && file != "" {
		out.kind, out.path = toArchive, file
		return out, nil
	}
	if strings.HasPrefix(text, "oci:") {
		if dir, name, ok := source.CutLayout(text); ok && dir != "" {
			out.kind, out.path, out.name = toLayout, dir, name
			return out, nil
		}
	}
	return out, usage.Errorf("output %q: want oci:DIR[:NAME], docker:FILE.tar[.zst|.gz] or push", text)
}

// check returns an error if an image with that number of tags and platforms cannot be written to o.
func (o imageOutput) check(tags, platforms int) error {
	var errs []error
	if (o.kind == toRegistry || o.kind == toArchive) && tags == 0 {
		errs = append(errs, usage.Errorf("output %s: missing name: add -t REF", o.text))
	}
	if o.kind == toArchive {
		if platforms > 1 {
			errs = append(errs, usage.Errorf("output %s: a name is for one platform, but %d are built: use oci:DIR, or one command for each", o.text, platforms))
		}
		_, err := format.OutputCodec(o.path)
		errs = append(errs, usage.Wrap(err))
	}
	return errors.Join(errs...)
}

// writeOutput writes an image, or an index, to o.
func (w *Workbench) writeOutput(ctx context.Context, o imageOutput, tags []name.Tag, artifact images.Artifact) error {
	switch o.kind {
	case toLayout:
		return putLayout(ctx, o.path, o.name, tags, artifact)
	case toArchive:
		image, ok := artifact.(v1.Image)
		if !ok {
			panic("an index for an archive, which check refuses")
		}
		_, err := pack.Write(ctx, w.Cache, []pack.Image{{Names: references(tags), Image: image, Own: true}},
			[]pack.Output{{Path: o.path}}, pack.Options{Jobs: w.options.Jobs})
		return err
	}
	var errs []error
	for _, tag := range tags {
		_, err := w.Registry.Push(ctx, tag, artifact)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// putLayout adds an image or index to the OCI layout in dir, under refName, or else under its tags.
func putLayout(ctx context.Context, dir, refName string, tags []name.Tag, artifact images.Artifact) error {
	layout, err := store.OpenOutput(dir)
	if err != nil {
		return err
	}
	defer layout.Close()
	d, err := partial.Descriptor(artifact)
	if err != nil {
		return err
	}
	switch artifact := artifact.(type) {
	case v1.Image:
		platform, err := images.ConfigPlatform(artifact)
		if err != nil {
			return err
		}
		d.Platform = &platform
		if err := layout.AddImage(ctx, artifact); err != nil {
			return err
		}
	case v1.ImageIndex:
		if err := layout.AddIndex(ctx, artifact); err != nil {
			return err
		}
	}
	names := []string{refName}
	if refName == "" && len(tags) > 0 {
		names = nil
		for _, t := range tags {
			names = append(names, images.Qualified(t))
		}
	}
	var errs []error
	for _, n := range names {
		errs = append(errs, layout.Tag(ctx, n, *d))
	}
	return errors.Join(errs...)
}

func references(tags []name.Tag) []name.Reference {
	out := make([]name.Reference, len(tags))
	for i, t := range tags {
		out[i] = t
	}
	return out
}

package workbench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
)

// A copyTarget is a reference that Copy writes, with the manifest for it.
type copyTarget struct {
	wanted PackSource
	// ref is a tag, or a digest if the source has no tag.
	ref name.Reference
	// from are the references to try, in order, and found is the first one that exists.
	from     []name.Reference
	found    name.Reference
	manifest *registry.Manifest
	// present means that ref already has the content.
	present bool
}

// planCopy resolves all sources and determines their targets. It reports all missing sources, different sources of one
// target, and tags that must not be overwritten together.
func (w *Workbench) planCopy(ctx context.Context, job CopyJob) ([]*copyTarget, error) {
	targets, err := nameCopies(job)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	err = parallel.Each(ctx, len(targets), w.options.Transfers(), func(i int) error {
		return targets[i].wanted.explain(w.findCopy(ctx, targets[i], job.NoClobber))
	})
	if err != nil {
		return nil, err
	}
	return joinCopies(targets)
}

// nameCopies parses the references of the sources and the targets of a job.
func nameCopies(job CopyJob) ([]*copyTarget, error) {
	if len(job.Images) == 0 {
		return nil, errors.New("no images to copy: add references, or a list with -f LIST.txt")
	}
	var errs []error
	exact := strings.Contains(job.To, "/") && images.HasTag(job.To)
	base := job.To
	if !exact {
		var err error
		base, err = pushBase(job.To)
		errs = append(errs, err)
	} else if len(job.Images) > 1 || len(job.From) > 0 {
		errs = append(errs, fmt.Errorf("%s has a tag, but only a single reference can be copied to a tag: want REGISTRY[/PREFIX]", job.To))
	}
	from := make([]string, len(job.From))
	for i, text := range job.From {
		var err error
		from[i], err = pushBase(text)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	targets := make([]*copyTarget, len(job.Images))
	for i, wanted := range job.Images {
		t := &copyTarget{wanted: wanted}
		targets[i] = t
		ref, err := images.ParseReference(images.TrimTransport(wanted.Ref))
		if err == nil {
			err = t.setSources(ref, from)
		}
		if err == nil && exact {
			t.ref, err = images.ParseTag(job.To)
		} else if err == nil {
			t.ref, err = copyRef(base, job.KeepRegistry, ref)
		}
		errs = append(errs, wanted.explain(err))
	}
	return targets, errors.Join(errs...)
}

// setSources sets the references to try: ref itself, or ref below each of the registries or namespaces in from.
func (t *copyTarget) setSources(ref name.Reference, from []string) error {
	if len(from) == 0 {
		t.from = []name.Reference{ref}
	}
	_, rest, _ := strings.Cut(images.Qualified(ref), "/")
	for _, base := range from {
		source, err := images.ParseReference(base + "/" + rest)
		if err != nil {
			return err
		}
		t.from = append(t.from, source)
	}
	return nil
}

// copyRef returns the target of a reference below base. For a reference with a tag and a digest, it has the tag.
func copyRef(base string, keepRegistry bool, ref name.Reference) (name.Reference, error) {
	digest, ok := ref.(name.Digest)
	if !ok {
		tag, _, err := targetName(base, keepRegistry, images.Qualified(ref))
		return tag, err
	}
	// targetName requires a tag, which does not affect the name of the repository.
	tag, _, err := targetName(base, keepRegistry, images.Qualified(digest.Context().Tag("latest")))
	if err != nil {
		return nil, err
	}
	if text, _, _ := strings.Cut(digest.String(), "@"); images.HasTag(text) {
		return tag.Context().Tag(text[strings.LastIndexByte(text, ':')+1:]), nil
	}
	return tag.Context().Digest(digest.DigestStr()), nil
}

// findCopy resolves the first source that a registry has. If a source is missing or the registry refuses to show
// it, as some registries do with missing ones, findCopy tries the next source. After other failures it does not,
// since the next registry may have another image under the name.
func (w *Workbench) findCopy(ctx context.Context, t *copyTarget, noClobber bool) error {
	var errs []error
	for _, from := range t.from {
		m, err := w.Registry.Resolve(ctx, from)
		if err == nil {
			t.found, t.manifest = from, m
			break
		}
		errs = append(errs, err)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			break
		}
	}
	if t.manifest == nil {
		return errors.Join(errs...)
	}
	present, err := w.copied(ctx, t.ref, t.manifest.Descriptor.Digest, noClobber)
	t.present = present
	return err
}

// copied reports whether a registry has a manifest with digest under ref. With noClobber, another manifest is an error.
func (w *Workbench) copied(ctx context.Context, ref name.Reference, digest v1.Hash, noClobber bool) (bool, error) {
	has, ok, err := w.Registry.Tagged(ctx, ref)
	if err != nil || !ok {
		return false, err
	}
	if has != digest && noClobber {
		return false, fmt.Errorf("%s exists with digest %s, and the source has %s: delete the tag, or copy without --no-clobber", ref, has, digest)
	}
	return has == digest, nil
}

// joinCopies removes duplicate targets with the same content. A target with different contents is an error.
func joinCopies(targets []*copyTarget) ([]*copyTarget, error) {
	var (
		out    []*copyTarget
		errs   []error
		places = map[string]*copyTarget{}
	)
	for _, t := range targets {
		other, ok := places[t.ref.Name()]
		if !ok {
			places[t.ref.Name()] = t
			out = append(out, t)
			continue
		}
		if a, b := other.manifest.Descriptor.Digest, t.manifest.Descriptor.Digest; a != b {
			errs = append(errs, t.wanted.explain(fmt.Errorf("%s would be two images: %s (%s), and %s (%s): copy one of them alone, to another prefix, or with --keep-registry",
				t.ref, images.Familiar(other.found), a, images.Familiar(t.found), b)))
		}
	}
	return out, errors.Join(errs...)
}

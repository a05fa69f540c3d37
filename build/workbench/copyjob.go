package workbench

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
)

// A CopyJob is the input of `slipway image copy`.
type CopyJob struct {
	Images []PackSource
	// From are registries, or namespaces of registries, in which the images are looked up, in this order, instead of
	// the registries of their references. If From is empty, the references are used unchanged.
	From []string
	// To is REGISTRY[/PREFIX] or, for a single image, a reference with a tag.
	To string
	// KeepRegistry keeps the registry as a part of each name; see PushJob.
	KeepRegistry bool
	// NoClobber forbids changing an existing tag.
	NoClobber bool
}

// A Copied is a reference that Copy has written, or that already had the content.
type Copied struct {
	// Source is the reference that was copied, and Ref is the copy.
	Source string  `json:"source"`
	Ref    string  `json:"ref"`
	Digest v1.Hash `json:"digest"`
	// Present means that Ref already had the content.
	Present bool `json:"present"`
	// Attached are the signatures, attestations and other referrers that were copied too, or were already present.
	Attached []string `json:"attached"`
}

// Copy copies images and indexes from registry to registry, byte for byte: with all platforms, and with signatures,
// attestations and other artifacts that refer to them. Content that the target has is not sent. Before anything is
// sent, all sources are resolved and all targets checked. A failure after that does not stop the other copies; all
// failures are reported together. The tag is written last.
func (w *Workbench) Copy(ctx context.Context, job CopyJob) ([]Copied, error) {
	if len(w.options.Platforms) > 0 {
		return nil, usage.Errorf("--platform: a copy has the digest of its source, and so all of its platforms")
	}
	targets, err := w.planCopy(ctx, job)
	if err != nil {
		return nil, err
	}
	c := &copying{workbench: w, noClobber: job.NoClobber}
	made := make([]*Copied, len(targets))
	err = parallel.Each(ctx, len(targets), w.options.Transfers(), func(i int) error {
		attached, err := c.copy(ctx, targets[i])
		if err != nil {
			return targets[i].wanted.explain(fmt.Errorf("copying %s: %w", images.Familiar(targets[i].found), err))
		}
		made[i] = &Copied{images.Familiar(targets[i].found), images.Familiar(targets[i].ref), targets[i].manifest.Descriptor.Digest, targets[i].present, attached}
		return nil
	})
	out := []Copied{}
	for _, m := range made {
		if m != nil {
			out = append(out, *m)
		}
	}
	return out, err
}

// A copying is one call of Copy.
type copying struct {
	workbench *Workbench
	noClobber bool
	// attached has the artifacts attached to manifests, by the repositories and the digest.
	attached parallel.Memo[[]string]
}

func (c *copying) copy(ctx context.Context, t *copyTarget) ([]string, error) {
	digest := t.manifest.Descriptor.Digest
	artifact, err := c.push(ctx, t.ref.Context().Digest(digest.String()), t.manifest)
	if err != nil {
		return nil, err
	}
	attached, err := c.attach(ctx, t, artifact)
	if err != nil {
		return nil, err
	}
	_, err = c.workbench.Registry.Push(ctx, t.ref, artifact)
	return attached, err
}

// attach copies what is attached to an image or index, and to the manifests of the index.
func (c *copying) attach(ctx context.Context, t *copyTarget, artifact images.Artifact) ([]string, error) {
	from, to := t.found.Context(), t.ref.Context()
	return c.attached.Do(ctx, from.Name()+" "+to.Name()+" "+t.manifest.Descriptor.Digest.String(), func() ([]string, error) {
		jobs := c.workbench.options.Transfers()
		subjects, err := carry.Subjects(artifact)
		if err != nil {
			return nil, err
		}
		attachments, err := carry.Find(ctx, c.workbench.Registry, from, subjects, jobs)
		if err != nil {
			return nil, err
		}
		out := []string{}
		for _, a := range attachments {
			out = append(out, images.Familiar(a.Ref(to)))
		}
		return out, carry.Send(ctx, c.workbench.Registry, to, attachments, c.noClobber, jobs)
	})
}

func (c *copying) push(ctx context.Context, ref name.Reference, m *registry.Manifest) (artifact images.Artifact, err error) {
	if m.Descriptor.MediaType.IsIndex() {
		artifact, err = m.Index()
	} else {
		artifact, err = m.Image()
	}
	if err != nil {
		return nil, err
	}
	_, err = c.workbench.Registry.Push(ctx, ref, artifact)
	return artifact, err
}

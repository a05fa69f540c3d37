package carry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// Limits of what is attached to one image or index, directly and indirectly.
const (
	maxDepth       = 16
	maxAttachments = 10_000
	maxBytes       = 256 << 20 // of manifests
)

// Find returns what is attached to subjects in a repository, and what is attached to these attachments, and so on. Each
// is followed by its own attachments. The order does not depend on the registry. A manifest that the registry lists as a
// referrer is left out, with a warning, if the registry does not have it, or if it has another subject. At most jobs
// subjects are looked up at a time.
func Find(ctx context.Context, client *registry.Client, repo name.Repository, subjects []v1.Hash, jobs int) ([]Attachment, error) {
	f := &finding{client: client, repo: repo, known: map[v1.Hash][]Attachment{}}
	level := f.fresh(subjects)
	for depth := 0; len(level) > 0; depth++ {
		if depth == maxDepth {
			return nil, fmt.Errorf("attachments of %s are attached to one another more than %d deep", repo, maxDepth)
		}
		found := make([][]Attachment, len(level))
		err := parallel.Each(ctx, len(level), jobs, func(i int) (err error) {
			found[i], err = f.attached(ctx, level[i])
			return err
		})
		if err != nil {
			return nil, err
		}
		var next []v1.Hash
		for i, subject := range level {
			f.known[subject] = found[i]
			for _, a := range found[i] {
				more, err := Subjects(a.Artifact)
				if err != nil {
					return nil, fmt.Errorf("attachment %s: %w", images.Familiar(a.Ref(repo)), err)
				}
				next = append(next, more...)
			}
		}
		level = f.fresh(next)
	}
	return f.inOrder(subjects), nil
}

// A finding is one call of Find.
type finding struct {
	client *registry.Client
	repo   name.Repository
	// known are the attachments of each subject that was looked up, or is being looked up.
	known map[v1.Hash][]Attachment
	count atomic.Int64
	bytes atomic.Int64 // of manifests
}

// resolved counts a manifest against the limits.
func (f *finding) resolved(m *registry.Manifest) error {
	if f.count.Add(1) > maxAttachments || f.bytes.Add(m.Descriptor.Size) > maxBytes {
		return fmt.Errorf("%s has more attachments than can be copied: their limits are %d, and %d MiB of manifests", f.repo, maxAttachments, maxBytes>>20)
	}
	return nil
}

// fresh returns the subjects that were not looked up, each once.
func (f *finding) fresh(subjects []v1.Hash) []v1.Hash {
	var out []v1.Hash
	for _, h := range subjects {
		if _, ok := f.known[h]; !ok {
			f.known[h] = nil
			out = append(out, h)
		}
	}
	return out
}

// inOrder returns the attachments of subjects, each followed by its own. The attachments of a subject are listed once,
// since tags of a hostile registry may form a loop.
func (f *finding) inOrder(subjects []v1.Hash) []Attachment {
	var out []Attachment
	for _, subject := range subjects {
		list := f.known[subject]
		delete(f.known, subject)
		for _, a := range list {
			out = append(out, a)
			more, err := Subjects(a.Artifact)
			if err != nil {
				continue // Find has returned the error
			}
			out = append(out, f.inOrder(more)...)
		}
	}
	return out
}

// attached returns the attachments of one subject.
func (f *finding) attached(ctx context.Context, subject v1.Hash) ([]Attachment, error) {
	listed, err := f.client.Referrers(ctx, f.repo.Digest(subject.String()))
	if err != nil {
		return nil, err
	}
	// Registries list them in any order.
	slices.SortFunc(listed, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
	var out []Attachment
	for _, d := range listed {
		a, err := f.referrer(ctx, subject, d.Digest)
		if err != nil {
			return nil, err
		}
		if a != nil {
			out = append(out, *a)
		}
	}
	for _, suffix := range suffixes {
		tag := f.repo.Tag(images.ReferrersTag(subject) + suffix)
		m, ok, err := f.client.Lookup(ctx, tag)
		if errors.Is(err, fs.ErrPermission) {
			// Some registries refuse what does not exist. The subject could be read.
			continue
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if err := f.resolved(m); err != nil {
			return nil, err
		}
		if a := f.attachment(ctx, subject, m, images.Familiar(tag)); a != nil {
			a.Tag = tag.TagStr()
			out = append(out, *a)
		}
	}
	return out, nil
}

// referrer returns a manifest that the registry lists as a referrer, or nil if it is none.
func (f *finding) referrer(ctx context.Context, subject, digest v1.Hash) (*Attachment, error) {
	ref := f.repo.Digest(digest.String())
	m, err := f.client.Resolve(ctx, ref)
	if errors.Is(err, fs.ErrNotExist) {
		progress.Warn(ctx, fmt.Sprintf("the registry lists %s as a referrer of %s, but does not have it", images.Familiar(ref), subject))
		return nil, nil
	}
	if err == nil {
		err = f.resolved(m)
	}
	if err != nil {
		return nil, err
	}
	a := f.attachment(ctx, subject, m, images.Familiar(ref))
	if a == nil {
		return nil, nil
	}
	_, of, err := images.ReferrerOf(m.Descriptor.MediaType, m.Raw)
	if err == nil && of != nil && of.Digest == subject {
		return a, nil
	}
	says := "has no subject"
	if err != nil {
		says = err.Error()
	} else if of != nil {
		says = "has the subject " + of.Digest.String()
	}
	progress.Warn(ctx, fmt.Sprintf("the registry lists %s as a referrer of %s, but the manifest %s: it is left out", images.Familiar(ref), subject, says))
	return nil, nil
}

// attachment returns a manifest as an attachment, or nil, with a warning, if it is neither an image nor an index.
func (f *finding) attachment(ctx context.Context, subject v1.Hash, m *registry.Manifest, label string) *Attachment {
	a := &Attachment{Subject: subject}
	var err error
	if a.Descriptor, _, err = images.ReferrerOf(m.Descriptor.MediaType, m.Raw); err == nil {
		switch t := m.Descriptor.MediaType; {
		case t.IsIndex():
			a.Artifact, err = m.Index()
		case t.IsImage():
			a.Artifact, err = m.Image()
		default:
			err = fmt.Errorf("its media type is %s: want an image manifest or an index", t)
		}
	}
	if err != nil {
		progress.Warn(ctx, fmt.Sprintf("%s, which is attached to %s, is left out: %v", label, subject, err))
		return nil
	}
	return a
}

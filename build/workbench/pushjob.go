package workbench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/push"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// A Pushed is a tag that PushArchives has written.
type Pushed struct {
	Ref    string  `json:"ref"`
	Digest v1.Hash `json:"digest"`
	// Platforms are the platforms of its images.
	Platforms []images.Platform `json:"platforms"`
	// Attached are the signatures, attestations and other referrers that were pushed too, or were there.
	Attached []string `json:"attached,omitempty"`
}

// A PushJob is the input of `slipway airgap push`.
type PushJob struct {
	// Archives are paths of archives, and of folders with archives.
	Archives []string
	// Target is REGISTRY[/PREFIX]. Also are further ones.
	Target string
	Also   []string
	// Compression is that of layers that have to be compressed; the zero value is gzip.
	Compression images.Compression
	// KeepRegistry keeps the registry as a part of each name: docker.io/rancher/x:v1 becomes
	// TARGET/docker.io/rancher/x:v1.
	KeepRegistry bool
	// Policy is required of all archives, which are verified first, or nil.
	Policy *policy.Policy
}

// PushArchives pushes the images of archives to registries. They keep their names without the registry:
// docker.io/rancher/x:v1 becomes REGISTRY/PREFIX/rancher/x:v1, where mirrors look for it. Images for different
// platforms with the same name become an index. Different images for one platform with the same name are an error,
// before anything is sent. Content that the registry has is not sent.
//
// Uncompressed layers are pushed with gzip, which nodes expect. So are, with a warning, compressed layers with the
// media type of uncompressed ones. The gzip streams of the registry in an archive that is a .tar.gz are sent as they
// are; if its proof has the registry's manifest, the image gets that. Layers that were packed as original keep their
// digests, and so do their manifests. Indexes keep theirs too, if the registry accepts an index without some of its
// images. What is attached to a manifest or index that the registry then has is pushed too. What is attached to others
// is left out with a warning.
//
// Layers are compressed once for all registries. A registry that fails does not stop the others.
func (w *Workbench) PushArchives(ctx context.Context, job PushJob) ([]Pushed, error) {
	bases, err := pushBases(append([]string{job.Target}, job.Also...))
	if err != nil {
		return nil, usage.Wrap(err)
	}
	files, err := airgap.ListArchives(job.Archives)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, usage.Errorf("no archive found in %s", strings.Join(job.Archives, ", "))
	}
	var archives []*airgap.Archive
	for _, file := range files {
		a, err := airgap.Open(ctx, file)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		archives = append(archives, a)
	}
	if job.Policy != nil {
		if err := verifyAll(ctx, archives, job.Policy); err != nil {
			return nil, err
		}
	}
	var packed []*airgap.PackedImage
	p := &archivePush{workbench: w, images: push.New(w.Cache, job.Compression), attached: map[*airgap.Archive]map[v1.Hash][]carry.Attachment{}}
	for _, a := range archives {
		found, err := a.Images(ctx)
		if err != nil {
			return nil, err
		}
		packed = append(packed, found...)
		if p.attached[a], err = carry.ReadProof(ctx, a.ReadFile); err != nil {
			return nil, a.Wrap(err)
		}
		if err := p.images.ReadProof(ctx, a); err != nil {
			return nil, a.Wrap(err)
		}
	}
	var targets []pushTarget
	for _, base := range bases {
		planned, err := planPush(ctx, base, job.KeepRegistry, packed)
		if err != nil {
			return nil, err
		}
		targets = append(targets, planned...)
	}
	if len(targets) == 0 {
		if len(packed) == 0 {
			return nil, fmt.Errorf("no image found in %s", strings.Join(files, ", "))
		}
		return nil, fmt.Errorf("no named image found in %s", strings.Join(files, ", "))
	}
	warnUnnamed(ctx, packed)
	stop := p.images.Start(ctx, rewritten(targets))
	defer stop()
	pushed := make([]Pushed, len(targets))
	each := len(targets) / len(bases)
	err = parallel.Each(ctx, len(targets), w.options.Transfers(), func(i int) error {
		i = i%len(bases)*each + i/len(bases) // an image is sent to all registries when it is ready
		var err error
		pushed[i], err = p.push(ctx, targets[i])
		if err == nil {
			pushed[i].Attached, err = p.pushAttached(ctx, targets[i])
		}
		if err != nil {
			return fmt.Errorf("pushing %s: %w", targets[i].sources[0].name, err)
		}
		return nil
	})
	return pushed, err
}

// verifyAll verifies archives. The error has all problems.
func verifyAll(ctx context.Context, archives []*airgap.Archive, pol *policy.Policy) error {
	var errs []error
	for _, a := range archives {
		r, err := verify.File(ctx, a.OpenFile(), verify.Options{Policy: pol})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, problem := range r.Problems {
			errs = append(errs, fmt.Errorf("%s: %s", r.Path, problem))
		}
	}
	return errors.Join(errs...)
}

// rewritten returns the images of targets, but for those whose kept index is pushed.
func rewritten(targets []pushTarget) (list []*airgap.PackedImage) {
	for _, t := range targets {
		if t.whole() != nil {
			continue
		}
		for _, s := range t.sources {
			list = append(list, s.image)
		}
	}
	return list
}

// warnUnnamed warns about images without a name, which are not pushed.
func warnUnnamed(ctx context.Context, packed []*airgap.PackedImage) {
	for _, image := range packed {
		if len(image.Names) == 0 {
			progress.Warn(ctx, fmt.Sprintf("image %s of %s has no name and is not pushed", image.ID, image.Archive().Path()))
		}
	}
}

// pushBases returns pushBase of each target.
func pushBases(targets []string) ([]string, error) {
	var bases []string
	var errs []error
	for _, target := range targets {
		base, err := pushBase(target)
		if err == nil && slices.Contains(bases, base) {
			err = fmt.Errorf("registry %q: duplicate", base)
		}
		bases, errs = append(bases, base), append(errs, err)
	}
	return bases, errors.Join(errs...)
}

// pushBase returns the prefix of all names for target, which is REGISTRY[/PREFIX].
func pushBase(target string) (string, error) {
	target = strings.TrimSuffix(target, "/")
	if _, rest, ok := strings.Cut(target, "://"); ok {
		host, _, _ := strings.Cut(rest[strings.LastIndexByte(rest, '@')+1:], "/")
		return "", fmt.Errorf("registry %q: want HOST[:PORT][/PREFIX] without a scheme; for plain HTTP add --plain-http %s", redact.Text(target), host)
	}
	host, prefix, _ := strings.Cut(target, "/")
	if _, err := name.NewRegistry(host, name.StrictValidation); err != nil || strings.HasSuffix(host, ":") {
		return "", fmt.Errorf("registry %q: want HOST[:PORT][/PREFIX], such as registry.example.com:5000/mirror", target)
	}
	if prefix != "" {
		if _, err := images.ParseTag(target); err != nil {
			return "", fmt.Errorf("registry %q: %w", target, err)
		}
	}
	return target, nil
}

// An archivePush is one call of PushArchives.
type archivePush struct {
	workbench *Workbench
	images    *push.Images
	// attached are the attachments of each archive; see carry.ReadProof.
	attached map[*airgap.Archive]map[v1.Hash][]carry.Attachment
	// wantAll has the registries that have refused an index without some of its images, as many do.
	wantAll sync.Map
}

// push pushes the index that the archives keep for a target, or else its image or a new index. It also pushes, by
// digest, other manifests that nodes may request by digest.
func (p *archivePush) push(ctx context.Context, t pushTarget) (Pushed, error) {
	out := Pushed{Ref: t.tag.Name()}
	for _, s := range t.sources {
		out.Platforms = append(out.Platforms, images.Platform{Platform: s.image.Platform})
	}
	var err error
	whole := t.whole()
	if whole != nil {
		var ok bool
		if ok, err = p.pushIndex(ctx, t, t.tag, whole); err != nil {
			return out, err
		}
		if ok {
			out.Digest = whole.Descriptor.Digest
			return out, nil
		}
	}
	if out.Digest, err = p.pushImages(ctx, t); err != nil {
		return out, err
	}
	for _, index := range t.indexes {
		if index == whole {
			continue // the registry has refused it
		}
		if _, err := p.pushIndex(ctx, t, t.tag.Digest(index.Descriptor.Digest.String()), index); err != nil {
			return out, err
		}
	}
	if t.pins == nil || *t.pins == out.Digest || t.manifests[*t.pins] == nil {
		return out, nil
	}
	image, err := t.manifests[*t.pins].Image(ctx)
	if err == nil {
		_, err = p.workbench.Registry.Push(ctx, t.tag.Digest(t.pins.String()), image)
	}
	return out, err
}

// pushImages pushes the image of a target, or an index of its images; see images.ImageOrIndex.
func (p *archivePush) pushImages(ctx context.Context, t pushTarget) (v1.Hash, error) {
	entries := make([]images.IndexEntry, len(t.sources))
	for i, s := range t.sources {
		image, err := p.images.Image(ctx, s.image, s.name)
		if err != nil {
			return v1.Hash{}, err
		}
		entries[i] = images.IndexEntry{Name: s.String(), Image: image, Platform: &s.image.Platform}
	}
	image, index, err := images.ImageOrIndex(entries)
	if err != nil {
		return v1.Hash{}, err
	}
	var artifact images.Artifact = image
	if index != nil {
		artifact = index
	}
	d, err := p.workbench.Registry.Push(ctx, t.tag, artifact)
	return d.Digest, err
}

// pushIndex pushes an index that the archives keep, with the images that they have. It reports whether the registry has
// stored the index. If images are missing, a refusal is a warning. An index with images that containerd cannot unpack
// is not pushed.
func (p *archivePush) pushIndex(ctx context.Context, t pushTarget, ref name.Reference, index *airgap.PackedIndex) (bool, error) {
	complete := index.Complete(func(h v1.Hash) bool { return t.manifests[h] != nil })
	registry := t.tag.RegistryStr()
	if _, wantsAll := p.wantAll.Load(registry); wantsAll && !complete {
		return false, nil
	}
	for h, packed := range t.manifests {
		if index.Lists(h) && len(packed.FalselyPlain()) > 0 {
			return false, nil
		}
	}
	have := map[v1.Hash]v1.Image{}
	for h, packed := range t.manifests {
		image, err := packed.Image(ctx)
		if err != nil {
			return false, err
		}
		have[h] = image
	}
	_, err := p.workbench.Registry.Push(ctx, ref, index.Index(have))
	if err == nil || complete || context.Cause(ctx) != nil {
		return err == nil, err
	}
	if _, warned := p.wantAll.LoadOrStore(registry, true); !warned {
		progress.Warn(ctx, fmt.Sprintf("indexes are not pushed unchanged, since the archives do not have all of their images: "+
			"charts that pin the digest of an index, such as %s@%s, will not find it there: %v", t.tag.Context(), index.Descriptor.Digest, err))
	}
	return false, nil
}

package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
)

// registryDestinations returns the destinations of images.
func (r *Release) registryDestinations() []config.Destination {
	return slices.DeleteFunc(slices.Clone(r.Plan.Destinations), func(d config.Destination) bool { return d.Registry == "" })
}

// artifactDestinations returns the destinations of dist/artifacts.
func (r *Release) artifactDestinations() []config.Destination {
	return slices.DeleteFunc(slices.Clone(r.Plan.Destinations), func(d config.Destination) bool { return d.Registry != "" })
}

// At returns the reference of a tag of the plan at a destination.
func (r *Release) At(d config.Destination, ref string) (name.Reference, error) {
	own := r.Config.Registry + "/" + r.Config.Repository + "/"
	return images.ParseReference(d.Registry + "/" + d.Repository + "/" + strings.TrimPrefix(ref, own))
}

// publish sends the content of dist to the destinations, and makes nothing. Before it sends anything, it reports
// everything that prevents that at any destination.
func (r *Release) publish(ctx context.Context, parts []string) error {
	if err := r.openBench(); err != nil {
		return err
	}
	p, err := r.newPublication(ctx, parts)
	if err != nil {
		return err
	}
	if err := errors.Join(p.checkCredentials(), p.openSignatures()); err != nil {
		return err
	}
	if err := errors.Join(p.gather(ctx), p.allowed(), p.check(ctx)); err != nil {
		return err
	}
	return p.send(ctx)
}

// A publication is one run of publish. Its Release has the names of images in dist.
type publication struct {
	*Release
	parts     []string
	published *report
	report    Report
	// layout is dist/oci, or nil if it does not exist.
	layout *store.Store
	// pushes are sent in phases, one after another: images, indexes of Windows versions, other indexes, more tags of
	// these, OCI artifacts. The pushes of a phase are sent at the same time.
	pushes [5][]push
	// moving are the pushes of tags that may replace other versions. settleTags decides which of them are sent.
	moving []movingTag
	// lists are the images of lists that are signed, by digest.
	lists []string
	// signatures are those of the images and indexes to send, by their tags in the plan. One of signers must have made each,
	// and each signature of a file.
	signatures map[string][]plan.Signature
	signers    []sign.Verifier
	// files are the files of dist/artifacts, with the checksums last.
	files []string
}

// A push is an image, an index or an OCI artifact, and its destination.
type push struct {
	to       config.Destination
	ref      name.Reference
	artifact images.Artifact
	digest   v1.Hash
	made     Made
	replaces bool // whether it may replace the existing content
	// planned is the tag of an image or index in the plan. attachments are sent after it.
	planned     string
	attachments []carry.Attachment
}

func (r *Release) newPublication(ctx context.Context, parts []string) (*publication, error) {
	made, report, err := r.asMade(ctx)
	if err != nil {
		return nil, err
	}
	p := &publication{Release: made, parts: parts, published: &r.published, report: report}
	p.layout, err = store.OpenLayout(r.path("dist/oci"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return p, err
}

func (p *publication) wants(part string) bool { return slices.Contains(p.parts, part) }

func (p *publication) sendsFiles() bool {
	return p.wants("artifacts") && len(p.artifactDestinations()) > 0
}

// gather collects everything to send. It reports everything that is missing, or differs from the report.
func (p *publication) gather(ctx context.Context) error {
	files := p.sendsFiles()
	switch {
	case p.report.Project != "":
		if err := p.checkInputs(p.report); err != nil {
			return err
		}
	case (p.wants("images") || files) && !p.options.Force:
		return fmt.Errorf("missing %s, which records the inputs of dist: run build and package first, or use --force (environment FORCE) to publish dist as it is",
			p.relative(output.ReportFile))
	}
	var errs []error
	if p.wants("images") {
		errs = append(errs, p.gatherImages(), p.checkPackaged(ctx))
	}
	if p.wants("index") {
		errs = append(errs, p.gatherIndexes(ctx))
	}
	if files {
		errs = append(errs, p.gatherFiles(ctx))
	}
	if errors.Join(errs...) == nil {
		errs = append(errs, p.gatherSignatures(ctx), p.gatherLists(ctx))
	}
	return errors.Join(parallel.Distinct(errs)...)
}

// gatherImages adds the images of the plan, and the indexes of Windows versions of which all members are in the plan.
func (p *publication) gatherImages() error {
	var errs []error
	for _, d := range p.registryDestinations() {
		for _, step := range p.Plan.Images {
			image, digest, err := p.image(step.Ref)
			if err == nil {
				err = p.add(0, d, step.Ref, image, digest, Made{Kind: "image", Name: step.Image, Platform: step.Platform})
			}
			errs = append(errs, err)
		}
		for _, step := range p.Plan.Indexes {
			whole, _ := p.full.Index(step.Ref)
			if step.Platform == nil || len(step.Members) < len(whole.Members) {
				continue // gatherIndexes adds it
			}
			index, digest, err := p.index(step.Ref)
			if err == nil {
				err = p.add(1, d, step.Ref, index, digest, Made{Kind: "index", Name: step.Image, Platform: *step.Platform})
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(parallel.Distinct(errs)...)
}

// add adds one push to a phase.
func (p *publication) add(phase int, d config.Destination, ref string, artifact images.Artifact, digest v1.Hash, made Made) error {
	to, err := p.At(d, ref)
	if err != nil {
		return err
	}
	p.pushes[phase] = append(p.pushes[phase], push{to: d, ref: to, artifact: artifact, digest: digest, made: made, planned: ref})
	return nil
}

// lookup returns the content of dist/oci for a tag of the plan. Its digest must match the report.
func (p *publication) lookup(ref string) (v1.Descriptor, error) {
	if p.layout == nil {
		return v1.Descriptor{}, fmt.Errorf("no images in %s: run build first", p.relative("dist/oci"))
	}
	d, err := p.layout.Lookup(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return d, fmt.Errorf("%s does not contain %s: run build first", p.relative("dist/oci"), ref)
	}
	if err != nil {
		return d, err
	}
	if want, ok := p.reported(ref); p.report.Project != "" && (!ok || want != d.Digest.String()) {
		return d, fmt.Errorf("%s has %s with digest %s, but %s has %s: run build and package again",
			p.relative("dist/oci"), ref, d.Digest, p.relative(output.ReportFile), orNone(want))
	}
	return d, nil
}

// reported returns the digest of a tag in the report.
func (p *publication) reported(ref string) (digest string, ok bool) {
	i := slices.IndexFunc(p.report.Made, func(m Made) bool { return m.Ref == ref })
	if i < 0 {
		return "", false
	}
	return p.report.Made[i].Digest, true
}

func (p *publication) image(ref string) (v1.Image, v1.Hash, error) {
	d, err := p.lookup(ref)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	image, err := p.layout.Image(d.Digest)
	return image, d.Digest, err
}

func (p *publication) index(ref string) (v1.ImageIndex, v1.Hash, error) {
	d, err := p.lookup(ref)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	index, err := p.layout.Index(d.Digest)
	return index, d.Digest, err
}

// gatherIndexes adds the indexes of Windows versions and of all platforms of the release, since other machines may have
// pushed other platforms.
func (p *publication) gatherIndexes(ctx context.Context) error {
	type job struct {
		destination config.Destination
		step        plan.IndexStep
	}
	var jobs []job
	for _, d := range p.registryDestinations() {
		for _, step := range p.full.Indexes {
			to, err := p.At(d, step.Ref)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(p.pushes[1], func(o push) bool { return o.ref == to }) {
				jobs = append(jobs, job{d, step})
			}
		}
	}
	indexes := make([]v1.ImageIndex, len(jobs))
	err := parallel.Each(ctx, len(jobs), p.options.Transfers(), func(i int) (err error) {
		indexes[i], err = p.indexAt(ctx, jobs[i].destination, jobs[i].step)
		return err
	})
	if err != nil {
		return err
	}
	for i, j := range jobs {
		digest, err := indexes[i].Digest()
		if err != nil {
			return err
		}
		made, phase := Made{Kind: "index", Name: j.step.Image}, 2
		if j.step.Platform != nil {
			made.Platform, phase = *j.step.Platform, 1
		}
		if err := p.add(phase, j.destination, j.step.Ref, indexes[i], digest, made); err != nil {
			return err
		}
		if err := p.addTags(p.pushes[phase][len(p.pushes[phase])-1], j.step.Tags); err != nil {
			return err
		}
	}
	return nil
}

// indexAt returns an index of the images that a destination has, or will have after the earlier phases.
func (p *publication) indexAt(ctx context.Context, d config.Destination, step plan.IndexStep) (v1.ImageIndex, error) {
	members := p.full.Leaves(step)
	entries := make([]images.IndexEntry, len(members))
	err := parallel.Each(ctx, len(members), p.options.Transfers(), func(n int) error {
		ref, err := p.At(d, members[n])
		if err != nil {
			return err
		}
		entries[n].Name = images.Qualified(ref)
		if i := slices.IndexFunc(p.pushes[0], func(o push) bool { return o.ref == ref }); i >= 0 {
			entries[n].Image = p.pushes[0][i].artifact.(v1.Image)
			return nil
		}
		found, err := p.bench.Registry.Resolve(ctx, ref)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: publish the images of every platform first (publish --only images), the index last (publish --only index)", err)
		}
		if err != nil {
			return err
		}
		if want, ok := p.reported(members[n]); ok && want != found.Descriptor.Digest.String() {
			return fmt.Errorf("%s is %s, but dist has %s: publish images first", entries[n].Name, found.Descriptor.Digest, want)
		}
		if found.Descriptor.MediaType.IsIndex() {
			entries[n].Index, err = found.Index()
		} else {
			entries[n].Image, err = found.Image()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", step.Ref, err)
	}
	if index, ok, err := p.wholeIndex(step.Ref, entries); ok || err != nil {
		return index, err
	}
	for n := range entries {
		if entries[n].Image == nil {
			continue
		}
		if entries[n].Attestation, err = p.attestation(members[n], entries[n].Image); err != nil {
			return nil, fmt.Errorf("index %s: %w (an index with attestations is published from a dist that has all of its images, such as one of slipway merge)", step.Ref, err)
		}
	}
	index, err := images.NewIndex(entries, step.Annotations)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", step.Ref, err)
	}
	return index, nil
}

// wholeIndex returns the index of dist/oci if it has all entries. It lacks some if dist has only some platforms.
func (p *publication) wholeIndex(ref string, entries []images.IndexEntry) (v1.ImageIndex, bool, error) {
	if _, ok := p.reported(ref); !ok {
		return nil, false, nil
	}
	index, _, err := p.index(ref)
	if err != nil {
		return nil, false, err
	}
	have, err := index.IndexManifest()
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		if e.Image == nil {
			return nil, false, nil
		}
		digest, err := e.Image.Digest()
		if err != nil {
			return nil, false, err
		}
		if !slices.ContainsFunc(have.Manifests, func(d v1.Descriptor) bool { return d.Digest == digest }) {
			return nil, false, nil
		}
	}
	return index, true, nil
}

package release

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A movingTag is a push to a tag that may replace another version, or a tag that this version does not get.
type movingTag struct {
	push
	step plan.TagStep
}

// addTags adds pushes of an index to more tags of its repository.
func (p *publication) addTags(index push, steps []plan.TagStep) error {
	for _, step := range steps {
		to, err := p.At(index.to, step.Ref)
		if err != nil {
			return err
		}
		index.ref, index.attachments = to, nil // the push of the index has them
		if step.Moves == config.MovesNever {
			p.pushes[3] = append(p.pushes[3], index)
		} else {
			p.moving = append(p.moving, movingTag{index, step})
		}
	}
	return nil
}

// settleTags decides which moving tags are pushed. A tag that only moves forward is left unchanged if it has a newer
// version, even with --force.
func (p *publication) settleTags(ctx context.Context) error {
	kept := make([]*Kept, len(p.moving))
	err := parallel.Each(ctx, len(p.moving), p.options.Transfers(), func(i int) (err error) {
		kept[i], err = p.settle(ctx, p.moving[i])
		return err
	})
	if err != nil {
		return err
	}
	for i, tag := range p.moving {
		if kept[i] != nil {
			p.published.keep(*kept[i])
			continue
		}
		tag.replaces = true
		p.pushes[3] = append(p.pushes[3], tag.push)
	}
	return nil
}

// settle returns the reason why a tag is left unchanged, or nil if it is pushed.
func (p *publication) settle(ctx context.Context, tag movingTag) (*Kept, error) {
	ref := images.Qualified(tag.ref)
	if tag.step.Skipped != "" {
		return &Kept{Ref: ref, Reason: tag.step.Skipped}, nil
	}
	there, ok, err := p.bench.Registry.Tagged(ctx, tag.ref)
	if err != nil || !ok || there == tag.digest || tag.step.Moves == config.MovesAlways {
		return nil, err
	}
	present, err := p.versionOf(ctx, tag.ref.Context().Digest(there.String()))
	switch ours := p.Plan.Release.Version; {
	case present == "" && p.forced(tag.to):
		return nil, nil // also if the registry does not list its tags
	case err != nil:
		return nil, err
	case present == "":
		return nil, fmt.Errorf("%s is %s, and its version is unknown: it has no annotation %s, and no tag of its repository that is a version has the digest: "+
			"it may be newer than %s; if it is not, allow replacing it (--force, environment FORCE, or force: true of the destination)", ref, there, plan.VersionAnnotation, ours)
	case version.Compare(present, ours) > 0:
		return &Kept{Ref: ref, Version: present, Reason: fmt.Sprintf("%s is newer than %s", present, ours)}, nil
	}
	return nil, nil
}

// versionOf returns the semantic version of a manifest: the one in its annotation, or else the highest of the tags with
// the same digest, since most tools push a version together with the tags that move. It returns "" if neither exists.
func (p *publication) versionOf(ctx context.Context, ref name.Digest) (string, error) {
	manifest, err := p.bench.Registry.Resolve(ctx, ref)
	if err != nil {
		return "", err
	}
	var annotated struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(manifest.Raw, &annotated); err != nil {
		return "", fmt.Errorf("reading the manifest %s: %w", images.Qualified(ref), err)
	}
	if said := annotated.Annotations[plan.VersionAnnotation]; version.IsSemantic(said) {
		return said, nil
	}
	tags, err := p.bench.Registry.Tags(ctx, ref.Context())
	if err != nil {
		return "", err
	}
	type candidate struct{ tag, version string }
	var candidates []candidate
	for _, tag := range tags {
		if v := p.versionOfTag(tag); version.IsSemantic(v) {
			candidates = append(candidates, candidate{tag, v})
		}
	}
	var (
		mu    sync.Mutex
		found []string
	)
	err = parallel.Each(ctx, len(candidates), p.options.Transfers(), func(i int) error {
		digest, ok, err := p.bench.Registry.Tagged(ctx, ref.Context().Tag(candidates[i].tag))
		if err != nil || !ok || digest.String() != ref.DigestStr() {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		found = append(found, candidates[i].version)
		return nil
	})
	if err != nil || len(found) == 0 {
		return "", err
	}
	return slices.MaxFunc(found, version.Compare), nil
}

// versionOfTag returns the version of a tag in a registry, or "" for the tag of a platform. If the project's versions
// have a +, the last - of the tag is replaced by +.
func (p *publication) versionOfTag(tag string) string {
	if strings.Contains(tag, "-linux-") || strings.Contains(tag, "-windows-") {
		return ""
	}
	if i := strings.LastIndexByte(tag, '-'); i > 0 && strings.Contains(p.Plan.Release.Version, "+") {
		return tag[:i] + "+" + tag[i+1:]
	}
	return tag
}

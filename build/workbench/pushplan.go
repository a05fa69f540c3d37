package workbench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// A pushTarget is a tag that PushArchives writes, with its image, or with the images of its index.
type pushTarget struct {
	tag     name.Tag
	sources []pushSource
	// pins is the digest from which the name in the archives was made, or nil.
	pins *v1.Hash
	// indexes are the indexes that the archives keep under the name. manifests has all images with the name, by the
	// digest of their manifest, including those that are not sources.
	indexes   []*airgap.PackedIndex
	manifests map[v1.Hash]*airgap.PackedImage
}

// A pushSource is an image of an archive, with its name there.
type pushSource struct {
	name  string // fully qualified
	image *airgap.PackedImage
}

func (s pushSource) String() string {
	return fmt.Sprintf("%s (%s) of %s", s.name, s.image.ID, s.image.Archive().Path())
}

// planPush groups the images of archives, in order, by their tag below base. The same image counts once for a tag.
// Different images for one platform are an error for each tag, since one would overwrite the other.
func planPush(ctx context.Context, base string, keepRegistry bool, packed []*airgap.PackedImage) ([]pushTarget, error) {
	var (
		targets []pushTarget
		places  = map[string]int{}
		errs    []error
	)
	for _, image := range packed {
		for _, n := range image.Names {
			tag, pins, err := targetName(base, keepRegistry, n)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			i, ok := places[tag.Name()]
			if !ok {
				i = len(targets)
				places[tag.Name()] = i
				targets = append(targets, pushTarget{tag: tag, pins: pins, manifests: map[v1.Hash]*airgap.PackedImage{}})
			}
			errs = append(errs, targets[i].add(pushSource{n, image}, keepRegistry))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, t := range targets {
		errs = append(errs, t.check(ctx))
	}
	return targets, errors.Join(errs...)
}

// targetName returns the tag for an image with a qualified name, and the digest in the name, or nil.
func targetName(base string, keepRegistry bool, qualified string) (tag name.Tag, pins *v1.Hash, err error) {
	host, rest, _ := strings.Cut(qualified, "/")
	if keepRegistry {
		rest = format.HostComponent(host) + "/" + rest
	}
	tag, err = images.ParseTag(base + "/" + rest)
	if err != nil {
		return tag, nil, fmt.Errorf("pushing %s: %w", qualified, err)
	}
	registryTag, pins := format.RegistryTag(tag.TagStr())
	return tag.Context().Tag(registryTag), pins, nil
}

// add adds an image to a target.
func (t *pushTarget) add(s pushSource, keepRegistry bool) error {
	t.manifests[s.image.Manifest.Digest] = s.image
	for _, index := range s.image.Indexes {
		if slices.Contains(index.Names, s.name) && t.index(index.Descriptor.Digest) == nil {
			t.indexes = append(t.indexes, index)
		}
	}
	for i, other := range t.sources {
		if other.image.ID == s.image.ID {
			// Prefer the form of the image whose digest does not change in a push.
			if other.image.HasPlainLayer() && !s.image.HasPlainLayer() {
				t.sources[i] = s
			}
			return nil
		}
		if images.ComparePlatforms(other.image.Platform, s.image.Platform) != 0 {
			continue
		}
		advice := "push one of them alone, or to another prefix"
		if hostOf(other.name) != hostOf(s.name) && !keepRegistry {
			advice = fmt.Sprintf("push with --keep-registry, which puts %s and %s into their names", hostOf(other.name), hostOf(s.name))
		}
		return fmt.Errorf("%s would be two images for %s: %s, and %s: %s",
			t.tag, images.FormatPlatform(s.image.Platform), other, s, advice)
	}
	t.sources = append(t.sources, s)
	return nil
}

// index returns the kept index with a digest, or nil.
func (t *pushTarget) index(h v1.Hash) *airgap.PackedIndex {
	for _, index := range t.indexes {
		if index.Descriptor.Digest == h {
			return index
		}
	}
	return nil
}

// whole returns the kept index if there is exactly one, and it lists all images of the target; otherwise nil.
func (t *pushTarget) whole() *airgap.PackedIndex {
	if len(t.indexes) != 1 {
		return nil
	}
	for _, s := range t.sources {
		if !t.indexes[0].Lists(s.image.Manifest.Digest) {
			return nil
		}
	}
	return t.indexes[0]
}

func hostOf(qualified string) string {
	host, _, _ := strings.Cut(qualified, "/")
	return host
}

// check returns an error if the images of a target cannot become an index, before any of them is compressed and sent.
func (t *pushTarget) check(ctx context.Context) error {
	if len(t.sources) == 1 {
		return nil
	}
	entries := make([]images.IndexEntry, len(t.sources))
	for i, s := range t.sources {
		image, err := s.image.Image(ctx)
		if err != nil {
			return err
		}
		entries[i] = images.IndexEntry{Name: s.String(), Image: image, Platform: &s.image.Platform}
	}
	if _, err := images.NewIndex(entries, nil); err != nil {
		return fmt.Errorf("%s: %w", t.tag, err)
	}
	return nil
}

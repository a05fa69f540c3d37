package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
)

// A pushTarget is a tag that PushArchives writes, and the images behind it: one
// alone, or one for each platform, which become an index.
type pushTarget struct {
	tag     name.Tag
	sources []pushSource
}

// A pushSource is an image of an archive, and the name by which it comes to a target.
type pushSource struct {
	name  string // fully qualified
	image *airgap.PackedImage
}

func (s pushSource) String() string {
	return fmt.Sprintf("%s (%s) of %s", s.name, s.image.ID, s.image.Archive())
}

// planPush groups the images of archives, in their order, by the tag that they get
// below base. The same image under several names that get one tag is one. Different
// images for one platform are an error for each such tag, since the later would
// overwrite the earlier.
func planPush(ctx context.Context, base string, keepRegistry bool, packed []*airgap.PackedImage) ([]pushTarget, error) {
	var (
		targets []pushTarget
		places  = map[string]int{}
		errs    []error
	)
	for _, image := range packed {
		for _, n := range image.Names {
			tag, err := targetName(base, keepRegistry, n)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			i, ok := places[tag.Name()]
			if !ok {
				i = len(targets)
				places[tag.Name()] = i
				targets = append(targets, pushTarget{tag: tag})
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

// targetName is the tag that an image with a qualified name gets.
func targetName(base string, keepRegistry bool, qualified string) (name.Tag, error) {
	host, rest, _ := strings.Cut(qualified, "/")
	if keepRegistry {
		rest = hostComponent(host) + "/" + rest
	}
	tag, err := images.ParseTag(base + "/" + rest)
	if err != nil {
		return name.Tag{}, fmt.Errorf("pushing %s: %w", qualified, err)
	}
	return tag, nil
}

// hostComponent spells a registry's host and port as an element of a repository's
// name (OCI distribution-spec, "Pulling manifests": lower-case letters and digits,
// which ".", "_", "__" or hyphens part). What it cannot hold becomes a hyphen:
// localhost:5000 is localhost-5000.
func hostComponent(host string) string {
	separates := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	host = strings.TrimFunc(strings.ToLower(host), separates)
	var out strings.Builder
	for host != "" {
		end := strings.IndexFunc(host, separates)
		if end < 0 {
			end = len(host)
		}
		out.WriteString(host[:end])
		host = host[end:]
		rest := strings.TrimLeftFunc(host, separates)
		switch separator := host[:len(host)-len(rest)]; {
		case separator == "." || separator == "_" || separator == "__" || strings.Trim(separator, "-") == "":
			out.WriteString(separator)
		default:
			out.WriteByte('-')
		}
		host = rest
	}
	return out.String()
}

// add adds an image to a target.
func (t *pushTarget) add(s pushSource, keepRegistry bool) error {
	for i, other := range t.sources {
		if other.image.ID == s.image.ID {
			// Of two forms of one image, that whose digest a push keeps.
			if hasPlainLayer(other.image) && !hasPlainLayer(s.image) {
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
		return fmt.Errorf("%s would be two images for %s: %s, and %s; %s",
			t.tag, images.FormatPlatform(s.image.Platform), other, s, advice)
	}
	t.sources = append(t.sources, s)
	return nil
}

func hostOf(qualified string) string {
	host, _, _ := strings.Cut(qualified, "/")
	return host
}

func hasPlainLayer(image *airgap.PackedImage) bool {
	return slices.ContainsFunc(image.Layers, func(l airgap.PackedLayer) bool { return images.LayerCompression(l.MediaType) == "none" })
}

// check finds what keeps several images from becoming an index, before any of them
// is compressed and sent.
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

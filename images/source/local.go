package source

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/engine/docker"
)

// Prefixes of references that are neither of registries nor of layouts, as in skopeo.
const (
	daemonScheme  = "docker-daemon:"
	archiveScheme = "docker-archive:"
)

// cutArchive splits docker-archive:FILE[:NAME] and docker-archive:FILE@DIGEST.
func cutArchive(s string) (file, ref string, ok bool) {
	rest, ok := strings.CutPrefix(s, archiveScheme)
	if !ok {
		return "", "", false
	}
	file, ref = cutPath(rest)
	return file, ref, true
}

// resolveDaemon copies an image out of Docker Engine.
func (r *Resolver) resolveDaemon(ctx context.Context, ref string) (*Resolved, error) {
	image, err := docker.Image(ctx, r.daemon, r.copied, ref)
	if err != nil {
		return nil, err
	}
	out, err := resolvedImage(image)
	if err != nil {
		return nil, err
	}
	if imageID.MatchString(ref) {
		out.Naming = fmt.Sprintf("run docker tag %s %s:TAG, and pack %s%s:TAG", ref, exampleName, daemonScheme, exampleName)
	} else {
		out.Name = ref
	}
	return out, nil
}

// imageID matches the IDs of images in Docker Engine, in full or short. They are not names.
var imageID = regexp.MustCompile(`^(sha256:[0-9a-f]+|[0-9a-f]{12}|[0-9a-f]{64})$`)

// resolveArchive finds an image of an archive. ref is a name, a digest, a name with a digest, or "" for the only image.
func (r *Resolver) resolveArchive(ctx context.Context, file, ref string) (*Resolved, error) {
	archive, err := r.archives.Do(ctx, file, func() (*archiveSource, error) { return openArchive(ctx, file) })
	if err != nil {
		return nil, err
	}
	found, err := archive.find(ref)
	if err != nil {
		return nil, err
	}
	out, err := archivedImage(ctx, found.images)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", file, err)
	}
	out.Name, out.Naming = found.name, found.naming(file)
	if index := found.index(); index != nil {
		out.Kept = index.Index(nil)
	}
	return out, nil
}

// archivedImage returns the image of an archive, or an index of those for several platforms.
func archivedImage(ctx context.Context, packed []*airgap.PackedImage) (*Resolved, error) {
	if len(packed) == 1 {
		image, err := packed[0].Image(ctx)
		if err != nil {
			return nil, err
		}
		out, err := resolvedImage(image)
		if err == nil {
			out.Descriptor.Platform = &packed[0].Platform
		}
		return out, err
	}
	var entries []images.IndexEntry
	for _, p := range packed {
		image, err := p.Image(ctx)
		if err != nil {
			return nil, err
		}
		entries = append(entries, images.IndexEntry{Name: images.FormatPlatform(p.Platform), Image: image, Platform: &p.Platform})
	}
	index, err := images.NewIndex(entries, nil)
	if err != nil {
		return nil, err
	}
	d, err := partial.Descriptor(index)
	if err != nil {
		return nil, err
	}
	raw, err := index.RawManifest()
	return &Resolved{Descriptor: *d, Raw: raw, Index: index}, err
}

func resolvedImage(image v1.Image) (*Resolved, error) {
	d, err := partial.Descriptor(image)
	if err != nil {
		return nil, err
	}
	raw, err := image.RawManifest()
	return &Resolved{Descriptor: *d, Raw: raw, Image: image}, err
}

package workbench

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/engine"
)

// Sources that are neither registries nor layouts, spelled as skopeo spells them.
const (
	daemonScheme  = "docker-daemon:"
	archiveScheme = "docker-archive:"
)

// cutArchive reads docker-archive:FILE[:REF] and docker-archive:FILE@DIGEST.
func cutArchive(s string) (file, ref string, ok bool) {
	rest, ok := strings.CutPrefix(s, archiveScheme)
	if !ok {
		return "", "", false
	}
	file, ref = cutPath(rest)
	return file, ref, true
}

// resolveDaemon takes an image out of Docker Engine.
func (w *Workbench) resolveDaemon(ctx context.Context, ref string) (*resolved, error) {
	image, err := engine.DaemonImage(ctx, engine.Options{Address: w.options.DockerHost, TLS: tlsFiles(w.options.DockerTLS), Store: w.Cache}, ref)
	if err != nil {
		return nil, err
	}
	out, err := resolvedImage(image)
	if err != nil {
		return nil, err
	}
	if imageID.MatchString(ref) {
		out.naming = fmt.Sprintf("run docker tag %s %s:TAG, and pack %s%s:TAG", ref, exampleName, daemonScheme, exampleName)
	} else {
		out.name = ref
	}
	return out, nil
}

// imageID matches IDs of Docker Engine, whole and short, which are not names.
var imageID = regexp.MustCompile(`^(sha256:[0-9a-f]+|[0-9a-f]{12}|[0-9a-f]{64})$`)

// resolveArchive finds an image of an archive, ours or that of docker save. ref is a
// name, a digest, a name with a digest, or empty for the only image.
func (w *Workbench) resolveArchive(ctx context.Context, file, ref string) (*resolved, error) {
	archive, err := w.archives.Do(ctx, file, func() (*archiveSource, error) { return openArchive(ctx, file) })
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
	out.name, out.naming = found.name, found.naming(file)
	if index := found.index(); index != nil {
		out.kept = index.Index(nil)
	}
	return out, nil
}

// archivedImage is the image of an archive, or an index of those for several
// platforms.
func archivedImage(ctx context.Context, packed []*airgap.PackedImage) (*resolved, error) {
	if len(packed) == 1 {
		image, err := packed[0].Image(ctx)
		if err != nil {
			return nil, err
		}
		out, err := resolvedImage(image)
		if err == nil {
			out.descriptor.Platform = &packed[0].Platform
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
	return &resolved{descriptor: *d, raw: raw, index: index}, err
}

func resolvedImage(image v1.Image) (*resolved, error) {
	d, err := partial.Descriptor(image)
	if err != nil {
		return nil, err
	}
	raw, err := image.RawManifest()
	return &resolved{descriptor: *d, raw: raw, image: image}, err
}

package build

import (
	"context"
	"fmt"
	"runtime"
	"slices"
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

// cutArchive reads docker-archive:FILE[:REF].
func cutArchive(s string) (file, ref string, ok bool) {
	rest, ok := strings.CutPrefix(s, archiveScheme)
	if !ok {
		return "", "", false
	}
	volume := ""
	if runtime.GOOS == "windows" && len(rest) > 1 && rest[1] == ':' {
		volume, rest = rest[:2], rest[2:]
	}
	file, ref, _ = strings.Cut(rest, ":")
	return volume + file, ref, true
}

// resolveDaemon takes an image out of Docker Engine.
func (w *Workbench) resolveDaemon(ctx context.Context, ref string) (*resolved, error) {
	image, err := engine.DaemonImage(ctx, engine.Options{Address: w.settings.DockerHost, TLS: tlsFiles(w.settings.DockerTLS), Store: w.cache}, ref)
	if err != nil {
		return nil, err
	}
	return resolvedImage(image)
}

// resolveArchive finds an image of an archive, ours or that of docker save. The
// archive stays open, since layers are read when they are asked for.
func (w *Workbench) resolveArchive(ctx context.Context, file, ref string) (*resolved, error) {
	archive, err := w.archives.do(ctx, file, func() (*airgap.Archive, error) { return airgap.Open(ctx, file) })
	if err != nil {
		return nil, err
	}
	packed, err := archive.Images(ctx)
	if err != nil {
		return nil, err
	}
	if ref != "" {
		parsed, err := images.ParseReference(ref)
		if err != nil {
			return nil, usage(err)
		}
		packed = slices.DeleteFunc(slices.Clone(packed), func(p *airgap.PackedImage) bool { return !slices.Contains(p.Names, images.Qualified(parsed)) })
	}
	switch len(packed) {
	case 0:
		return nil, fmt.Errorf("archive %s has no image %s; see slipway airgap ls %s", file, ref, file)
	case 1:
		image, err := packed[0].Image(ctx)
		if err != nil {
			return nil, err
		}
		return resolvedImage(image)
	}
	if ref == "" {
		return nil, usage(fmt.Errorf("archive %s has %d images; name one: %s%s:REF", file, len(packed), archiveScheme, file))
	}
	// One name, several platforms.
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
		return nil, fmt.Errorf("archive %s: %w", file, err)
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

// nameOf is the reference under which an archive will have what ref names.
func (w *Workbench) nameOf(ctx context.Context, ref string) (string, error) {
	if dir, refName, ok := cutLayout(ref); ok {
		return layoutName(dir, refName)
	}
	if name, ok := strings.CutPrefix(ref, daemonScheme); ok {
		return name, nil
	}
	file, name, ok := cutArchive(ref)
	if !ok {
		return ref, nil
	}
	if name != "" {
		return name, nil
	}
	archive, err := w.archives.do(ctx, file, func() (*airgap.Archive, error) { return airgap.Open(ctx, file) })
	if err != nil {
		return "", err
	}
	packed, err := archive.Images(ctx)
	if err != nil {
		return "", err
	}
	if len(packed) != 1 || len(packed[0].Names) == 0 {
		return "", usage(fmt.Errorf("archive %s gives no name for its image; name one: %s%s:REF", file, archiveScheme, file))
	}
	return packed[0].Names[0], nil
}

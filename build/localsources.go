package build

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/internal/usage"
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

// resolveArchive finds an image of an archive, ours or that of docker save. The
// archive stays open, since layers are read when they are asked for. ref also names
// the image of an archive that has one alone, without a name, as docker save ID
// writes it.
func (w *Workbench) resolveArchive(ctx context.Context, file, ref string) (*resolved, error) {
	archive, err := w.archives.Do(ctx, file, func() (*archiveSource, error) { return openArchive(ctx, file) })
	if err != nil {
		return nil, err
	}
	packed, err := archive.named(ref)
	if err != nil {
		return nil, err
	}
	all := archive.images
	if len(packed) == 0 && areOneUnnamed(all) {
		packed = all
	}
	if len(packed) == 0 {
		return nil, fmt.Errorf("archive %s has no image %s; see slipway airgap ls %s", file, ref, file)
	}
	if len(packed) > 1 && ref == "" && !areOneUnnamed(packed) {
		return nil, usage.Errorf("archive %s has %d images; name one: %s%s:REF", file, len(packed), archiveScheme, file)
	}
	out, err := archivedImage(ctx, packed)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", file, err)
	}
	out.name, out.naming = ref, fmt.Sprintf("name it: %s%s:%s:TAG", archiveScheme, file, exampleName)
	if ref == "" && len(packed[0].Names) > 0 {
		out.name = packed[0].Names[0]
	}
	return out, nil
}

// An archiveSource is an archive that images are taken from. It stays open.
type archiveSource struct {
	images []*airgap.PackedImage
	byName map[string][]*airgap.PackedImage
}

func openArchive(ctx context.Context, file string) (*archiveSource, error) {
	archive, err := airgap.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	s := &archiveSource{byName: map[string][]*airgap.PackedImage{}}
	if s.images, err = archive.Images(ctx); err != nil {
		return nil, errors.Join(err, archive.Close())
	}
	for _, p := range s.images {
		for _, name := range p.Names {
			s.byName[name] = append(s.byName[name], p)
		}
	}
	return s, nil
}

// named are the images that have a name; all have the empty one.
func (s *archiveSource) named(ref string) ([]*airgap.PackedImage, error) {
	if ref == "" {
		return s.images, nil
	}
	parsed, err := images.ParseReference(ref)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	return s.byName[images.Qualified(parsed)], nil
}

// areOneUnnamed reports whether images are one without a name, or one for each of
// several platforms.
func areOneUnnamed(all []*airgap.PackedImage) bool {
	for i, p := range all {
		same := func(other *airgap.PackedImage) bool { return images.SamePlatform(p.Platform, other.Platform) }
		if len(p.Names) > 0 || slices.ContainsFunc(all[:i], same) {
			return false
		}
	}
	return len(all) > 0
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

package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
)

// A Pushed is an image or index of archives that a registry has now.
type Pushed struct {
	Ref    string  `json:"ref"`
	Digest v1.Hash `json:"digest"`
	// Platforms are those behind the tag.
	Platforms []Platform `json:"platforms"`
}

// PushArchives pushes the images of archives to target, REGISTRY[/PREFIX], under
// their names without their own registry: docker.io/rancher/x:v1 becomes
// REGISTRY/PREFIX/rancher/x:v1, where a mirror looks for it. A name that the
// archives have for several platforms becomes an index. What the registry has is
// skipped.
//
// Layers that lie uncompressed in an archive are pushed gzipped, as nodes want to
// pull them; those packed as original keep their digests, and so do manifests.
func (w *Workbench) PushArchives(ctx context.Context, paths []string, target string) ([]Pushed, error) {
	base, err := pushBase(target)
	if err != nil {
		return nil, usage(err)
	}
	files, err := airgap.ListArchives(paths)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, usage(fmt.Errorf("there is no archive in %s", strings.Join(paths, ", ")))
	}
	var (
		names    []string
		byName   = map[string][]*airgap.PackedImage{}
		archives []*airgap.Archive
	)
	defer func() {
		for _, a := range archives {
			a.Close()
		}
	}()
	for _, file := range files {
		a, err := airgap.Open(ctx, file)
		if err != nil {
			return nil, err
		}
		archives = append(archives, a)
		packed, err := a.Images(ctx)
		if err != nil {
			return nil, err
		}
		for _, image := range packed {
			for _, n := range image.Names {
				if byName[n] == nil {
					names = append(names, n)
				}
				byName[n] = append(byName[n], image)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no image in %s has a name", strings.Join(files, ", "))
	}
	var made memo[v1.Image]
	pushed := make([]Pushed, len(names))
	err = each(ctx, len(names), max(w.settings.Jobs, minTransfers), func(i int) error {
		var err error
		if pushed[i], err = w.pushPacked(ctx, base, names[i], byName[names[i]], &made); err != nil {
			return fmt.Errorf("pushing %s: %w", names[i], err)
		}
		return nil
	})
	return pushed, err
}

// pushBase is where names are appended to.
func pushBase(target string) (string, error) {
	target = strings.TrimSuffix(target, "/")
	host, prefix, _ := strings.Cut(target, "/")
	if _, err := name.NewRegistry(host, name.StrictValidation); err != nil || strings.HasSuffix(host, ":") {
		return "", fmt.Errorf("registry %q: want HOST[:PORT][/PREFIX], such as registry.example.com:5000/mirror", target)
	}
	if prefix != "" {
		if _, err := name.NewRepository(target, name.StrictValidation); err != nil {
			return "", fmt.Errorf("registry %q: %w", target, err)
		}
	}
	return target, nil
}

func (w *Workbench) pushPacked(ctx context.Context, base, named string, packed []*airgap.PackedImage, made *memo[v1.Image]) (Pushed, error) {
	ref, err := images.ParseReference(named)
	if err != nil {
		return Pushed{}, err
	}
	to, err := images.ParseReference(base + "/" + ref.Context().RepositoryStr() + ":" + ref.Identifier())
	if err != nil {
		return Pushed{}, err
	}
	out := Pushed{Ref: to.Name()}
	var entries []images.IndexEntry
	seen := map[v1.Hash]bool{}
	for _, p := range packed {
		if seen[p.ID] {
			continue // the same image in several archives
		}
		seen[p.ID] = true
		image, err := made.do(ctx, p.ID.String()+" "+p.Manifest.Digest.String(), func() (v1.Image, error) { return w.gzipped(ctx, p) })
		if err != nil {
			return out, err
		}
		entries = append(entries, images.IndexEntry{Name: images.FormatPlatform(p.Platform), Image: image})
		out.Platforms = append(out.Platforms, Platform{p.Platform})
	}
	var what any = entries[0].Image
	if len(entries) > 1 {
		if what, err = images.NewIndex(entries, nil); err != nil {
			return out, err
		}
	}
	d, err := w.registry.Push(ctx, to, what)
	out.Digest = d.Digest
	return out, err
}

// gzipped is an image of an archive with its uncompressed layers gzipped, which is
// done once and kept in the content cache.
func (w *Workbench) gzipped(ctx context.Context, packed *airgap.PackedImage) (v1.Image, error) {
	image, err := packed.Image(ctx)
	if err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	format := images.Format{}
	if manifest.MediaType == types.DockerManifestSchema2 {
		format.MediaTypes = "docker"
	}
	plain := 0
	described := make([]images.DescribedLayer, len(layers))
	var errs []error
	for i, l := range layers {
		described[i] = images.DescribedLayer{Layer: l, Descriptor: manifest.Layers[i]}
		if !isPlain(manifest.Layers[i].MediaType) {
			continue
		}
		plain++
		described[i], err = w.gzipLayer(ctx, l, format)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil || plain == 0 {
		return image, err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, err
	}
	return images.Compose(format, config, described)
}

func isPlain(m types.MediaType) bool {
	return m == types.OCIUncompressedLayer || m == types.DockerUncompressedLayer
}

func (w *Workbench) gzipLayer(ctx context.Context, l v1.Layer, format images.Format) (images.DescribedLayer, error) {
	diffID, err := l.DiffID()
	if err != nil {
		return images.DescribedLayer{}, err
	}
	compressed, err := w.cache.Layer(ctx, "diff ID "+diffID.String(), images.Compression{}, func(to io.Writer) error {
		from, err := l.Uncompressed()
		if err != nil {
			return err
		}
		defer from.Close()
		_, err = io.Copy(to, from)
		return err
	})
	if err != nil {
		return images.DescribedLayer{}, err
	}
	d := v1.Descriptor{MediaType: format.Layer("gzip")}
	if d.Digest, err = compressed.Digest(); err != nil {
		return images.DescribedLayer{}, err
	}
	d.Size, err = compressed.Size()
	return images.DescribedLayer{Layer: compressed, Descriptor: d}, err
}

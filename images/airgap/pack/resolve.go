package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/progress"
)

// resolve determines the form of each image in the archive, and fetches the layers that have to be read.
func (p *packer) resolve(ctx context.Context, all []Image) ([]resolvedImage, error) {
	if len(all) == 0 {
		return nil, errors.New("no images to pack")
	}
	packed := make([]resolvedImage, len(all))
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(fetches)
	for i, img := range all {
		group.Go(func() error {
			packed[i], errs[i] = p.resolveImage(ctx, img)
			if errs[i] != nil {
				errs[i] = fmt.Errorf("image %s: %w", imageName(img, i), errs[i])
			}
			return nil
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return packed, errors.Join(errs...)
}

func imageName(img Image, i int) string {
	if len(img.Names) == 0 {
		return fmt.Sprintf("number %d", i+1)
	}
	return images.Familiar(img.Names[0])
}

func (p *packer) resolveImage(ctx context.Context, img Image) (out resolvedImage, err error) {
	out.own = img.Own
	if out.tags, err = tagsOf(ctx, img); err != nil {
		return out, err
	}
	manifest, config, err := p.readImage(ctx, img, &out)
	if err != nil {
		return out, err
	}
	if out.layers, err = p.layersOf(ctx, img, manifest, config); err != nil {
		return out, err
	}
	if p.proof != nil {
		if err := out.addRegistry(img); err != nil {
			return out, err
		}
	}
	if p.original {
		return out, errors.Join(out.keepIndex(ctx, img.Index), checkOriginal(manifest, out.layers))
	}
	if isPlain(manifest, out.manifest.MediaType) && !slices.ContainsFunc(out.layers, func(l frame.Layer) bool { return !l.Verbatim() }) {
		return out, nil // the manifest stays as it is
	}
	out.rawManifest, out.manifest, err = rewrite(manifest, out.layers)
	return out, err
}

// tagsOf returns the names of an image in the archive, and warns about names that some readers cannot parse.
func tagsOf(ctx context.Context, img Image) ([]name.Tag, error) {
	if len(img.Names) == 0 {
		return nil, errors.New("it has no name, by which nodes could find it in the archive")
	}
	var tags []name.Tag
	for _, ref := range img.Names {
		tag, err := format.Tag(ref)
		if err != nil {
			return nil, err
		}
		if note := format.NameWarning(tag); note != "" {
			progress.Warn(ctx, fmt.Sprintf("image %s: %s", images.Familiar(tag), note))
		}
		tags = append(tags, tag)
	}
	return tags, nil
}

// keepIndex keeps the index that the image was chosen from, if any, under all names of the image.
func (img *resolvedImage) keepIndex(ctx context.Context, index v1.ImageIndex) error {
	if index == nil {
		return nil
	}
	kept, err := keepIndex(ctx, index, img.manifest.Digest)
	if err != nil {
		return err
	}
	img.indexes = map[string]*keptIndex{}
	for _, tag := range img.tags {
		img.indexes[tag.Name()] = kept
	}
	return nil
}

// readImage reads the manifest and the config of an image into out. An artifact that is not an image is
// an error.
func (p *packer) readImage(ctx context.Context, from Image, out *resolvedImage) (*v1.Manifest, *v1.ConfigFile, error) {
	var (
		img       = from.Image
		err       error
		mediaType types.MediaType
	)
	if out.rawManifest, err = img.RawManifest(); err != nil {
		return nil, nil, fmt.Errorf("reading its manifest: %w", err)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(out.rawManifest))
	if err != nil {
		return nil, nil, fmt.Errorf("reading its manifest: %w", err)
	}
	if mediaType, err = img.MediaType(); err != nil {
		return nil, nil, err
	}
	if err := images.CheckImage(manifest); err != nil {
		return nil, nil, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(out.rawManifest))
	if err != nil {
		return nil, nil, err
	}
	out.manifest = v1.Descriptor{MediaType: mediaType, Size: size, Digest: digest}
	if out.rawConfig, err = img.RawConfigFile(); err != nil {
		return nil, nil, fmt.Errorf("reading its config: %w", err)
	}
	if digest, _, err = v1.SHA256(bytes.NewReader(out.rawConfig)); err == nil && digest != manifest.Config.Digest {
		err = fmt.Errorf("it has the digest %s, but the manifest has %s", digest, manifest.Config.Digest)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading its config: %w", err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(out.rawConfig))
	if err != nil {
		return nil, nil, fmt.Errorf("reading its config: %w", err)
	}
	if out.platform, err = platformOf(ctx, from, config); err != nil {
		return nil, nil, err
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, nil, fmt.Errorf("its manifest has %d layers and its config %d diff IDs", len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	out.config = manifest.Config
	return manifest, config, nil
}

// platformOf returns the platform of an image: the one in its config, unless the index from which it was chosen
// differs; see images.EntryPlatform.
func platformOf(ctx context.Context, from Image, config *v1.ConfigFile) (v1.Platform, error) {
	stated := images.PlatformIn(config)
	if from.Platform.OS == "" {
		return stated, nil
	}
	if _, err := images.SelectPlatform(from.Platform, []v1.Platform{stated}); err == nil {
		return images.PlatformFor(stated, from.Platform), nil
	}
	platform, differs, err := images.EntryPlatform(from.Platform, stated)
	if differs && err == nil {
		progress.Warn(ctx, fmt.Sprintf("image %s is for %s by its index and for %s by its config; nodes use the index",
			imageName(from, 0), images.FormatPlatform(from.Platform), images.FormatPlatform(stated)))
	}
	return platform, err
}

// checkOriginal returns an error if nodes cannot read the original layers of an image.
func checkOriginal(m *v1.Manifest, layers []frame.Layer) error {
	judged := make([]format.NamedLayer, len(layers))
	for i, l := range layers {
		if _, err := format.CheckLayerType(l.Source.String(), m.Layers[i].MediaType, l.Compression); err != nil {
			return fmt.Errorf("%w; pack with uncompressed layers", err)
		}
		judged[i] = format.NamedLayer{Name: l.Source.String(), Compression: l.Compression}
	}
	if errs := format.CheckLayers(judged); len(errs) > 0 {
		return fmt.Errorf("%w; pack with uncompressed layers", errs[0])
	}
	return nil
}

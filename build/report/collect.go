package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/redact"
)

// A collector fills a report.
type collector struct {
	source *Source
	report *Document
}

// note records why something is not in the report, unless the source just does not have it.
func (c *collector) note(what string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, context.Canceled) {
		c.report.Notes = append(c.report.Notes, fmt.Sprintf("%s: %v", what, redact.Error(err)))
	}
}

// images adds the images of dist/oci.
func (c *collector) images(ctx context.Context) {
	seen := map[string]bool{}
	for _, m := range c.report.Made {
		if m.Kind != "image" {
			continue
		}
		image, err := c.source.files.Image(ctx, m)
		if err == nil {
			var one SizedImage
			if one, err = layersOf(image, m, seen); err == nil {
				c.report.Images = append(c.report.Images, one)
			}
		}
		c.note(m.Where(), err)
	}
}

// layersOf returns an image with its layers. seen has the layers of the images before.
func layersOf(image v1.Image, m release.Made, seen map[string]bool) (SizedImage, error) {
	one := SizedImage{Image: familiar(m.Ref), Platform: m.Platform, Digest: m.Digest}
	manifest, err := image.Manifest()
	if err != nil {
		return one, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return one, err
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return one, fmt.Errorf("the config has %d layers and the manifest %d", len(config.RootFS.DiffIDs), len(manifest.Layers))
	}
	for i, l := range manifest.Layers {
		one.add(SizedLayer{DiffID: config.RootFS.DiffIDs[i].String(), Size: l.Size}, seen)
	}
	return one, nil
}

// add adds a layer. It counts for the first image that has it.
func (i *SizedImage) add(l SizedLayer, seen map[string]bool) {
	l.Elsewhere = seen[l.DiffID]
	if !l.Elsewhere {
		seen[l.DiffID] = true
		i.Size += l.Size
	}
	i.Layers = append(i.Layers, l)
}

func familiar(text string) string {
	ref, err := images.ParseReference(text)
	if err != nil {
		return text
	}
	return images.Familiar(ref)
}

// archives adds the smallest archive of each list and platform.
func (c *collector) archives(ctx context.Context) {
	var found []SizedArchive
	for _, m := range c.report.Made {
		if m.Kind != "archive" {
			continue
		}
		path := format.Whole(m.Path) // a split archive has several files
		if n := len(found); n > 0 && found[n-1].Path == path {
			found[n-1].Size += m.Size
			continue
		}
		found = append(found, SizedArchive{Name: m.Name, Platform: m.Platform, Path: path, Size: m.Size, Images: []SizedImage{}})
	}
	slices.SortStableFunc(found, func(a, b SizedArchive) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), images.ComparePlatforms(a.Platform.Platform, b.Platform.Platform), cmp.Compare(a.Size, b.Size))
	})
	found = slices.CompactFunc(found, func(a, b SizedArchive) bool { return a.Name == b.Name && a.Platform.String() == b.Platform.String() })
	for _, a := range found {
		at, err := c.source.locate(ctx, a.Path)
		if err == nil {
			err = a.read(ctx, at)
		}
		c.note(a.Path, err)
		c.report.Archives = append(c.report.Archives, a)
	}
}

// read lists the images of an archive.
func (a *SizedArchive) read(ctx context.Context, at string) error {
	archive, err := airgap.Open(ctx, at)
	if err != nil {
		return err
	}
	defer archive.Close()
	packed, _, err := archive.Contents(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	a.Rest = archive.Size()
	for _, img := range packed {
		one := SizedImage{Image: img.String(), Platform: images.Platform{Platform: img.Platform}, Digest: img.ID.String()}
		for _, l := range img.Layers {
			size, err := stored(ctx, archive, l)
			if err != nil {
				return err
			}
			one.add(SizedLayer{DiffID: l.DiffID.String(), Size: size}, seen)
		}
		a.Rest -= one.Size
		a.Images = append(a.Images, one)
	}
	return nil
}

// stored returns the number of bytes of an archive that a layer takes. Files that are compressed together share them in
// proportion to their sizes.
func stored(ctx context.Context, a *airgap.Archive, l airgap.PackedLayer) (int64, error) {
	f, err := a.File(ctx, l.File())
	if err != nil {
		return 0, err
	}
	if frame, ok := a.FrameOf(f); ok && frame.TarSize > 0 {
		return int64(float64(f.Size()) / float64(frame.TarSize) * float64(frame.Size)), nil
	}
	return f.Size(), nil
}

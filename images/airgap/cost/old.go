package cost

import (
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/delta"
)

// An Old is what a node has before an update. The zero value stands for nothing: the node then needs the whole of NEW.
type Old struct {
	// Name has the paths of archives, or the names of other olds, without secrets.
	Name string
	// Deltas is what the deltas are made for.
	Deltas delta.Olds
	// Images are the old images.
	Images []OldImage
}

// An OldImage is an image of OLD.
type OldImage struct {
	// Name is for messages, and Names are its fully qualified names.
	Name     string
	Names    []string
	Platform v1.Platform
	// ID is the digest of the config.
	ID      v1.Hash
	DiffIDs []v1.Hash
}

// oldImage returns an image of an archive as an old one.
func oldImage(img *airgap.PackedImage) OldImage {
	old := OldImage{Name: img.String(), Names: img.Names, Platform: img.Platform, ID: img.ID}
	for _, l := range img.Layers {
		old.DiffIDs = append(old.DiffIDs, l.DiffID)
	}
	return old
}

// OldArchives returns archives, by their paths or URLs, as OLD.
func OldArchives(ctx context.Context, paths ...string) (Old, error) {
	old := Old{Deltas: delta.Olds{Files: paths}}
	var names []string
	for _, path := range paths {
		archive, list, err := open(ctx, path)
		if err != nil {
			return Old{}, err
		}
		names = append(names, archive.Path())
		for _, img := range list {
			old.Images = append(old.Images, oldImage(img))
		}
		if err := archive.Close(); err != nil {
			return Old{}, err
		}
	}
	old.Name = strings.Join(names, ", ")
	return old, nil
}

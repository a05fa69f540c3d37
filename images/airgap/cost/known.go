package cost

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
)

// known are the images of the old archive.
type known struct {
	list []*airgap.PackedImage
	ids  map[v1.Hash]bool
	// places are the first images of each repository and platform.
	places map[string]*airgap.PackedImage
}

func newKnown(list []*airgap.PackedImage) *known {
	k := &known{list: list, ids: map[v1.Hash]bool{}, places: map[string]*airgap.PackedImage{}}
	for _, img := range list {
		k.ids[img.ID] = true
		for _, place := range placesOf(img) {
			if k.places[place] == nil {
				k.places[place] = img
			}
		}
	}
	return k
}

// placesOf returns the repositories of an image, with its platform.
func placesOf(img *airgap.PackedImage) (all []string) {
	for _, n := range img.Names {
		if ref, err := images.ParseReference(n); err == nil {
			all = append(all, ref.Context().Name()+" "+images.FormatPlatform(img.Platform))
		}
	}
	return all
}

// find returns the status of an image, and its name in the old archive if it changed.
func (k *known) find(img *airgap.PackedImage) (status, old string) {
	if k.ids[img.ID] {
		return Unchanged, ""
	}
	for _, place := range placesOf(img) {
		if before := k.places[place]; before != nil {
			return changed, before.String()
		}
	}
	return added, ""
}

// removed returns the images that list has no version of, sorted.
func (k *known) removed(list []*airgap.PackedImage) (names []string) {
	there := newKnown(list)
	for _, img := range k.list {
		if status, _ := there.find(img); status == added {
			names = append(names, img.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

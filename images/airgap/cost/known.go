package cost

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
)

// known are the images of OLD.
type known struct {
	list []OldImage
	ids  map[v1.Hash]bool
	// places are the names of the first images of each repository and platform.
	places map[string]string
}

func newKnown(list []OldImage) *known {
	k := &known{list: list, ids: map[v1.Hash]bool{}, places: map[string]string{}}
	for _, img := range list {
		k.ids[img.ID] = true
		for _, place := range img.places() {
			if k.places[place] == "" {
				k.places[place] = img.Name
			}
		}
	}
	return k
}

// places returns the repositories of an image, with its platform.
func (i OldImage) places() (all []string) {
	for _, n := range i.Names {
		if ref, err := images.ParseReference(n); err == nil {
			all = append(all, ref.Context().Name()+" "+images.FormatPlatform(i.Platform))
		}
	}
	return all
}

// find returns the status of an image, and its name in OLD if it changed.
func (k *known) find(img OldImage) (status, old string) {
	if k.ids[img.ID] {
		return Unchanged, ""
	}
	for _, place := range img.places() {
		if before := k.places[place]; before != "" {
			return changed, before
		}
	}
	return added, ""
}

// removed returns the images that the list of the new archive has no version of, sorted.
func (k *known) removed(list []*airgap.PackedImage) (names []string) {
	var now []OldImage
	for _, img := range list {
		now = append(now, oldImage(img))
	}
	there := newKnown(now)
	for _, img := range k.list {
		if status, _ := there.find(img); status == added {
			names = append(names, img.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

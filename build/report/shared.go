package report

import (
	"cmp"
	"slices"
)

// A tally finds the layers that several images or archives have.
type tally map[string]*SharedLayer

// shared returns the layers that several images or archives have. Those with the most bytes come first.
func shared(r *Document) []SharedLayer {
	layers := tally{}
	layers.enter(r.Images, "")
	of := map[string]map[string]bool{} // the layers of the archives of a platform
	for _, a := range r.Archives {
		platform := a.Platform.String()
		if of[platform] == nil {
			of[platform] = map[string]bool{}
		}
		for id, size := range layers.enter(a.Images, a.Name+" for "+platform) {
			if of[platform][id] {
				layers[id].Repeated += size
			}
			of[platform][id] = true
		}
	}
	out := []SharedLayer{}
	for _, s := range layers {
		slices.Sort(s.Images)
		s.Images = slices.Compact(s.Images)
		if s.Saved > 0 || s.Repeated > 0 {
			out = append(out, *s)
		}
	}
	slices.SortFunc(out, func(a, b SharedLayer) int {
		return cmp.Or(cmp.Compare(b.Saved+b.Repeated, a.Saved+a.Repeated), cmp.Compare(a.DiffID, b.DiffID))
	})
	return out
}

// enter counts the layers of images that are kept together, in an archive or in a registry. It returns their sizes.
func (t tally) enter(all []SizedImage, archive string) map[string]int64 {
	sizes := map[string]int64{}
	for _, image := range all {
		own := map[string]bool{} // an image may have a layer twice
		for _, l := range image.Layers {
			if own[l.DiffID] {
				continue
			}
			own[l.DiffID] = true
			s := t[l.DiffID]
			if s == nil {
				s = &SharedLayer{DiffID: l.DiffID, Images: []string{}, Archives: []string{}}
				t[l.DiffID] = s
			}
			s.Size = max(s.Size, l.Size)
			s.Images = append(s.Images, image.Image)
			if _, again := sizes[l.DiffID]; again {
				s.Saved += l.Size
			} else if archive != "" {
				s.Archives = append(s.Archives, archive)
			}
			sizes[l.DiffID] = l.Size
		}
	}
	return sizes
}

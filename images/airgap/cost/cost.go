package cost

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/delta"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// Sizes are numbers of bytes.
type Sizes struct {
	// Archive is the size in the new archive.
	Archive int64 `json:"archive"`
	// Delta is the size in the delta that `airgap diff` writes, and Portable the size in that of `airgap diff --portable`. A
	// compressed archive has no portable delta for layers: Portable is then the size in the archive, which is carried whole.
	Delta    int64 `json:"delta"`
	Portable int64 `json:"portable"`
	// Pull is the size of the compressed layers that a node with the old images lacks, as `airgap push` sends them, with
	// the configs and manifests of images that changed.
	Pull int64 `json:"pull"`
}

// Plus returns the sums of both sizes.
func (s Sizes) Plus(other Sizes) Sizes {
	return Sizes{s.Archive + other.Archive, s.Delta + other.Delta, s.Portable + other.Portable, s.Pull + other.Pull}
}

// An Update is the step from one archive to another one.
type Update struct {
	// Old has the paths of the old archives, or the names of the old images, without secrets. It is empty if there are none:
	// NEW is carried whole.
	Old string `json:"old,omitempty"`
	New string `json:"new"`
	// Total is the size of the archive and of both deltas, to the byte, and the sum of all pulls.
	Total Sizes `json:"total"`
	// Images are the images of the new archive. Those with the largest deltas come first.
	Images []Image `json:"images"`
	// Removed are the images that the new archive has no version of.
	Removed []string `json:"removed"`
	// Rest is what belongs to no image.
	Rest Sizes `json:"rest"`
}

// The states of images.
const (
	Unchanged = "unchanged" // OLD has the image, perhaps by another name
	changed   = "changed"   // OLD has another image of the repository
	added     = "added"
)

// The states of layers.
const (
	same   = "same" // OLD has the layer
	fresh  = "new"
	shared = "shared" // it counts for an image before
)

// An Image is an image of the new archive.
type Image struct {
	Image    string `json:"image"`
	Platform string `json:"platform"`
	Status   string `json:"status"`
	// Old is the name of the image in the old archive, if it changed.
	Old string `json:"old,omitempty"`
	// Sizes are those of the layers and of Own.
	Sizes
	// Own is the size of the config and the manifest.
	Own    Sizes   `json:"own"`
	Layers []Layer `json:"layers"`
}

// A Layer is a layer of an image. Its sizes are 0 if it is shared.
type Layer struct {
	Digest v1.Hash `json:"digest"`
	DiffID v1.Hash `json:"diffID"`
	// Size is that of the file in the tar, in bytes.
	Size   int64  `json:"size"`
	Status string `json:"status"`
	Sizes
}

// A Pushed function returns an image of an archive as it is in a registry.
type Pushed func(ctx context.Context, img *airgap.PackedImage) (v1.Image, error)

// Of returns what the update from OLD to an archive costs, which is named by its path or URL. It makes both deltas, without
// writing them.
func Of(ctx context.Context, old Old, new string, pushed Pushed) (*Update, error) {
	archive, list, err := open(ctx, new)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	u := &Update{Old: old.Name, New: archive.Path(), Removed: []string{}}
	b := &book{rest: &u.Rest, frames: slices.Clone(archive.Frames()), plain: archive.Codec() == format.Tar}
	if err := u.list(ctx, b, old.Images, list); err != nil {
		return nil, err
	}
	b.sort()
	if err := u.pull(ctx, list, pushed); err != nil {
		return nil, err
	}
	whole := delta.Share{Size: archive.Size(), Bytes: archive.Size()}
	b.archive(whole, false, func(s *Sizes, n int64) { s.Archive += n })
	if old.Name == "" {
		b.archive(whole, false, func(s *Sizes, n int64) { s.Delta, s.Portable = s.Delta+n, s.Portable+n })
	} else if err := b.deltas(ctx, old.Deltas, new, whole); err != nil {
		return nil, err
	}
	u.sum()
	return u, nil
}

// open opens an archive and lists its images.
func open(ctx context.Context, path string) (*airgap.Archive, []*airgap.PackedImage, error) {
	a, err := airgap.Open(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	list, err := a.Images(ctx)
	if err != nil {
		a.Close()
	}
	return a, list, err
}

// list lists the images and their layers, and enters them into the book.
func (u *Update) list(ctx context.Context, b *book, before []OldImage, list []*airgap.PackedImage) error {
	had, known := map[v1.Hash]bool{}, newKnown(before)
	for _, img := range before {
		for _, diffID := range img.DiffIDs {
			had[diffID] = true
		}
	}
	u.Images = make([]Image, len(list)) // the book points to its elements
	seen := map[v1.Hash]bool{}
	for i, img := range list {
		one := &u.Images[i]
		one.Image, one.Platform = img.String(), images.FormatPlatform(img.Platform)
		one.Status, one.Old = known.find(oldImage(img))
		one.Layers = make([]Layer, len(img.Layers))
		for j, l := range img.Layers {
			layer := &one.Layers[j]
			*layer = Layer{Digest: l.Digest, DiffID: l.DiffID, Size: l.Size, Status: fresh}
			switch {
			case seen[l.Digest]:
				layer.Status = shared
				continue
			case had[l.DiffID]:
				layer.Status = same
			}
			seen[l.Digest] = true
			if err := b.own(ctx, img.Archive(), l.File(), &layer.Sizes, layer.Status == fresh); err != nil {
				return err
			}
		}
		for _, digest := range []v1.Hash{img.ID, img.Manifest.Digest} {
			if seen[digest] {
				continue
			}
			seen[digest] = true
			if err := b.own(ctx, img.Archive(), format.BlobName(digest), &one.Own, one.Status != Unchanged); err != nil {
				return err
			}
		}
	}
	u.Removed = append(u.Removed, known.removed(list)...)
	return nil
}

// pull adds what a pull transfers.
func (u *Update) pull(ctx context.Context, list []*airgap.PackedImage, pushed Pushed) error {
	for i, img := range list {
		one := &u.Images[i]
		if one.Status == Unchanged {
			continue
		}
		image, err := pushed(ctx, img)
		if err != nil {
			return err
		}
		m, err := image.Manifest()
		if err != nil {
			return err
		}
		size, err := image.Size()
		if err != nil {
			return err
		}
		if len(m.Layers) != len(one.Layers) {
			return fmt.Errorf("image %s has %d layers in the archive, and %d in a registry", one.Image, len(one.Layers), len(m.Layers))
		}
		one.Own.Pull = size + m.Config.Size
		for j := range m.Layers {
			if one.Layers[j].Status == fresh {
				one.Layers[j].Pull = m.Layers[j].Size
			}
		}
	}
	return nil
}

// deltas counts the bytes of both deltas. whole is the new archive.
func (b *book) deltas(ctx context.Context, old delta.Olds, new string, whole delta.Share) error {
	for _, kind := range []struct {
		opts delta.Options
		add  func(s *Sizes, n int64)
	}{
		{delta.Options{}, func(s *Sizes, n int64) { s.Delta += n }},
		{delta.Options{Portable: true}, func(s *Sizes, n int64) { s.Portable += n }},
	} {
		if kind.opts.Portable && old.Layers != nil && !b.plain {
			b.archive(whole, false, kind.add) // a portable delta needs the compressed bytes of OLD, which layers do not have
			continue
		}
		m, err := delta.Measure(ctx, old, new, kind.opts)
		if err != nil {
			return err
		}
		for _, s := range m.Added {
			b.archive(s, true, kind.add)
		}
		for _, s := range m.Patched {
			b.tar(s, true, kind.add)
		}
		kind.add(b.rest, m.Rest)
	}
	return nil
}

// sum adds the sizes up, and sorts the images.
func (u *Update) sum() {
	u.Total = u.Rest
	for i := range u.Images {
		one := &u.Images[i]
		one.Sizes = one.Own
		for _, l := range one.Layers {
			one.Sizes = one.Plus(l.Sizes)
		}
		u.Total = u.Total.Plus(one.Sizes)
	}
	slices.SortStableFunc(u.Images, func(a, b Image) int {
		return cmp.Or(cmp.Compare(b.Delta, a.Delta), cmp.Compare(a.Image, b.Image), cmp.Compare(a.Platform, b.Platform))
	})
}

package carry

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/progress"
)

// maxMerged limits the size of a layer that is merged, in bytes. A signature has less than a kilobyte, an SBOM may have
// some megabytes.
const maxMerged = 64 << 20

// Media types of the layers of cosign's signatures and attestations.
const (
	simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"
	dsseEnvelope  = "application/vnd.dsse.envelope.v1+json"
)

// mergeTag returns the content of a tag of cosign that has both what the target has and what is copied. Cosign keeps the
// signatures of one image, or its attestations, as layers of one manifest, and adds to it in the same way. Content that
// cannot be merged, such as two SBOMs, is replaced with a warning.
func mergeTag(ctx context.Context, tag name.Tag, target *registry.Manifest, copied images.Artifact) (images.Artifact, error) {
	ours, ok := copied.(v1.Image)
	if ok && target.Descriptor.MediaType.IsImage() {
		theirs, err := target.Image()
		if err != nil {
			return nil, err
		}
		merged, err := mergeLayers(theirs, ours)
		if err != nil || merged != nil {
			return merged, err
		}
	}
	progress.Warn(ctx, fmt.Sprintf("%s is replaced: it cannot be merged with its former content, %s", images.Familiar(tag), target.Descriptor.Digest))
	return copied, nil
}

// mergeLayers returns an image with the layers of both, or nil if they are not signatures or attestations.
func mergeLayers(theirs, ours v1.Image) (v1.Image, error) {
	a, err := theirs.Manifest()
	if err != nil {
		return nil, err
	}
	b, err := ours.Manifest()
	if err != nil {
		return nil, err
	}
	if !mergeable(a.Layers) || !mergeable(b.Layers) {
		return nil, nil
	}
	missing := without(b.Layers, a.Layers)
	switch {
	case len(missing) == 0:
		return theirs, nil
	case len(without(a.Layers, b.Layers)) == 0:
		return ours, nil
	}
	var added []mutate.Addendum
	for _, d := range missing {
		l, err := ours.LayerByDigest(d.Digest)
		if err != nil {
			return nil, err
		}
		raw, err := readLayer(l, d)
		if err != nil {
			return nil, err
		}
		added = append(added, mutate.Addendum{Layer: static.NewLayer(raw, d.MediaType), MediaType: d.MediaType, Annotations: d.Annotations})
	}
	return mutate.Append(theirs, added...)
}

// mergeable reports whether layers are signatures or attestations of cosign.
func mergeable(layers []v1.Descriptor) bool {
	return !slices.ContainsFunc(layers, func(d v1.Descriptor) bool {
		return d.Size > maxMerged || d.MediaType != simpleSigning && d.MediaType != dsseEnvelope
	})
}

// without returns the layers of a that b does not have. Several signatures of one image may have the same payload, and
// differ in their annotations.
func without(a, b []v1.Descriptor) []v1.Descriptor {
	return slices.DeleteFunc(slices.Clone(a), func(d v1.Descriptor) bool {
		return slices.ContainsFunc(b, func(e v1.Descriptor) bool {
			return e.Digest == d.Digest && maps.Equal(e.Annotations, d.Annotations)
		})
	})
}

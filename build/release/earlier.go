package release

import (
	"context"
	"errors"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
)

// earlierImages are the images and indexes that earlier runs made from the same inputs.
type earlierImages struct {
	digests map[string]string // by tag
	names   *store.Names      // of dist/oci
}

func (r *Release) earlierImages(ctx context.Context) (earlierImages, error) {
	return r.earlier.Do(ctx, "", func() (earlierImages, error) {
		report, err := r.readOwnReport()
		if err != nil {
			return earlierImages{}, err
		}
		names, err := r.layout.Names()
		return earlierImages{report.digests(), names}, err
	})
}

// reportedMember returns the image or index that a merge has copied, or an earlier run has made, under the tag ref, or
// nil.
func (r *Release) reportedMember(ctx context.Context, ref string) (v1.Image, v1.ImageIndex, error) {
	if m, ok := r.report.find(ref); ok {
		h, err := v1.NewHash(m.Digest)
		if err != nil {
			return nil, nil, err
		}
		return r.member(h, m.Kind == "index")
	}
	earlier, err := r.earlierImages(ctx)
	if err != nil || earlier.digests[ref] == "" {
		return nil, nil, err
	}
	d, err := earlier.names.Lookup(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil || d.Digest.String() != earlier.digests[ref] {
		return nil, nil, err
	}
	return r.member(d.Digest, d.MediaType.IsIndex())
}

// member returns an image or an index in dist/oci.
func (r *Release) member(digest v1.Hash, isIndex bool) (v1.Image, v1.ImageIndex, error) {
	if isIndex {
		index, err := r.layout.Index(digest)
		return nil, index, err
	}
	image, err := r.layout.Image(digest)
	return image, nil, err
}

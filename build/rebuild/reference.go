package rebuild

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images"
)

// A reference is one published image or index.
type reference struct {
	where string // name of the subject that it is compared with
	image v1.Image
	index v1.ImageIndex
}

// newReference returns the side of an image or an index; the other one is nil. It is compared with the subject that has its
// digest, or else the same tag in a repository of the same name. ref is its name in a registry.
func newReference(ref string, image v1.Image, index v1.ImageIndex, subjects []release.Made) (*reference, error) {
	var (
		artifact images.Artifact = image
		refs     []string
		similar  string
	)
	if index != nil {
		artifact = index
	}
	digest, err := artifact.Digest()
	if err != nil {
		return nil, err
	}
	for _, m := range subjects {
		switch {
		case m.Ref == "":
			continue
		case m.Digest == digest.String() || m.Ref == ref:
			return &reference{m.Ref, image, index}, nil
		case path.Base(m.Ref) == path.Base(ref):
			similar = m.Ref
		}
		refs = append(refs, m.Ref)
	}
	if similar == "" {
		return nil, fmt.Errorf("comparing with %s: the release has no image with this tag and name, and none with the digest %s; it has %s", ref, digest, strings.Join(refs, ", "))
	}
	return &reference{similar, image, index}, nil
}

// Has is true for one subject.
func (r *reference) Has(m release.Made) bool { return m.Ref == r.where && m.Path == "" }

// File fails, since Has is false for files.
func (r *reference) File(context.Context, release.Made) (string, func(), error) {
	return "", nil, fs.ErrNotExist
}

// Image returns the image or index.
func (r *reference) Image(context.Context, release.Made) (v1.Image, v1.ImageIndex, error) {
	return r.image, r.index, nil
}

// Others returns nothing.
func (r *reference) Others([]release.Made) []string { return nil }

package containerd

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/images"
)

// A StoredImage is an image of one platform that containerd has.
type StoredImage struct {
	// Name is a name with a tag, if the image has one.
	Name string
	// Image reads the content of containerd. containerd may lack a layer, such as one that it has removed after unpacking
	// it; the error of reading it then wraps fs.ErrNotExist.
	Image v1.Image
}

// maxDocument is the maximum size of a manifest, index or config that is read, in bytes.
const maxDocument = 16 << 20

// Images lists the images whose manifest and config containerd has, in the order of their names. ctx must be valid while
// they are used.
func (c *Client) Images(ctx context.Context) ([]StoredImage, error) {
	ctx = c.in(ctx)
	list, err := c.images.List(ctx, &imagesapi.ListImagesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing the images of containerd: %w", plain(err))
	}
	// The kubelet also has names without a tag: REPOSITORY@DIGEST and sha256:ID.
	untagged := func(r *imagesapi.Image) int { return strings.Count(r.Name, "sha256:") }
	slices.SortFunc(list.Images, func(a, b *imagesapi.Image) int {
		return cmp.Or(cmp.Compare(untagged(a), untagged(b)), cmp.Compare(a.Name, b.Name))
	})
	l := &lister{client: c, ctx: ctx, seen: map[v1.Hash]bool{}}
	for _, r := range list.Images {
		h, err := v1.NewHash(r.Target.GetDigest())
		if err != nil {
			continue // we read no blobs with other digests
		}
		d := v1.Descriptor{MediaType: types.MediaType(r.Target.MediaType), Digest: h, Size: r.Target.Size}
		if err := l.add(r.Name, d, 0); err != nil {
			return nil, fmt.Errorf("image %s of containerd: %w", r.Name, err)
		}
	}
	return l.all, nil
}

// A lister lists images. ctx is that of one call of Images, and of the images.
type lister struct {
	client *Client
	ctx    context.Context
	seen   map[v1.Hash]bool
	all    []StoredImage
}

// maxNesting limits indexes in indexes.
const maxNesting = 3

// add adds the images of a manifest or index, unless its content is missing.
func (l *lister) add(name string, d v1.Descriptor, depth int) error {
	if l.seen[d.Digest] || depth > maxNesting || images.IsAttestation(d) {
		return nil
	}
	l.seen[d.Digest] = true
	raw, err := l.document(d.Digest)
	if errdefs.IsNotFound(err) {
		return nil // of another platform
	}
	if err != nil {
		return err
	}
	if d.MediaType.IsIndex() {
		var index v1.IndexManifest
		if err := json.Unmarshal(raw, &index); err != nil {
			return fmt.Errorf("index %s: %w", d.Digest, err)
		}
		for _, child := range index.Manifests {
			if err := l.add(name, child, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	manifest := &v1.Manifest{}
	if err := json.Unmarshal(raw, manifest); err != nil {
		return fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	if images.CheckImage(manifest) != nil {
		return nil
	}
	config, err := l.document(manifest.Config.Digest)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	image, err := partial.CompressedToImage(&storedImage{lister: l, mediaType: d.MediaType, raw: raw, config: config, manifest: manifest})
	l.all = append(l.all, StoredImage{name, image})
	return err
}

// document reads a manifest, an index or a config, and checks its digest.
func (l *lister) document(h v1.Hash) ([]byte, error) {
	r, err := l.client.content.ReaderAt(l.ctx, ocispec.Descriptor{Digest: digest.Digest(h.String())})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > maxDocument {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", h, r.Size(), maxDocument)
	}
	raw, err := io.ReadAll(content.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", h, err)
	}
	if got := digest.FromBytes(raw).String(); got != h.String() {
		return nil, fmt.Errorf("%s is damaged: its digest is %s", h, got)
	}
	return raw, nil
}

// A storedImage implements partial.CompressedImageCore.
type storedImage struct {
	*lister
	mediaType   types.MediaType
	raw, config []byte
	manifest    *v1.Manifest
}

func (i *storedImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *storedImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *storedImage) RawConfigFile() ([]byte, error)      { return i.config, nil }

func (i *storedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range i.manifest.Layers {
		if d.Digest == h {
			return &storedLayer{i.lister, d}, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

type storedLayer struct {
	*lister
	descriptor v1.Descriptor
}

func (s *storedLayer) Digest() (v1.Hash, error)            { return s.descriptor.Digest, nil }
func (s *storedLayer) Size() (int64, error)                { return s.descriptor.Size, nil }
func (s *storedLayer) MediaType() (types.MediaType, error) { return s.descriptor.MediaType, nil }

func (s *storedLayer) Compressed() (io.ReadCloser, error) {
	r, err := s.client.content.ReaderAt(s.ctx, ocispec.Descriptor{Digest: digest.Digest(s.descriptor.Digest.String())})
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("containerd does not have layer %s: %w", s.descriptor.Digest, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{content.NewReader(r), r}, nil
}

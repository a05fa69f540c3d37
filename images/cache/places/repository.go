package places

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/images/registry/transport"
)

// A Registry pulls from registries and pushes to them. *registry.Client implements it, and documents the methods.
type Registry interface {
	Tags(ctx context.Context, repo name.Repository) ([]string, error)
	Resolve(ctx context.Context, ref name.Reference) (*registry.Manifest, error)
	Push(ctx context.Context, ref name.Reference, artifact images.Artifact) (v1.Descriptor, error)
	OpenBlob(ctx context.Context, repo name.Repository, digest v1.Hash) (io.ReadCloser, error)
	DeleteManifest(ctx context.Context, digest name.Digest) error
}

// A Repository is a cache in a repository of a registry.
type Repository struct {
	repo   name.Repository
	client Registry
}

var _ cache.Place = (*Repository)(nil)

// NewRepository returns the cache in a repository. It sends no request.
func NewRepository(repo name.Repository, client Registry) *Repository {
	return &Repository{repo, client}
}

func (r *Repository) String() string { return r.repo.Name() }

// tagPrefix is the beginning of the tags of segments.
const tagPrefix = "slipway-cache-1-"

func (r *Repository) tag(name string) name.Tag { return r.repo.Tag(tagPrefix + name) }

// Segments implements cache.Place.
func (r *Repository) Segments(ctx context.Context) ([]string, error) {
	tags, err := r.client.Tags(ctx, r.repo)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, tag := range tags {
		if name, ok := strings.CutPrefix(tag, tagPrefix); ok && isName(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Segment implements cache.Place.
func (r *Repository) Segment(ctx context.Context, name string) ([]byte, error) {
	m, err := r.client.Resolve(ctx, r.tag(name))
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(m.Raw))
	if err != nil || len(manifest.Layers) == 0 {
		return nil, nil // it has another digest than its name says
	}
	blob, err := r.client.OpenBlob(ctx, r.repo, manifest.Layers[0].Digest)
	if err != nil {
		return nil, err
	}
	return readSegment(blob)
}

// Media types of the artifact that is a segment.
const (
	artifactType = "application/vnd.slipway.cache.v1"
	segmentType  = "application/vnd.slipway.cache.segment.v1+json"
	contentType  = "application/vnd.slipway.cache.content.v1"
	emptyType    = "application/vnd.oci.empty.v1+json" // image-spec/manifest.md, "Guidance for an Empty Descriptor"
)

// AddSegment implements cache.Place.
func (r *Repository) AddSegment(ctx context.Context, name string, raw []byte, blobs []cache.Content, kept []cache.Blob) error {
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	a := &artifact{contents: map[v1.Hash]content{}}
	a.add(segmentType, cache.Content{Blob: cache.Blob{Digest: digest, Size: size}, Open: func() (io.ReadSeekCloser, error) { return cache.InMemory(raw), nil }})
	for _, b := range blobs {
		a.add(contentType, b)
	}
	for _, b := range kept {
		a.add(contentType, cache.Content{Blob: b, Open: func() (io.ReadSeekCloser, error) {
			return nil, fmt.Errorf("%s has lost the blob %s", r, b.Digest)
		}})
	}
	if err := a.finish(); err != nil {
		return err
	}
	image, err := partial.CompressedToImage(a)
	if err != nil {
		return err
	}
	_, err = r.client.Push(ctx, r.tag(name), image)
	return err
}

// RemoveSegment implements cache.Place. The error of a registry that does not delete wraps errors.ErrUnsupported.
func (r *Repository) RemoveSegment(ctx context.Context, name string) error {
	m, err := r.client.Resolve(ctx, r.tag(name))
	if err != nil {
		return err
	}
	err = r.client.DeleteManifest(ctx, r.repo.Digest(m.Descriptor.Digest.String()))
	var answer *transport.AnswerError
	if errors.As(err, &answer) && (answer.Status == 405 || answer.Has("UNSUPPORTED")) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

// Open implements cache.Place.
func (r *Repository) Open(ctx context.Context, b cache.Blob) (io.ReadCloser, error) {
	return r.client.OpenBlob(ctx, r.repo, b.Digest)
}

// Blobs implements cache.Place: registries remove blobs that no manifest lists.
func (r *Repository) Blobs(context.Context) (map[v1.Hash]time.Time, error) { return nil, nil }

// RemoveBlob implements cache.Place.
func (r *Repository) RemoveBlob(context.Context, v1.Hash) error { return errors.ErrUnsupported }

// An artifact is a segment, as it is pushed.
type artifact struct {
	manifest v1.Manifest
	raw      []byte
	contents map[v1.Hash]content
}

// A content is a layer of an artifact.
type content struct {
	cache.Content
	mediaType types.MediaType
}

func (a *artifact) add(mediaType types.MediaType, c cache.Content) {
	if _, ok := a.contents[c.Digest]; !ok {
		a.contents[c.Digest] = content{c, mediaType}
		a.manifest.Layers = append(a.manifest.Layers, v1.Descriptor{MediaType: mediaType, Digest: c.Digest, Size: c.Size})
	}
}

// finish encodes the manifest.
func (a *artifact) finish() (err error) {
	digest, size, err := v1.SHA256(strings.NewReader("{}"))
	if err != nil {
		return err
	}
	a.manifest.SchemaVersion, a.manifest.MediaType, a.manifest.ArtifactType = 2, types.OCIManifestSchema1, artifactType
	a.manifest.Config = v1.Descriptor{MediaType: emptyType, Digest: digest, Size: size}
	a.raw, err = json.Marshal(a.manifest)
	return err
}

func (a *artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (a *artifact) RawManifest() ([]byte, error)        { return a.raw, nil }
func (a *artifact) RawConfigFile() ([]byte, error)      { return []byte("{}"), nil }

func (a *artifact) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	c, ok := a.contents[h]
	if !ok {
		return nil, fmt.Errorf("no layer %s", h)
	}
	return c, nil
}

func (c content) Digest() (v1.Hash, error)             { return c.Content.Digest, nil }
func (c content) Size() (int64, error)                 { return c.Content.Size, nil }
func (c content) MediaType() (types.MediaType, error)  { return c.mediaType, nil }
func (c content) Compressed() (io.ReadCloser, error)   { return c.Open() }
func (c content) Uncompressed() (io.ReadCloser, error) { return c.Open() }

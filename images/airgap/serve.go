package airgap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
)

// Handler is a registry of the images in archives, for reading alone (OCI
// distribution-spec, "pull", "tags/list", and _catalog of Docker's registry).
// Content comes from the archives while it is asked for; nothing is unpacked. In
// an archive that is not Seekable, every blob means to decompress what is before
// it. The archives must stay open; ctx holds for the call, and each request for
// itself.
//
// An image is served under its repository with the registry's host in front,
// docker.io/rancher/x, and without, rancher/x; of two repositories that only the
// host tells apart, the latter is Docker Hub's, or else that of the earlier
// archive. A parameter ns, as containerd adds it when it asks a mirror, names the
// host, and no other host's image is served then. library/ may be left out.
//
// A tag that archives have for several platforms is served as an index of them.
// Where several have it for the same platform, it is the first one's, as for Find;
// the others can be had by digest.
//
// Manifests are as they lie in the archive: unless it was packed with original
// layers, their digests are not those of the registry that the images came from.
func Handler(ctx context.Context, archives []*Archive) (http.Handler, error) {
	s := &server{repositories: map[string]*repository{}}
	var order []string
	for _, a := range archives {
		list, err := a.Images(ctx)
		if err != nil {
			return nil, err
		}
		for _, img := range list {
			for _, n := range img.Names {
				full, _ := splitTag(n)
				if s.repositories[full] == nil {
					s.repositories[full] = newRepository(full)
					order = append(order, full)
				}
				s.repositories[full].add(img, n[len(full)+1:])
			}
		}
	}
	var errs []error
	for _, full := range order {
		errs = append(errs, s.repositories[full].finish(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.alias(order)
	return s, nil
}

// A server answers requests.
type server struct {
	// repositories are found by all names that they have.
	repositories map[string]*repository
	// catalog are the names that _catalog lists, one for each, sorted.
	catalog []string
}

// alias gives repositories their shorter names.
func (s *server) alias(order []string) {
	slices.SortStableFunc(order, func(a, b string) int {
		switch hubA, hubB := onHub(a), onHub(b); {
		case hubA == hubB:
			return 0
		case hubA:
			return -1
		}
		return 1
	})
	for _, full := range order {
		repo := s.repositories[full]
		_, short, _ := strings.Cut(full, "/")
		name := full
		if s.repositories[short] == nil {
			s.repositories[short] = repo
			name = short
		}
		s.catalog = append(s.catalog, name)
		if base, ok := strings.CutPrefix(full, "docker.io/library/"); ok && s.repositories[base] == nil {
			s.repositories[base] = repo
		}
	}
	slices.Sort(s.catalog)
}

func onHub(full string) bool { return strings.HasPrefix(full, "docker.io/") }

// A repository is what is served under one name.
type repository struct {
	name string // qualified, for messages
	// images are those of each tag, none of them for the same platform.
	images    map[string][]*PackedImage
	tags      map[string]*document
	manifests map[string]*document // by digest
	blobs     map[string]*blob     // by digest
}

// A document is a manifest or an index.
type document struct {
	mediaType types.MediaType
	digest    v1.Hash
	raw       []byte
}

// A blob is a config, which is in memory, or a layer, which is in an archive.
type blob struct {
	size    int64
	raw     []byte
	archive *Archive
	file    string
}

func newRepository(name string) *repository {
	return &repository{name: name, images: map[string][]*PackedImage{}, tags: map[string]*document{},
		manifests: map[string]*document{}, blobs: map[string]*blob{}}
}

// add adds an image under a tag.
func (r *repository) add(img *PackedImage, tag string) {
	if !slices.ContainsFunc(r.images[tag], func(other *PackedImage) bool {
		return images.ComparePlatforms(img.Platform, other.Platform) == 0
	}) {
		r.images[tag] = append(r.images[tag], img)
	}
	digest := img.Manifest.Digest.String()
	if r.manifests[digest] != nil {
		return
	}
	r.manifests[digest] = img.document()
	r.blobs[img.ID.String()] = &blob{size: int64(len(img.rawConfig)), raw: img.rawConfig}
	for _, l := range img.Layers {
		if digest := l.Digest.String(); r.blobs[digest] == nil {
			r.blobs[digest] = &blob{size: l.Size, archive: img.archive, file: l.file}
		}
	}
}

// document is the image's manifest. Descriptors of other programs' layouts may
// lack the media type, which the manifest itself may have.
func (img *PackedImage) document() *document {
	mediaType := img.Manifest.MediaType
	if mediaType == "" {
		var m struct {
			MediaType types.MediaType `json:"mediaType"`
		}
		if err := json.Unmarshal(img.rawManifest, &m); err == nil {
			mediaType = m.MediaType
		}
	}
	if mediaType == "" {
		mediaType = types.OCIManifestSchema1
	}
	return &document{mediaType, img.Manifest.Digest, img.rawManifest}
}

// finish says what each tag stands for.
func (r *repository) finish(ctx context.Context) error {
	var errs []error
	for _, tag := range slices.Sorted(maps.Keys(r.images)) {
		list := r.images[tag]
		if len(list) == 1 {
			r.tags[tag] = r.manifests[list[0].Manifest.Digest.String()]
			continue
		}
		d, err := indexOf(ctx, list)
		if err != nil {
			errs = append(errs, fmt.Errorf("serving %s:%s: %w", r.name, tag, err))
			continue
		}
		r.tags[tag], r.manifests[d.digest.String()] = d, d
	}
	return errors.Join(errs...)
}

// indexOf makes the index of images for several platforms.
func indexOf(ctx context.Context, list []*PackedImage) (*document, error) {
	var entries []images.IndexEntry
	for _, img := range list {
		image, err := img.Image(ctx)
		if err != nil {
			return nil, err
		}
		entries = append(entries, images.IndexEntry{Name: img.archive.Path(), Image: image, Platform: &img.Platform})
	}
	index, err := images.NewIndex(entries, nil)
	if err != nil {
		return nil, err
	}
	d := &document{}
	if d.raw, err = index.RawManifest(); err != nil {
		return nil, err
	}
	if d.digest, err = index.Digest(); err != nil {
		return nil, err
	}
	d.mediaType, err = index.MediaType()
	return d, err
}

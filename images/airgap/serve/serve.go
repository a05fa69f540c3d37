package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// A Server is a registry of the images in archives, for reading alone (OCI
// distribution-spec, "pull", "tags/list", "referrers", and _catalog of Docker's
// registry). Its memory does not grow with what clients ask for: what is compressed in
// an archive is decompressed into files, once and for all clients, and sent from there.
//
// An image is served under its repository with the registry's host in front,
// docker.io/rancher/x, and without, rancher/x; of two repositories that only the
// host tells apart, the latter is Docker Hub's, or else that of the earlier
// archive. A host that no repository's name can hold is spelled as HostComponent does.
// A parameter ns, as containerd adds it when it asks a mirror, names the host, and no
// other host's image is served then. library/ may be left out.
//
// A tag stands for the index that the archives keep for it, or else for its image; if
// archives have it for several platforms, or for one that the image's config does not
// state, for an index. Where several have it
// for the same platform, it is the first one's, as for Find; the others can be had by
// digest. See RegistryTag for images pinned by digest.
//
// Manifests are as they lie in the archive: unless it was packed with original
// layers, their digests are not those of the registry that the images came from. Charts
// and other artifacts are not served, which Log is told.
type Server struct {
	// repositories are found by all names that they have.
	repositories map[string]*repository
	// catalog are the names that _catalog lists, one for each, sorted.
	catalog []string
	decoded *decodedFiles
	// direct has room for those that decompress for one request alone.
	direct chan struct{}
	log    func(string)
}

// Options say what a Server may use.
type Options struct {
	// Dir is a folder, which several servers may share, in which decompressed files
	// are kept until Close.
	Dir string
	// Limit is how many bytes they may have. What does not fit is decompressed for
	// each request, for few at a time.
	Limit int64
	// Log is told, in a line, what clients are not told: which archive is damaged,
	// which image hides another, and what is not served, such as charts.
	Log func(line string)
}

// New reads what archives hold. They must stay open; ctx holds for the server's
// life.
func New(ctx context.Context, archives []*airgap.Archive, opts Options) (*Server, error) {
	s := &Server{repositories: map[string]*repository{}, log: opts.Log}
	var order []string
	for _, a := range archives {
		list, err := a.Images(progress.With(ctx, warningLog(s.log)))
		if err != nil {
			return nil, err
		}
		for _, img := range list {
			if len(img.Names) == 0 {
				s.log(fmt.Sprintf("image %s of %s has no name, and is not served", img.ID, a.Path()))
			}
			for _, wrong := range img.FalselyPlain() {
				s.log(fmt.Sprintf("image %s of %s: %s; push mends that", img.ID, a.Path(), wrong))
			}
			for _, n := range img.Names {
				full, _ := format.SplitTag(n)
				if s.repositories[full] == nil {
					s.repositories[full] = newRepository(full)
					order = append(order, full)
				}
				s.repositories[full].add(img, n, s.log)
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
	return s, s.prepare(ctx, opts)
}

// A warningLog is a sink that passes on warnings alone.
type warningLog func(line string)

func (warningLog) Started(*progress.Task)         {}
func (warningLog) Line(*progress.Task, string)    {}
func (warningLog) Finished(*progress.Task, error) {}
func (l warningLog) Warning(message string)       { l(message) }

// prepare makes all layers known that can be asked for.
func (s *Server) prepare(ctx context.Context, opts Options) (err error) {
	layers := map[*airgap.Archive]map[v1.Hash]string{}
	for _, repo := range s.repositories {
		for _, b := range repo.blobs {
			if b.archive == nil {
				continue
			}
			if layers[b.archive] == nil {
				layers[b.archive] = map[v1.Hash]string{}
			}
			layers[b.archive][b.digest] = b.file
		}
	}
	s.direct = make(chan struct{}, decoders)
	s.decoded, err = newDecodedFiles(ctx, opts)
	for a, of := range layers {
		s.decoded.add(a, of)
	}
	return err
}

// Close removes what was decompressed, once no request is under way any more.
func (s *Server) Close() error { return s.decoded.close() }

// alias gives repositories the names that clients ask for.
func (s *Server) alias(order []string) {
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
		host, short, _ := strings.Cut(full, "/")
		name := format.HostComponent(host) + "/" + short
		for _, alias := range []string{name, short} {
			switch other := s.repositories[alias]; {
			case other == nil:
				s.repositories[alias] = repo
				name = alias
			case other != repo:
				s.log(fmt.Sprintf("%s is served as %s; %s is %s", full, name, alias, other.name))
			}
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
	// images are those of each tag, none of them for the same platform, and indexes
	// those that archives keep for it.
	images    map[string][]*airgap.PackedImage
	indexes   map[string][]*airgap.PackedIndex
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
	digest  v1.Hash
	archive *airgap.Archive
	file    string
}

func newRepository(name string) *repository {
	return &repository{name: name, images: map[string][]*airgap.PackedImage{}, indexes: map[string][]*airgap.PackedIndex{},
		tags: map[string]*document{}, manifests: map[string]*document{}, blobs: map[string]*blob{}}
}

// add adds an image under a name of it.
func (r *repository) add(img *airgap.PackedImage, named string, log func(string)) {
	tag, _ := format.RegistryTag(named[len(r.name)+1:])
	i := slices.IndexFunc(r.images[tag], func(other *airgap.PackedImage) bool {
		return images.ComparePlatforms(img.Platform, other.Platform) == 0
	})
	switch {
	case i < 0:
		r.images[tag] = append(r.images[tag], img)
	case r.images[tag][i].ID != img.ID:
		log(fmt.Sprintf("%s for %s is another image in %s than in %s, which is served", named, images.FormatPlatform(img.Platform),
			img.Archive().Path(), r.images[tag][i].Archive().Path()))
	}
	for _, index := range img.Indexes {
		if slices.Contains(index.Names, named) {
			r.addIndex(index)
			if !slices.ContainsFunc(r.indexes[tag], func(other *airgap.PackedIndex) bool { return other.Descriptor.Digest == index.Descriptor.Digest }) {
				r.indexes[tag] = append(r.indexes[tag], index)
			}
		}
	}
	digest := img.Manifest.Digest.String()
	if r.manifests[digest] != nil {
		return
	}
	r.manifests[digest] = documentOf(img)
	r.blobs[img.ID.String()] = &blob{size: int64(len(img.RawConfig())), raw: img.RawConfig()}
	for _, l := range img.Layers {
		if digest := l.Digest.String(); r.blobs[digest] == nil {
			r.blobs[digest] = &blob{size: l.Size, digest: l.Digest, archive: img.Archive(), file: l.File()}
		}
	}
}

// addIndex adds an index, and those inside it.
func (r *repository) addIndex(index *airgap.PackedIndex) {
	r.manifests[index.Descriptor.Digest.String()] = &document{index.Descriptor.MediaType, index.Descriptor.Digest, index.RawManifest()}
	for _, nested := range index.Nested() {
		r.addIndex(nested)
	}
}

// documentOf is the image's manifest. Descriptors of other programs' layouts may
// lack the media type, which the manifest itself may have.
func documentOf(img *airgap.PackedImage) *document {
	mediaType := img.Manifest.MediaType
	if mediaType == "" {
		var m struct {
			MediaType types.MediaType `json:"mediaType"`
		}
		if err := json.Unmarshal(img.RawManifest(), &m); err == nil {
			mediaType = m.MediaType
		}
	}
	if mediaType == "" {
		mediaType = types.OCIManifestSchema1
	}
	return &document{mediaType, img.Manifest.Digest, img.RawManifest()}
}

// finish says what each tag stands for.
func (r *repository) finish(ctx context.Context) error {
	var errs []error
	for _, tag := range slices.Sorted(maps.Keys(r.images)) {
		list := r.images[tag]
		if kept := wholeIndex(r.indexes[tag], list); kept != nil {
			r.tags[tag] = r.manifests[kept.Descriptor.Digest.String()]
			continue
		}
		d, err := documentOfAll(ctx, list)
		if err != nil {
			errs = append(errs, fmt.Errorf("serving %s:%s: %w", r.name, tag, err))
			continue
		}
		r.tags[tag], r.manifests[d.digest.String()] = d, d
	}
	return errors.Join(errs...)
}

// wholeIndex is the kept index that stands for all images of a tag, if there is just
// one.
func wholeIndex(kept []*airgap.PackedIndex, list []*airgap.PackedImage) *airgap.PackedIndex {
	if len(kept) != 1 || slices.ContainsFunc(list, func(img *airgap.PackedImage) bool { return !kept[0].Lists(img.Manifest.Digest) }) {
		return nil
	}
	return kept[0]
}

// documentOfAll is the manifest of an image, or an index of images, see images.ImageOrIndex.
func documentOfAll(ctx context.Context, list []*airgap.PackedImage) (*document, error) {
	var entries []images.IndexEntry
	for _, img := range list {
		image, err := img.Image(ctx)
		if err != nil {
			return nil, err
		}
		entries = append(entries, images.IndexEntry{Name: img.Archive().Path(), Image: image, Platform: &img.Platform})
	}
	_, index, err := images.ImageOrIndex(entries)
	if err != nil {
		return nil, err
	}
	if index == nil {
		return documentOf(list[0]), nil
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

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
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/dockerhub"
	"github.com/slipway-build/slipway/progress"
)

// A Server is a read-only registry of the images in archives. It serves pull, tags/list and referrers of the OCI
// distribution-spec, and _catalog of Docker's registry.
//
// Each repository has a name with the host of its registry, docker.io/rancher/x, and one without, rancher/x. If two
// repositories differ only in the host, the name without a host is that of Docker Hub, or else that of the earlier
// archive. A host that may not be part of a repository name is spelled as by format.HostComponent. With the query
// parameter ns, which containerd adds to requests to a mirror, only images of that host are served. library/ may be
// omitted.
//
// A tag is the index that the archives keep for it, or else an image. If archives have images of several platforms for
// a tag, or an image for a platform that its config does not state, the tag is an index of them. Of several images for
// the same platform, the first one is served, as in airgap.Find, and the others by digest only. See format.RegistryTag
// for images pinned by digest.
//
// Manifests are served as they are in the archive. Unless it was packed with original layers, their digests differ from
// those in the registry that the images came from. If the archive is a .tar.gz, and its proof has the manifest of the
// registry, the image is also served by that digest, with the gzip streams of the archive as layers, which are smaller.
// With Options.Restore, tags name that manifest. Charts and other artifacts are not served, which is logged.
//
// The signatures and other referrers of images that the proof of an archive has are served as referrers, under the tag
// in place of the referrers API, and under the tags of cosign.
type Server struct {
	// repositories has each repository under each of its names.
	repositories map[string]*repository
	// catalog has one name of each repository, sorted.
	catalog []string
	decoded *decodedFiles
	// direct limits the number of requests that decompress for themselves.
	direct chan struct{}
	log    func(string)
}

// Options are the options of a Server.
type Options struct {
	// Dir is a folder for decompressed files, which are kept until Close. Several servers may share it.
	Dir string
	// Limit is the maximum size of all decompressed files, in bytes. Layers that do not fit are decompressed for each
	// request, for a few requests at a time.
	Limit int64
	// Restore lets tags name the registry's manifests, if the archives can restore them.
	Restore bool
	// Log receives lines for the operator: damaged archives, images with the same name and platform as the one that is
	// served, and other content that is not served.
	Log func(line string)
}

// New returns a server of the images in archives, which must stay open. ctx must not end before the server is closed.
// The caller must close the server.
func New(ctx context.Context, archives []*airgap.Archive, opts Options) (*Server, error) {
	s := &Server{repositories: map[string]*repository{}, log: opts.Log}
	var order []string
	for _, a := range archives {
		list, err := a.Images(progress.With(ctx, warningLog(s.log)))
		if err != nil {
			return nil, err
		}
		attached, kept := s.readAttached(ctx, a), s.readKept(ctx, a)
		type subject struct {
			repository string
			subject    v1.Hash
		}
		done := map[subject]bool{}
		for _, img := range list {
			if len(img.Names) == 0 {
				s.log(fmt.Sprintf("image %s of %s has no name, and is not served", img.ID, a.Path()))
			}
			for _, wrong := range img.FalselyPlain() {
				s.log(fmt.Sprintf("image %s of %s: %s; airgap push corrects that", img.ID, a.Path(), wrong))
			}
			for _, n := range img.Names {
				full, _ := format.SplitTag(n)
				if s.repositories[full] == nil {
					s.repositories[full] = newRepository(full)
					order = append(order, full)
				}
				s.repositories[full].add(img, n, s.log)
				if to := (subject{full, img.Manifest.Digest}); !done[to] {
					done[to] = true
					s.repositories[full].restore(ctx, img, kept[img.Manifest.Digest], s.log)
					s.repositories[full].attach(ctx, a, attached[img.Manifest.Digest], s.log)
				}
			}
		}
	}
	var errs []error
	for _, full := range order {
		errs = append(errs, s.repositories[full].finish(ctx, opts.Restore), s.repositories[full].finishAttached())
		s.repositories[full].logUnfit(s.log)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.alias(order)
	return s, s.prepare(ctx, opts)
}

// A warningLog is a progress.Sink that logs warnings.
type warningLog func(line string)

func (warningLog) Started(*progress.Task)         {}
func (warningLog) Line(*progress.Task, string)    {}
func (warningLog) Finished(*progress.Task, error) {}
func (l warningLog) Warning(message string)       { l(message) }

// prepare lists the layers that can be served.
func (s *Server) prepare(ctx context.Context, opts Options) (err error) {
	layers := map[*airgap.Archive]map[string]v1.Hash{}
	for _, repo := range s.repositories {
		for _, b := range repo.blobs {
			if b.archive == nil { // a config, or a gzip stream
				continue
			}
			if layers[b.archive] == nil {
				layers[b.archive] = map[string]v1.Hash{}
			}
			layers[b.archive][b.file] = b.digest
		}
	}
	s.direct = make(chan struct{}, decoders)
	s.decoded, err = newDecodedFiles(ctx, opts)
	for a, of := range layers {
		s.decoded.add(a, of)
	}
	return err
}

// Close waits for decompressors, which end with the context of New, and removes the decompressed files. No request may
// be running.
func (s *Server) Close() error { return s.decoded.close() }

// alias adds the other names of repositories, and makes the catalog.
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
		if base, ok := strings.CutPrefix(full, dockerhub.Library); ok && s.repositories[base] == nil {
			s.repositories[base] = repo
		}
	}
	slices.Sort(s.catalog)
}

func onHub(full string) bool { return strings.HasPrefix(full, dockerhub.Name+"/") }

// A repository has the images that are served under one name.
type repository struct {
	name string // qualified, for messages
	// images has the images of each tag, of different platforms. indexes has the indexes that archives keep for the
	// tag.
	images    map[string][]*airgap.PackedImage
	indexes   map[string][]*airgap.PackedIndex
	tags      map[string]*document
	referrers map[v1.Hash][]v1.Descriptor
	manifests map[string]*document // by digest
	restored  map[*airgap.PackedImage]*document
	// restoredLayers are the layers of restored images, by their digests in the registry.
	restoredLayers map[v1.Hash]*restoredLayer
	blobs          map[string]*blob // by digest
}

// A document is a manifest or an index.
type document struct {
	mediaType types.MediaType
	digest    v1.Hash
	raw       []byte
	// attached is set if the document comes from the proof of an archive: its media type and the content of its blobs
	// are not checked, so that an image with the same digest replaces it.
	attached bool
	// intact, unless it is nil, compares the layers with their digests. If they differ, a tag names instead.
	intact  func() bool
	instead *document
}

// A blob is a config in memory, a layer in an archive, or the gzip stream of one.
type blob struct {
	size    int64
	raw     []byte
	digest  v1.Hash
	archive *airgap.Archive
	file    string
	stream  func() *airgap.GzipStream // nil if no archive has it intact
}

func newRepository(name string) *repository {
	return &repository{name: name, images: map[string][]*airgap.PackedImage{}, indexes: map[string][]*airgap.PackedIndex{},
		tags: map[string]*document{}, referrers: map[v1.Hash][]v1.Descriptor{}, restored: map[*airgap.PackedImage]*document{},
		restoredLayers: map[v1.Hash]*restoredLayer{}, manifests: map[string]*document{}, blobs: map[string]*blob{}}
}

// add adds an image under one of its names.
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
	if known := r.manifests[digest]; known != nil && !known.attached && known.intact == nil {
		return
	}
	r.manifests[digest] = documentOf(img)
	r.blobs[img.ID.String()] = &blob{size: int64(len(img.RawConfig())), raw: img.RawConfig()}
	for _, l := range img.Layers {
		// A blob of an attachment, or a gzip stream, must not hide a layer of an image: only its size was checked.
		if b := r.blobs[l.Digest.String()]; b == nil || b.stream != nil || proof.In(b.file) {
			r.blobs[l.Digest.String()] = &blob{size: l.Size, digest: l.Digest, archive: img.Archive(), file: l.File()}
		}
	}
}

// addIndex adds an index, and the indexes in it.
func (r *repository) addIndex(index *airgap.PackedIndex) {
	r.manifests[index.Descriptor.Digest.String()] = &document{mediaType: index.Descriptor.MediaType, digest: index.Descriptor.Digest, raw: index.RawManifest()}
	for _, nested := range index.Nested() {
		r.addIndex(nested)
	}
}

// documentOf returns the manifest of an image. If another program wrote the descriptor, it may lack the media type,
// which is then in the manifest.
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
	return &document{mediaType: mediaType, digest: img.Manifest.Digest, raw: img.RawManifest()}
}

// finish determines the document of each tag.
func (r *repository) finish(ctx context.Context, restore bool) error {
	var errs []error
	for _, tag := range slices.Sorted(maps.Keys(r.images)) {
		list := r.images[tag]
		if kept := wholeIndex(r.indexes[tag], list); kept != nil {
			r.tags[tag] = r.manifests[kept.Descriptor.Digest.String()]
			continue
		}
		if restored := r.restored[list[0]]; restore && restored != nil && len(list) == 1 {
			r.tags[tag] = restored
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

// wholeIndex returns the kept index of a tag if there is exactly one, and it lists all images.
func wholeIndex(kept []*airgap.PackedIndex, list []*airgap.PackedImage) *airgap.PackedIndex {
	if len(kept) != 1 || slices.ContainsFunc(list, func(img *airgap.PackedImage) bool { return !kept[0].Lists(img.Manifest.Digest) }) {
		return nil
	}
	return kept[0]
}

// documentOfAll returns the manifest of an image, or an index of several images, as images.ImageOrIndex decides.
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

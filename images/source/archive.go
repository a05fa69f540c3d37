package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/usage"
)

// An archived is the result of a name or digest in an archive: an image, or one image for each of several platforms.
type archived struct {
	images []*airgap.PackedImage
	// name is the full name to pack it under. If it is empty, tag is the bare tag, if it has one.
	name, tag string
	// digest is set if a digest selected it.
	digest string
}

// An archiveSource is an open archive and indexes of its images. It stays open because layers are read when they are
// needed.
type archiveSource struct {
	file      string
	archive   *airgap.Archive
	all       []*airgap.PackedImage
	artifacts []airgap.Artifact
	// names finds images by full name, tags those without a name by bare tag, manifests by the digest of their manifest
	// or of an index that lists them, and ids by the digest of their config.
	names, tags    map[string][]*airgap.PackedImage
	manifests, ids map[v1.Hash][]*airgap.PackedImage
	unnamed        bool // whether an image has no name
}

func openArchive(ctx context.Context, file string) (*archiveSource, error) {
	archive, err := airgap.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	s := &archiveSource{file: file, archive: archive, names: map[string][]*airgap.PackedImage{}, tags: map[string][]*airgap.PackedImage{},
		manifests: map[v1.Hash][]*airgap.PackedImage{}, ids: map[v1.Hash][]*airgap.PackedImage{}}
	if s.all, s.artifacts, err = archive.Contents(ctx); err != nil {
		return nil, errors.Join(err, archive.Close())
	}
	for _, p := range s.all {
		for _, name := range p.Names {
			s.names[name] = append(s.names[name], p)
		}
		if len(p.Names) == 0 {
			s.unnamed = true
			for _, tag := range p.Tags {
				s.tags[tag] = append(s.tags[tag], p)
			}
		}
		s.ids[p.ID] = append(s.ids[p.ID], p)
		s.manifests[p.Manifest.Digest] = append(s.manifests[p.Manifest.Digest], p)
		for _, x := range p.Indexes {
			s.manifests[x.Descriptor.Digest] = append(s.manifests[x.Descriptor.Digest], p)
		}
	}
	return s, nil
}

// find returns the images for ref: a name, a digest, a name with a digest, or "" for the only image.
func (s *archiveSource) find(ref string) (archived, error) {
	name, digest, pinned := strings.Cut(ref, "@")
	if _, err := v1.NewHash(ref); err == nil {
		name, digest, pinned = "", ref, true
	}
	switch {
	case pinned:
		return s.byDigest(name, digest)
	case ref == "":
		return s.only()
	}
	return s.byName(ref)
}

func (s *archiveSource) only() (archived, error) {
	switch {
	case len(s.all) == 0 && len(s.artifacts) > 0:
		return archived{}, fmt.Errorf("archive %s has no images: %s", s.file, s.artifacts[0])
	case len(s.all) == 0:
		return archived{}, fmt.Errorf("archive %s has no images", s.file)
	case !areOne(s.all):
		return archived{}, usage.Errorf("archive %s has %d images: select one by name, %s:NAME, or by digest, %[3]s@DIGEST; see slipway airgap ls --json %[1]s",
			s.file, len(s.all), archiveScheme+s.file)
	}
	return archived{images: s.all, name: ownName(s.all), tag: bareTagOf(s.all[0])}, nil
}

// byName finds a full name or a bare tag. A full name that the archive does not have can become the name of an image
// without one, as in layouts (layoutSource.named): of the image with its tag, or else of the only one.
func (s *archiveSource) byName(ref string) (archived, error) {
	parsed, err := images.ParseTag(ref)
	if err != nil {
		return archived{}, usage.Wrap(err)
	}
	qualified := images.Qualified(parsed)
	if found := s.names[qualified]; len(found) > 0 {
		return archived{images: found, name: ref}, nil
	}
	for _, a := range s.artifacts {
		if !a.Inside && slices.Contains(a.Names, qualified) {
			return archived{}, fmt.Errorf("archive %s: %s", s.file, a)
		}
	}
	tag, name := ref, ""
	if isFull(ref) {
		tag, name = parsed.TagStr(), ref
	}
	switch tagged := s.tags[tag]; {
	case areOne(tagged):
		return archived{images: tagged, name: name, tag: tag}, nil
	case name != "" && s.unnamed && areOne(s.all):
		return archived{images: s.all, name: name}, nil
	}
	advice := "see slipway airgap ls " + s.file
	if name != "" && s.unnamed {
		advice = fmt.Sprintf("to name one of those without a name, select it by digest, %s%s:%s@DIGEST; see slipway airgap ls --json %[2]s", archiveScheme, s.file, ref)
	}
	return archived{}, fmt.Errorf("archive %s has no image %s; %s", s.file, ref, advice)
}

// byDigest finds the digest of a manifest, an index or a config. name may give the image another full name.
func (s *archiveSource) byDigest(name, digest string) (archived, error) {
	h, err := parseDigest(digest)
	if err != nil {
		return archived{}, err
	}
	if found := s.manifests[h]; len(found) > 0 {
		return archived{images: found, name: pinnedName(name, digest, ownName(found)), tag: bareTagOf(found[0]), digest: digest}, nil
	}
	if found := s.ids[h]; len(found) > 0 {
		// Registries do not find images by their ID.
		out := archived{images: found[:1], name: ownName(found), tag: bareTagOf(found[0]), digest: digest}
		if images.HasTag(name) {
			out.name = name
		}
		return out, nil
	}
	if name != "" && !images.HasTag(name) {
		// An image whose layers were uncompressed has another digest, and a name that was made of this one.
		pinned, err := images.ParseReference(name + "@" + digest)
		if err != nil {
			return archived{}, usage.Wrap(err)
		}
		tag, err := format.Tag(pinned)
		if err != nil {
			return archived{}, err
		}
		if found := s.names[images.Qualified(tag)]; len(found) > 0 {
			return archived{images: found, name: pinned.String()}, nil
		}
	}
	for _, a := range s.artifacts {
		if a.Digest == h {
			return archived{}, fmt.Errorf("archive %s: %s", s.file, a)
		}
	}
	return archived{}, fmt.Errorf("archive %s has no image with the digest %s; see slipway airgap ls --json %[1]s", s.file, digest)
}

// index returns the index that the archive keeps for all of the images, under their name or with the digest that
// selected them. It returns nil unless there is exactly one.
func (a archived) index() *airgap.PackedIndex {
	var found []*airgap.PackedIndex
	for _, x := range a.images[0].Indexes {
		listsAll := !slices.ContainsFunc(a.images, func(p *airgap.PackedImage) bool { return !x.Lists(p.Manifest.Digest) })
		if listsAll && (a.digest == "" || a.digest == x.Descriptor.Digest.String()) {
			found = append(found, x)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// areOne reports whether images have the same names and different platforms, so that a name refers to all of them.
func areOne(all []*airgap.PackedImage) bool {
	for i, p := range all {
		same := func(other *airgap.PackedImage) bool { return images.SamePlatform(p.Platform, other.Platform) }
		if !slices.Equal(p.Names, all[0].Names) || slices.ContainsFunc(all[:i], same) {
			return false
		}
	}
	return len(all) > 0
}

// ownName returns the first name of images for which areOne holds, or "".
func ownName(all []*airgap.PackedImage) string {
	if len(all[0].Names) == 0 {
		return ""
	}
	return all[0].Names[0]
}

func bareTagOf(p *airgap.PackedImage) string { return strings.Join(p.Tags[:min(1, len(p.Tags))], "") }

// pinnedName returns the name for a digest: given if it is a full name, or else own, the name in the source.
func pinnedName(given, digest, own string) string {
	switch {
	case isFull(given) && images.HasTag(given):
		return given
	case !isFull(given) || own != "":
		return own
	}
	return given + "@" + digest
}

// naming returns instructions for giving a full name.
func (a archived) naming(file string) string {
	naming := fmt.Sprintf("name it: %s%s:%s:%s", archiveScheme, file, exampleName, cmp.Or(a.tag, "TAG"))
	if a.digest != "" {
		naming += "@" + a.digest
	}
	return naming
}

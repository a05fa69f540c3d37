package images

import (
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// Annotations of BuildKit's attestation manifests inside an index
// (docs/attestations/attestation-storage.md of moby/buildkit).
const (
	attestationType     = "vnd.docker.reference.type"
	attestationSubject  = "vnd.docker.reference.digest"
	attestationManifest = "attestation-manifest"
)

// IsAttestation reports whether an index entry is an attestation of a sibling
// rather than an image for a node.
func IsAttestation(d v1.Descriptor) bool {
	return d.Annotations[attestationType] == attestationManifest ||
		d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

// AttestationSubject returns the digest of the image that an attestation is about by its entry, or "".
func AttestationSubject(d v1.Descriptor) string { return d.Annotations[attestationSubject] }

// An IndexEntry is one source of an index: an image, or an index, whose entries become entries
// of the new one.
type IndexEntry struct {
	// Name is the name of the source in messages.
	Name string
	// Exactly one of Image and Index is set.
	Image v1.Image
	// Platform is the platform that an archive or another index states for Image, see
	// EntryPlatform; nil means that of its config.
	Platform *v1.Platform
	// Attestation is the attestation manifest of Image; nil means none.
	Attestation v1.Image
	Index       v1.ImageIndex
}

// NewIndex assembles a multi-platform index. It flattens nested indexes, since nodes look only
// one level deep. It checks the platform of each entry against the config of its image, and
// completes it from there (os.version and os.features, which docker buildx imagetools drops).
// Entries are in the order of ComparePlatforms. Attestations follow their subjects;
// attestations without a subject, and artifacts (see Artifacts), are dropped. Two images for
// one platform, a Windows image without os.version, and an entry that contradicts its config
// (see EntryPlatform) are errors, which are reported together.
//
// If the only source is an index that needs no change, the result is that index, byte for byte.
// Otherwise the result has the annotations of that index in addition to the given ones.
//
// The result is a Docker manifest list if all images have Docker's media types and there are no
// annotations, which manifest lists cannot have. Otherwise it is an OCI index.
func NewIndex(entries []IndexEntry, annotations map[string]string) (v1.ImageIndex, error) {
	var (
		children     []child
		attestations []child
		errs         []error
	)
	for _, e := range entries {
		found, err := flatten(e, map[v1.Hash]bool{})
		if err != nil {
			errs = append(errs, fmt.Errorf("index source %s: %w", e.Name, err))
			continue
		}
		for _, c := range found {
			if IsAttestation(c.descriptor) {
				attestations = append(attestations, c)
			} else {
				children = append(children, c)
			}
		}
	}
	slices.SortStableFunc(children, func(a, b child) int {
		return ComparePlatforms(*a.descriptor.Platform, *b.descriptor.Platform)
	})
	for i := 1; i < len(children); i++ {
		a, b := children[i-1], children[i]
		if ComparePlatforms(*a.descriptor.Platform, *b.descriptor.Platform) == 0 && a.descriptor.Digest != b.descriptor.Digest {
			errs = append(errs, fmt.Errorf("duplicate platform %s: %s from %s and %s from %s",
				FormatPlatform(*a.descriptor.Platform), a.descriptor.Digest, a.name, b.descriptor.Digest, b.name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	children = slices.CompactFunc(children, func(a, b child) bool { return a.descriptor.Digest == b.descriptor.Digest })
	if len(children) == 0 {
		return nil, errors.New("an index needs at least one image")
	}
	for _, a := range attestations {
		subject := AttestationSubject(a.descriptor)
		if slices.ContainsFunc(children, func(c child) bool { return c.descriptor.Digest.String() == subject }) {
			children = append(children, a)
		}
	}

	source, manifest, err := onlyIndex(entries)
	if err != nil {
		return nil, err
	}
	if source != nil {
		if unchanged(manifest, children, annotations) {
			return source, nil
		}
		annotations = annotate(manifest.Annotations, annotations)
	}
	adds := make([]mutate.IndexAddendum, len(children))
	for i, c := range children {
		adds[i] = mutate.IndexAddendum{Add: c.image, Descriptor: c.descriptor}
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, indexType(children, annotations, manifest)), adds...)
	if len(annotations) > 0 {
		index = mutate.Annotations(index, annotations).(v1.ImageIndex)
	}
	return index, nil
}

// ImageOrIndex returns the content of a tag for entries: the image of the only entry, or an
// index of all. An image needs an index as well if its config does not state the platform of
// its entry, since nodes use the config of an image without an index. Exactly one of image and
// index is set.
func ImageOrIndex(entries []IndexEntry) (image v1.Image, index v1.ImageIndex, err error) {
	if len(entries) == 1 && entries[0].Image != nil {
		image = entries[0].Image
		config, err := image.ConfigFile()
		if err != nil {
			return nil, nil, fmt.Errorf("reading image config: %w", err)
		}
		stated := PlatformIn(config)
		if said := entries[0].Platform; said == nil || said.OS == "" || said.Architecture == "" || SamePlatform(*said, stated) {
			return image, nil, nil
		}
	}
	index, err = NewIndex(entries, nil)
	return nil, index, err
}

type child struct {
	name       string
	image      v1.Image
	descriptor v1.Descriptor
}

// flatten lists the images of an entry with complete descriptors. nested has the nested indexes
// that were listed already.
func flatten(e IndexEntry, nested map[v1.Hash]bool) ([]child, error) {
	if e.Image != nil {
		d, err := partial.Descriptor(e.Image)
		if err != nil {
			return nil, err
		}
		if e.Platform != nil {
			d.Platform = e.Platform
		}
		children, err := complete(e.Name, e.Image, v1.Descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest, Platform: d.Platform})
		if err != nil || e.Attestation == nil {
			return children, err
		}
		attestation, err := attests(e.Name, e.Attestation, d.Digest)
		return append(children, attestation), err
	}
	manifest, err := e.Index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var (
		children []child
		errs     []error
		reader   = newEntryReader(false)
	)
	for _, d := range manifest.Manifests {
		if d.MediaType.IsIndex() {
			if nested[d.Digest] {
				continue
			}
			nested[d.Digest] = true
		}
		var found []child
		var err error
		if err = reader.artifact(e.Index, d, 0); err != nil {
			if _, ok := err.(*ArtifactError); ok {
				continue
			}
		} else if d.MediaType.IsIndex() {
			var inner v1.ImageIndex
			if inner, err = e.Index.ImageIndex(d.Digest); err == nil {
				found, err = flatten(IndexEntry{Name: e.Name, Index: inner}, nested)
			}
		} else {
			var image v1.Image
			if image, err = e.Index.Image(d.Digest); err == nil {
				found, err = complete(e.Name, image, d)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %s: %w", d.Digest, err))
		}
		children = append(children, found...)
	}
	return children, errors.Join(errs...)
}

// attests returns the entry of an attestation manifest of an image.
func attests(name string, attestation v1.Image, subject v1.Hash) (child, error) {
	d, err := partial.Descriptor(attestation)
	if err != nil {
		return child{}, err
	}
	return child{name, attestation, v1.Descriptor{
		MediaType: d.MediaType, Size: d.Size, Digest: d.Digest, Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{attestationType: attestationManifest, attestationSubject: subject.String()},
	}}, nil
}

// complete fills in the descriptor's platform from the image's config, and checks that they
// agree.
func complete(name string, image v1.Image, d v1.Descriptor) ([]child, error) {
	if IsAttestation(d) {
		return []child{{name, image, d}}, nil
	}
	platform, err := entryPlatform(image, d.Platform)
	if err != nil {
		return nil, err
	}
	if err := checkStated(platform); err != nil {
		return nil, err
	}
	d.Platform = &platform
	return []child{{name, image, d}}, nil
}

// ConfigPlatform returns the platform in an image's config, or an error if there is none.
func ConfigPlatform(image v1.Image) (v1.Platform, error) {
	p, err := StatedPlatform(image)
	if err != nil {
		return p, err
	}
	return p, checkStated(p)
}

// StatedPlatform is ConfigPlatform, but accepts a config without operating system or
// architecture. A Windows image without os.version is an error, because containerd would assume
// the version of the importing host. For an artifact, the error is an *ArtifactError.
func StatedPlatform(image v1.Image) (v1.Platform, error) {
	if err := checkImage(image); err != nil {
		return v1.Platform{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return v1.Platform{}, fmt.Errorf("reading image config: %w", err)
	}
	p := spelled(PlatformIn(config))
	if p.OS == "windows" && p.OSVersion == "" {
		return p, errors.New("windows image without os.version in its config")
	}
	return p, nil
}

// PlatformIn returns the platform in a config unchanged. (The config's own method returns nil
// if there is none.)
func PlatformIn(config *v1.ConfigFile) v1.Platform {
	return v1.Platform{
		OS: config.OS, Architecture: config.Architecture, Variant: config.Variant,
		OSVersion: config.OSVersion, OSFeatures: config.OSFeatures,
	}
}

func checkStated(p v1.Platform) error {
	if p.OS == "" || p.Architecture == "" {
		return fmt.Errorf("image config states no platform (os %q, architecture %q)", p.OS, p.Architecture)
	}
	return nil
}

package carry

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// An Attachment is an image or index that is attached to a subject.
type Attachment struct {
	// Subject is the digest of the subject.
	Subject v1.Hash
	// Tag is the tag of cosign that it was found under, such as sha256-….sig. It is empty for a referrer.
	Tag string
	// Descriptor describes the attachment as registries list it.
	Descriptor v1.Descriptor
	// Artifact is the content.
	Artifact images.Artifact
}

// Ref returns the reference of the attachment in a repository.
func (a Attachment) Ref(repo name.Repository) name.Reference {
	if a.Tag != "" {
		return repo.Tag(a.Tag)
	}
	return repo.Digest(a.Descriptor.Digest.String())
}

// Distinct returns attachments without those that are equal to an earlier one.
func Distinct(list []Attachment) []Attachment {
	type key struct {
		subject, digest v1.Hash
		tag             string
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(a Attachment) bool {
		k := key{a.Subject, a.Descriptor.Digest, a.Tag}
		known := seen[k]
		seen[k] = true
		return known
	})
}

// suffixes are the suffixes of the tags of signatures, attestations and SBOMs, such as sha256-….sig. Cosign uses these
// tags unless it is told to use referrers.
var suffixes = []string{".sig", ".att", ".sbom"}

// TagSubject returns the subject of a tag of cosign.
func TagSubject(tag string) (subject v1.Hash, ok bool) {
	for _, suffix := range suffixes {
		if text, found := strings.CutSuffix(tag, suffix); found {
			h, err := v1.NewHash(strings.Replace(text, "-", ":", 1))
			return h, err == nil && tag == images.ReferrersTag(h)+suffix
		}
	}
	return v1.Hash{}, false
}

// Child returns an entry of an index.
func Child(index v1.ImageIndex, d v1.Descriptor) (images.Artifact, error) {
	if d.MediaType.IsIndex() {
		return index.ImageIndex(d.Digest)
	}
	return index.Image(d.Digest)
}

// MaxNesting limits the depth of indexes in indexes.
const MaxNesting = 8

// Subjects returns the digests of an image or index and of all manifests that it lists, at any depth, each once.
func Subjects(artifact images.Artifact) ([]v1.Hash, error) {
	d, err := digestOf(artifact)
	if err != nil {
		return nil, err
	}
	t := &tree{seen: map[v1.Hash]bool{}, attestations: true}
	t.add(d)
	if index, ok := artifact.(v1.ImageIndex); ok {
		err = t.walk(index, 0)
	}
	return t.order, err
}

// Runnable returns the digests of an index, and of the images and indexes that it lists, at any depth, each once. It
// leaves out the entries of attestation manifests, which no node runs.
func Runnable(index v1.ImageIndex) ([]v1.Hash, error) {
	d, err := digestOf(index)
	if err != nil {
		return nil, err
	}
	t := &tree{seen: map[v1.Hash]bool{}}
	t.add(d)
	err = t.walk(index, 0)
	return t.order, err
}

// Path returns the digests of an index and of the indexes in it that lead to an image, outermost first, or none if the
// index does not list the image. Nested indexes that are missing are passed over.
func Path(index v1.ImageIndex, image v1.Hash) ([]v1.Hash, error) {
	path, err := images.IndexPath(index, image)
	if err != nil {
		return nil, err
	}
	var digests []v1.Hash
	for _, index := range path {
		d, err := digestOf(index)
		if err != nil {
			return nil, err
		}
		digests = append(digests, d)
	}
	return digests, nil
}

func digestOf(artifact images.Artifact) (v1.Hash, error) {
	raw, err := artifact.RawManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	h, _, err := v1.SHA256(bytes.NewReader(raw))
	return h, err
}

// A tree collects the digests of manifests.
type tree struct {
	seen  map[v1.Hash]bool
	order []v1.Hash
	// attestations includes attestation manifests.
	attestations bool
}

func (t *tree) add(h v1.Hash) bool {
	if t.seen[h] {
		return false
	}
	t.seen[h] = true
	t.order = append(t.order, h)
	return true
}

func (t *tree) walk(index v1.ImageIndex, depth int) error {
	if depth > MaxNesting {
		return fmt.Errorf("indexes are nested more than %d deep", MaxNesting)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range manifest.Manifests {
		// A node may choose an entry for a platform whatever its annotations say.
		if !t.attestations && images.IsAttestation(d) && d.Platform != nil && d.Platform.OS == "unknown" {
			continue
		}
		if !t.add(d.Digest) || !d.MediaType.IsIndex() {
			continue
		}
		nested, err := index.ImageIndex(d.Digest)
		if err == nil {
			err = t.walk(nested, depth+1)
		}
		if err != nil {
			return fmt.Errorf("index %s: %w", d.Digest, err)
		}
	}
	return nil
}

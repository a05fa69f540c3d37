package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
)

// A child is the manifest that an entry refers to, as far as it could be read.
type child struct {
	// mediaType is the media type in the manifest, which may have none.
	mediaType types.MediaType
	size      int64
	// platform is the platform in the config of an image, or nil.
	platform *v1.Platform
	subject  v1.Hash
	artifact *images.ArtifactError
	// err is the reason why the child could not be read.
	err error
}

// read reads the child of an entry.
func read(in images.Manifests, d v1.Descriptor) (c child) {
	switch {
	case d.MediaType.IsIndex():
		index, err := in.ImageIndex(d.Digest)
		if err != nil {
			return child{err: err}
		}
		c.size, err = index.Size()
		if err != nil {
			return child{err: err}
		}
		m, err := index.IndexManifest()
		if err != nil {
			return child{err: err}
		}
		c.mediaType = m.MediaType
		return c
	case !d.MediaType.IsImage():
		return child{}
	}
	image, err := in.Image(d.Digest)
	if err != nil {
		return child{err: err}
	}
	if c.size, err = image.Size(); err != nil {
		return child{err: err}
	}
	m, err := image.Manifest()
	if err != nil {
		return child{err: err}
	}
	c.mediaType = m.MediaType
	if m.Subject != nil {
		c.subject = m.Subject.Digest
	}
	if images.IsAttestation(d) {
		return c
	}
	if errors.As(images.CheckImage(m), &c.artifact) {
		return c
	}
	config, err := image.ConfigFile()
	if err != nil {
		c.err = fmt.Errorf("reading the config of image %s: %w", d.Digest, err)
		return c
	}
	platform := images.PlatformIn(config)
	c.platform = &platform
	return c
}

// judgeChild judges an entry by its child. partial means that content may have been left out on purpose.
func judgeChild(d v1.Descriptor, c child, partial bool) (all []Finding) {
	digests := []v1.Hash{d.Digest}
	switch {
	case errors.Is(c.err, fs.ErrNotExist) && partial:
		return append(all, found(leftOutChild, digests, "the archive does not have the %s", describe(d)))
	case errors.Is(c.err, fs.ErrNotExist):
		return append(all, found(missingChild, digests, "missing %s: %v", describe(d), c.err))
	case c.err != nil:
		return append(all, found(unreadableChild, digests, "the %s cannot be read: %v", describe(d), c.err))
	case d.MediaType.IsIndex():
		all = append(all, found(nestedIndex, digests, "entry %s is an index", d.Digest))
	case !d.MediaType.IsImage():
		return append(all, found(unknownMediaType, digests, "entry %s has the media type %q", d.Digest, d.MediaType))
	case c.artifact != nil:
		all = append(all, found(artifactEntry, digests, "entry %s is %v", d.Digest, c.artifact))
	}
	if c.mediaType != "" && c.mediaType != d.MediaType {
		all = append(all, found(wrongMediaType, digests, "the entry says that %s is %q, its manifest says %q", d.Digest, d.MediaType, c.mediaType))
	}
	if c.size != d.Size {
		all = append(all, found(wrongSize, digests, "the entry says that %s has %d bytes, it has %d", d.Digest, d.Size, c.size))
	}
	return all
}

// describe returns the kind, the digest and the platform of an entry.
func describe(d v1.Descriptor) string {
	what := "image"
	switch {
	case images.IsAttestation(d):
		return fmt.Sprintf("attestation %s", d.Digest)
	case d.MediaType.IsIndex():
		what = "index"
	}
	if d.Platform == nil {
		return fmt.Sprintf("%s %s", what, d.Digest)
	}
	return fmt.Sprintf("%s %s for %s", what, d.Digest, images.FormatPlatform(*d.Platform))
}

// isDockers reports whether a media type is one of Docker's.
func isDockers(m types.MediaType) bool {
	return strings.HasPrefix(string(m), "application/vnd.docker.")
}

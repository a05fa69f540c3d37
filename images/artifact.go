package images

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An ArtifactError is the error for a manifest that describes something other than an image,
// such as a Helm chart.
type ArtifactError struct {
	// Type is the artifact's type as its manifest states it, or empty.
	Type string
}

func (e *ArtifactError) Error() string {
	if strings.HasSuffix(e.Type, "+encrypted") { // by ocicrypt
		return fmt.Sprintf("its layers are encrypted (%s); decrypt the image first", e.Type)
	}
	return "not an image but " + describeArtifact(e.Type)
}

// artifactNames are the common names of the artifacts that are most often stored beside images.
var artifactNames = map[string]string{
	"application/vnd.cncf.helm.config.v1+json":            "a Helm chart",
	"application/vnd.cncf.flux.config.v1+json":            "a Flux artifact",
	"application/vnd.wasm.config.v0+json":                 "a WebAssembly module",
	"application/vnd.dev.sigstore.bundle.v0.3+json":       "a Sigstore bundle",
	"application/vnd.dev.cosign.simplesigning.v1+json":    "a cosign signature",
	"application/vnd.in-toto+json":                        "an attestation",
	"application/vnd.docker.attestation.manifest.v1+json": "an attestation",
	"application/vnd.docker.plugin.v1+json":               "a Docker plugin",
	"application/spdx+json":                               "an SBOM",
	"application/vnd.cyclonedx+json":                      "an SBOM",
}

func describeArtifact(mediaType string) string {
	switch name, ok := artifactNames[mediaType]; {
	case mediaType == "":
		return "an artifact that states no type"
	case !ok:
		return "an artifact of type " + mediaType
	default:
		return fmt.Sprintf("%s (%s)", name, mediaType)
	}
}

// CheckImage returns an *ArtifactError unless m is the manifest of an image: one with the config
// of an image and the layers of a file system. It accepts unspecific media types, which old
// images in registries have.
func CheckImage(m *v1.Manifest) error {
	switch m.Config.MediaType {
	case types.OCIConfigJSON, types.DockerConfigJSON, "application/octet-stream", "":
	default:
		return &ArtifactError{cmp.Or(m.ArtifactType, emptyIsNone(m.Config.MediaType), firstLayer(m))}
	}
	for _, d := range m.Layers {
		if d.MediaType != "" && !isLayer(d.MediaType) {
			return &ArtifactError{cmp.Or(m.ArtifactType, string(d.MediaType))}
		}
	}
	return nil
}

// emptyIsNone returns the type of a config, or "" for OCI's empty one, which does not tell the
// type of the artifact (image-spec/manifest.md, "Guidelines for Artifact Usage").
func emptyIsNone(m types.MediaType) string {
	if m == "application/vnd.oci.empty.v1+json" {
		return ""
	}
	return string(m)
}

func firstLayer(m *v1.Manifest) string {
	if len(m.Layers) == 0 {
		return ""
	}
	return string(m.Layers[0].MediaType)
}

// checkImage is CheckImage for an image whose manifest may be that of an artifact.
func checkImage(image v1.Image) error {
	m, err := image.Manifest()
	if err != nil {
		return fmt.Errorf("reading its manifest: %w", err)
	}
	return CheckImage(m)
}

// Artifacts describes the entries of an index and of nested indexes that are neither images nor
// attestations of images, with their digests. If believe is set, an entry with the platform of
// an image counts as an image without being read.
func Artifacts(index v1.ImageIndex, believe bool) ([]string, error) {
	return newEntryReader(believe).artifacts(index, 0)
}

// An entryReader distinguishes images from artifacts. It reads each entry and each index once,
// because a hostile index may list one entry thousands of times.
type entryReader struct {
	believe bool
	known   map[v1.Hash]error // results of artifact for what was looked into
	listed  map[v1.Hash]bool  // indexes whose artifacts were listed
}

func newEntryReader(believe bool) *entryReader {
	return &entryReader{believe, map[v1.Hash]error{}, map[v1.Hash]bool{}}
}

func (r *entryReader) artifacts(index v1.ImageIndex, depth int) ([]string, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, d := range m.Manifests {
		err := r.artifact(index, d, depth)
		if artifact, ok := err.(*ArtifactError); ok {
			found = append(found, fmt.Sprintf("entry %s is %s", d.Digest, artifact))
			continue
		}
		var nested v1.ImageIndex
		if err == nil && d.MediaType.IsIndex() && depth < maxNesting && !r.listed[d.Digest] {
			r.listed[d.Digest] = true
			if nested, err = index.ImageIndex(d.Digest); err == nil {
				var more []string
				more, err = r.artifacts(nested, depth+1)
				found = append(found, more...)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Manifests are images and indexes by digest, such as those of an index or a layout.
type Manifests interface {
	Image(v1.Hash) (v1.Image, error)
	ImageIndex(v1.Hash) (v1.ImageIndex, error)
}

// EntryArtifact returns an *ArtifactError unless an entry is an image, an index with an image,
// or an attestation of an image.
func EntryArtifact(in Manifests, d v1.Descriptor) error {
	return newEntryReader(false).artifact(in, d, 0)
}

func (r *entryReader) artifact(in Manifests, d v1.Descriptor, depth int) (err error) {
	switch {
	case IsAttestation(d):
		return nil
	case !d.MediaType.IsImage() && !d.MediaType.IsIndex():
		return &ArtifactError{cmp.Or(d.ArtifactType, string(d.MediaType))}
	case r.believe && d.MediaType.IsImage() && d.Platform != nil && d.Platform.OS != "" && d.Platform.OS != "unknown" && (d.ArtifactType == "" || types.MediaType(d.ArtifactType).IsConfig()):
		// go-containerregistry sets the artifact type of an entry to the media type of the
		// config.
		return nil
	}
	if err, ok := r.known[d.Digest]; ok {
		return err
	}
	defer func() { r.known[d.Digest] = err }()
	if d.MediaType.IsIndex() {
		index, err := in.ImageIndex(d.Digest)
		if err != nil {
			return fmt.Errorf("entry %s: %w", d.Digest, err)
		}
		return r.onlyArtifacts(index, depth+1)
	}
	image, err := in.Image(d.Digest)
	if err != nil {
		return fmt.Errorf("entry %s: %w", d.Digest, err)
	}
	return checkImage(image)
}

// onlyArtifacts returns the first *ArtifactError of an index that has artifacts and no image.
func (r *entryReader) onlyArtifacts(index v1.ImageIndex, depth int) (artifact error) {
	m, err := index.IndexManifest()
	if err != nil || depth > maxNesting {
		return err
	}
	for _, d := range m.Manifests {
		if IsAttestation(d) {
			continue
		}
		err := r.artifact(index, d, depth)
		if _, ok := err.(*ArtifactError); !ok {
			return err
		}
		artifact = cmp.Or(artifact, err)
	}
	return artifact
}

package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/regular"
)

// artifactType is the type of the OCI artifact with the files of dist/artifacts.
const artifactType = "application/vnd.slipway.artifacts.v1"

// An OCIFile is a file of an OCI artifact.
type OCIFile struct {
	Path   string
	Digest v1.Hash
	Size   int64 // in bytes
}

// OCIArtifact returns an OCI artifact with a layer for each file, whose bytes are those of the file, as in artifacts of
// oras (image-spec/manifest.md, "Guidelines for Artifact Usage"). Annotations of the layers contain the names of the
// files, without folders.
func OCIArtifact(files []OCIFile, annotations map[string]string) (v1.Image, error) {
	artifact := &ociArtifact{config: []byte("{}")}
	m := struct {
		v1.Manifest
		ArtifactType string `json:"artifactType"`
	}{v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: annotations}, artifactType}
	digest, size, err := v1.SHA256(bytes.NewReader(artifact.config))
	if err != nil {
		return nil, err
	}
	m.Config = v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: digest, Size: size}
	for _, f := range files {
		layer := &fileLayer{f.Path, v1.Descriptor{MediaType: "application/octet-stream", Digest: f.Digest, Size: f.Size,
			Annotations: map[string]string{"org.opencontainers.image.title": title(f.Path)}}}
		artifact.layers = append(artifact.layers, layer)
		m.Layers = append(m.Layers, layer.descriptor)
	}
	artifact.manifest, err = json.Marshal(m)
	return artifact, err
}

// title returns the title of a file in an OCI artifact (image-spec/annotations.md, org.opencontainers.image.title).
func title(file string) string { return path.Base(strings.ReplaceAll(file, "\\", "/")) }

// ociArtifact is a manifest that names files.
type ociArtifact struct {
	manifest, config []byte
	layers           []v1.Layer
}

func (a *ociArtifact) Layers() ([]v1.Layer, error)               { return a.layers, nil }
func (a *ociArtifact) MediaType() (types.MediaType, error)       { return types.OCIManifestSchema1, nil }
func (a *ociArtifact) Size() (int64, error)                      { return int64(len(a.manifest)), nil }
func (a *ociArtifact) ConfigName() (v1.Hash, error)              { return partial.ConfigName(a) }
func (a *ociArtifact) ConfigFile() (*v1.ConfigFile, error)       { return partial.ConfigFile(a) }
func (a *ociArtifact) RawConfigFile() ([]byte, error)            { return a.config, nil }
func (a *ociArtifact) Digest() (v1.Hash, error)                  { return partial.Digest(a) }
func (a *ociArtifact) Manifest() (*v1.Manifest, error)           { return partial.Manifest(a) }
func (a *ociArtifact) RawManifest() ([]byte, error)              { return a.manifest, nil }
func (a *ociArtifact) LayerByDiffID(h v1.Hash) (v1.Layer, error) { return a.LayerByDigest(h) }

func (a *ociArtifact) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	for _, l := range a.layers {
		if digest, err := l.Digest(); err == nil && digest == h {
			return l, nil
		}
	}
	if name, err := a.ConfigName(); err == nil && name == h {
		return partial.ConfigLayer(a)
	}
	return nil, fmt.Errorf("the artifact has no file %s", h)
}

// fileLayer is a layer whose bytes are those of a file.
type fileLayer struct {
	path       string
	descriptor v1.Descriptor
}

func (l *fileLayer) Digest() (v1.Hash, error)             { return l.descriptor.Digest, nil }
func (l *fileLayer) DiffID() (v1.Hash, error)             { return l.descriptor.Digest, nil }
func (l *fileLayer) Size() (int64, error)                 { return l.descriptor.Size, nil }
func (l *fileLayer) MediaType() (types.MediaType, error)  { return l.descriptor.MediaType, nil }
func (l *fileLayer) Compressed() (io.ReadCloser, error)   { return regular.Open(l.path) }
func (l *fileLayer) Uncompressed() (io.ReadCloser, error) { return regular.Open(l.path) }
func (l *fileLayer) Descriptor() (*v1.Descriptor, error)  { return l.descriptor.DeepCopy(), nil }

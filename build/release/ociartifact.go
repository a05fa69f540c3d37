package release

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/usage"
)

// artifactType says what the OCI artifact is that dist/artifacts becomes.
const artifactType = "application/vnd.slipway.artifacts.v1"

// ociArtifact makes one OCI artifact of files, a layer each, as oras does
// (image-spec/manifest.md, "Guidelines for Artifact Usage").
func (p *publication) ociArtifact(ctx context.Context, to config.Destination, files []string) (push, error) {
	ref, err := images.ParseReference(to.OCI)
	if err != nil {
		return push{}, usage.Wrap(err)
	}
	artifact := &ociArtifact{config: []byte("{}")}
	m := struct {
		v1.Manifest
		ArtifactType string `json:"artifactType"`
	}{v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: map[string]string{
		"org.opencontainers.image.created": p.Plan.Release.Epoch.UTC().Format("2006-01-02T15:04:05Z"),
		"org.opencontainers.image.version": p.Plan.Release.Version,
	}}, artifactType}
	if p.Plan.Release.Commit != "" {
		m.Annotations["org.opencontainers.image.revision"] = p.Plan.Release.Commit
	}
	digest, size, err := v1.SHA256(bytes.NewReader(artifact.config))
	if err != nil {
		return push{}, err
	}
	m.Config = v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: digest, Size: size}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return push{}, err
		}
		digest, err := p.bench.Cache.FileDigest(ctx, file, info)
		if err != nil {
			return push{}, err
		}
		layer := &fileLayer{file, v1.Descriptor{MediaType: "application/octet-stream", Digest: digest, Size: info.Size(),
			Annotations: map[string]string{"org.opencontainers.image.title": title(file)}}}
		artifact.layers = append(artifact.layers, layer)
		m.Layers = append(m.Layers, layer.descriptor)
	}
	if artifact.manifest, err = json.Marshal(m); err != nil {
		return push{}, err
	}
	digest, err = artifact.Digest()
	return push{to, ref, v1.Image(artifact), digest, Made{Kind: "release", Name: p.Plan.Project}}, err
}

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

// fileLayer is a file as a layer, as it is.
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

package images_test

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

func TestCheckImage(t *testing.T) {
	const helm, empty = "application/vnd.cncf.helm.config.v1+json", "application/vnd.oci.empty.v1+json"
	for name, c := range map[string]struct {
		artifactType string
		config       types.MediaType
		layers       []types.MediaType
		want         string // part of the error, or empty
	}{
		"OCI image":                    {"", types.OCIConfigJSON, []types.MediaType{types.OCILayer}, ""},
		"Docker image, zstd":           {"", types.DockerConfigJSON, []types.MediaType{"application/vnd.docker.image.rootfs.diff.tar.zstd"}, ""},
		"image without layers":         {"", types.OCIConfigJSON, nil, ""},
		"config of an old registry":    {"", "application/octet-stream", []types.MediaType{types.DockerLayer}, ""},
		"image with an artifact type":  {"application/vnd.example", types.OCIConfigJSON, []types.MediaType{types.OCILayer}, ""},
		"chart":                        {"", helm, []types.MediaType{"application/vnd.cncf.helm.chart.content.v1.tar+gzip"}, "a Helm chart (" + helm + ")"},
		"artifact with a type":         {"application/vnd.example", empty, []types.MediaType{"text/plain"}, "an artifact of type application/vnd.example"},
		"artifact, a folder as layer":  {"", "application/vnd.unknown.config.v1+json", []types.MediaType{types.OCILayer}, "application/vnd.unknown.config.v1+json"},
		"artifact of an empty config":  {"", empty, []types.MediaType{"text/plain"}, "an artifact of type text/plain"},
		"artifact that states nothing": {"", empty, nil, "an artifact that states no type"},
		"attestation":                  {"", types.OCIConfigJSON, []types.MediaType{"application/vnd.in-toto+json"}, "an attestation"},
		"WebAssembly":                  {"", "application/vnd.wasm.config.v0+json", []types.MediaType{"application/wasm"}, "a WebAssembly module"},
		"encrypted":                    {"", types.OCIConfigJSON, []types.MediaType{types.OCILayer + "+encrypted"}, "its layers are encrypted"},
		"layer that states no type":    {"", types.OCIConfigJSON, []types.MediaType{""}, ""},
	} {
		m := &v1.Manifest{ArtifactType: c.artifactType, Config: v1.Descriptor{MediaType: c.config}}
		for _, l := range c.layers {
			m.Layers = append(m.Layers, v1.Descriptor{MediaType: l})
		}
		err := images.CheckImage(m)
		var artifact *images.ArtifactError
		if (err != nil) != (c.want != "") || err != nil && (!errors.As(err, &artifact) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A chart beside images of an index does not count as an image, and is reported on request.
func TestArtifactsBesideImages(t *testing.T) {
	linux := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": "a"}))
	index := mutate.AppendManifests(imagetest.Attest(t, imagetest.Index(t, linux), imagetest.AttestationImage),
		mutate.IndexAddendum{Add: imagetest.Chart(t)},
		mutate.IndexAddendum{Add: imagetest.Chart(t), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}, ArtifactType: "application/vnd.example"}})
	if _, err := images.ImageFor(index, imagetest.Platform(t, "linux/amd64")); err != nil {
		t.Error(err)
	}
	found, err := images.Artifacts(index, true)
	if err != nil || len(found) != 2 || !strings.Contains(found[0], "not an image but a Helm chart") {
		t.Errorf("%q, %v", found, err)
	}
	charts := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: imagetest.Chart(t)}, mutate.IndexAddendum{Add: imagetest.Chart(t)})
	index = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index}, mutate.IndexAddendum{Add: charts})
	if found, err := images.Artifacts(index, true); err != nil || len(found) != 3 {
		t.Errorf("of nested indexes: %q, %v", found, err)
	}
	disguised := untyped{mutate.AppendManifests(index, mutate.IndexAddendum{Add: imagetest.Chart(t), Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}})}
	for believe, want := range map[bool]int{true: 3, false: 4} {
		if found, err := images.Artifacts(disguised, believe); err != nil || len(found) != want {
			t.Errorf("with a chart that says it is for a platform: %q, %v", found, err)
		}
	}
	made, err := images.NewIndex([]images.IndexEntry{{Name: "all", Index: disguised}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := made.IndexManifest()
	if err != nil || len(m.Manifests) != 2 { // the image and its attestation
		t.Errorf("%d entries, %v", len(m.Manifests), err)
	}
	if _, err := images.NewIndex([]images.IndexEntry{{Name: "chart", Image: imagetest.Chart(t)}}, nil); err == nil || !strings.Contains(err.Error(), "a Helm chart") {
		t.Errorf("an index of a chart: %v", err)
	}
	if err := images.ImageServes(imagetest.Chart(t), nil, imagetest.Platform(t, "linux/amd64")); err == nil || !strings.Contains(err.Error(), "a Helm chart") {
		t.Errorf("a chart for linux/amd64: %v", err)
	}
}

// In an untyped index, entries do not have artifact types.
type untyped struct{ index }

type index = v1.ImageIndex

func (u untyped) IndexManifest() (*v1.IndexManifest, error) {
	m, err := u.index.IndexManifest()
	if err != nil {
		return nil, err
	}
	m = m.DeepCopy()
	for i := range m.Manifests {
		m.Manifests[i].ArtifactType = ""
	}
	return m, nil
}

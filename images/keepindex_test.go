package images_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

// entriesOf returns an index of images for platforms. Each entry has its platform and an
// annotation.
func entriesOf(t *testing.T, mediaType types.MediaType, platforms ...string) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, mediaType)
	for _, text := range platforms {
		p := imagetest.Platform(t, text)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: imageFor(t, text),
			Descriptor: v1.Descriptor{Platform: &p, Annotations: map[string]string{"of": text}}})
	}
	return index
}

func TestIndexWithNothingToChangeKeepsItsDigest(t *testing.T) {
	titled := func(index v1.ImageIndex) v1.ImageIndex {
		return mutate.Annotations(index, map[string]string{"title": "t"}).(v1.ImageIndex)
	}
	withAttestations := imagetest.Attest(t, imagetest.Index(t, imagetest.Image(t, "linux/amd64"), imagetest.Image(t, "linux/arm64")), imagetest.AttestationImage)
	noPlatform := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: imageFor(t, "linux/amd64"), Descriptor: v1.Descriptor{Platform: &v1.Platform{}}})
	for _, c := range []struct {
		name        string
		source      v1.ImageIndex
		annotations map[string]string
		kept        bool
		mediaType   types.MediaType
		want        map[string]string
	}{
		{name: "as it should be", source: entriesOf(t, types.OCIImageIndex, "linux/amd64", "linux/arm64"), kept: true, mediaType: types.OCIImageIndex},
		{name: "in an order of its own", source: entriesOf(t, types.OCIImageIndex, "linux/arm64", "linux/amd64"), kept: true, mediaType: types.OCIImageIndex},
		{name: "another spelling of a platform", source: entriesOf(t, types.OCIImageIndex, "linux/amd64", "linux/arm64/v8"), kept: true, mediaType: types.OCIImageIndex},
		{name: "with attestations", source: withAttestations, kept: true, mediaType: types.OCIImageIndex},
		{name: "with annotations", source: titled(entriesOf(t, types.OCIImageIndex, "linux/amd64")), kept: true, mediaType: types.OCIImageIndex,
			want: map[string]string{"title": "t"}},
		{name: "an annotation that it has", source: titled(entriesOf(t, types.OCIImageIndex, "linux/amd64")), annotations: map[string]string{"title": "t"},
			kept: true, mediaType: types.OCIImageIndex, want: map[string]string{"title": "t"}},
		{name: "another annotation", source: titled(entriesOf(t, types.OCIImageIndex, "linux/amd64")), annotations: map[string]string{"k": "v"},
			mediaType: types.OCIImageIndex, want: map[string]string{"title": "t", "k": "v"}},
		{name: "Windows versions, the newest last", source: titled(entriesOf(t, types.OCIImageIndex, "windows/amd64:10.0.17763.7919", "windows/amd64:10.0.20348.4294")),
			mediaType: types.OCIImageIndex, want: map[string]string{"title": "t"}},
		{name: "an entry without its platform", source: noPlatform, mediaType: types.OCIImageIndex},
	} {
		t.Run(c.name, func(t *testing.T) {
			index, err := images.NewIndex([]images.IndexEntry{{Name: "source", Index: c.source}}, c.annotations)
			if err != nil {
				t.Fatal(err)
			}
			before, err := c.source.Digest()
			if err != nil {
				t.Fatal(err)
			}
			after, err := index.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if (before == after) != c.kept {
				t.Errorf("the digest is %s, and was %s", after, before)
			}
			m, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			if m.MediaType != c.mediaType {
				t.Errorf("media type %s instead of %s", m.MediaType, c.mediaType)
			}
			if diff := cmp.Diff(c.want, m.Annotations); diff != "" {
				t.Errorf("other annotations (-want +got):\n%s", diff)
			}
			for _, d := range m.Manifests {
				if source, err := c.source.IndexManifest(); err == nil && len(source.Manifests[0].Annotations) > 0 && len(d.Annotations) == 0 {
					t.Errorf("entry %s has lost its annotations", d.Digest)
				}
			}
		})
	}
}

// Docker's manifest list has no annotations.
func TestIndexOfDockerImagesWithAnnotations(t *testing.T) {
	layer := imagetest.LayerOf(t, types.DockerLayer)
	var entries []images.IndexEntry
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		entries = append(entries, images.IndexEntry{Name: platform, Image: imagetest.Image(t, platform, layer)})
	}
	for want, annotations := range map[types.MediaType]map[string]string{types.DockerManifestList: nil, types.OCIImageIndex: {"k": "v"}} {
		index, err := images.NewIndex(entries, annotations)
		if err != nil {
			t.Fatal(err)
		}
		m, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if m.MediaType != want || len(m.Annotations) != len(annotations) {
			t.Errorf("with the annotations %v it is a %s with %v", annotations, m.MediaType, m.Annotations)
		}
	}
}

package images_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
)

// imageFor makes an image whose config has the platform.
func imageFor(t *testing.T, platform string) v1.Image {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant, config.OSVersion = p.OS, p.Architecture, p.Variant, p.OSVersion
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func platformsOf(t *testing.T, index v1.ImageIndex) []string {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range manifest.Manifests {
		out = append(out, images.FormatPlatform(*d.Platform))
	}
	return out
}

func TestIndexPutsLinuxFirstAndWindowsNewestFirst(t *testing.T) {
	var entries []images.IndexEntry
	for _, p := range []string{"windows/amd64:10.0.9999.1", "windows/amd64:10.0.17763.7919", "linux/arm64", "windows/amd64:10.0.26100.4294", "linux/amd64"} {
		entries = append(entries, images.IndexEntry{Name: p, Image: imageFor(t, p)})
	}
	index, err := images.NewIndex(entries, map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"linux/amd64", "linux/arm64", "windows/amd64:10.0.26100.4294", "windows/amd64:10.0.17763.7919", "windows/amd64:10.0.9999.1"}
	if diff := cmp.Diff(want, platformsOf(t, index)); diff != "" {
		t.Error(diff)
	}
	manifest, _ := index.IndexManifest()
	if manifest.Annotations["a"] != "b" {
		t.Errorf("annotations %v", manifest.Annotations)
	}
}

func TestIndexFlattensNestedIndexesAndCompletesPlatforms(t *testing.T) {
	windows := imageFor(t, "windows/amd64:10.0.20348.4294")
	// As written by docker buildx imagetools: without os.version.
	inner := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: windows,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "windows", Architecture: "amd64"}}})
	outer := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: inner})
	index, err := images.NewIndex([]images.IndexEntry{
		{Name: "outer", Index: outer}, {Name: "linux", Image: imageFor(t, "linux/amd64")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "windows/amd64:10.0.20348.4294"}, platformsOf(t, index)); diff != "" {
		t.Error(diff)
	}
}

func TestIndexKeepsAttestationsOfItsImagesOnly(t *testing.T) {
	linux := imageFor(t, "linux/amd64")
	digest, _ := linux.Digest()
	attestation := func(subject string) mutate.IndexAddendum {
		image, err := random.Image(8, 1)
		if err != nil {
			t.Fatal(err)
		}
		return mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest",
				"vnd.docker.reference.digest": subject}}}
	}
	source := mutate.AppendManifests(empty.Index, attestation(digest.String()), attestation("sha256:"+strings.Repeat("0", 64)),
		mutate.IndexAddendum{Add: linux, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	index, err := images.NewIndex([]images.IndexEntry{{Name: "source", Index: source}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "unknown/unknown"}, platformsOf(t, index)); diff != "" {
		t.Error(diff)
	}
}

func TestIndexOfDockerImagesIsAManifestList(t *testing.T) {
	for _, c := range []struct {
		name string
		oci  bool
		want types.MediaType
	}{{"docker images only", false, types.DockerManifestList}, {"one OCI image", true, types.OCIImageIndex}} {
		t.Run(c.name, func(t *testing.T) {
			entries := []images.IndexEntry{{Name: "a", Image: imageFor(t, "linux/amd64")}, {Name: "b", Image: imageFor(t, "linux/arm64")}}
			if c.oci {
				entries[1].Image = mutate.MediaType(entries[1].Image, types.OCIManifestSchema1)
			}
			index, err := images.NewIndex(entries, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := index.MediaType(); got != c.want {
				t.Errorf("media type %s, want %s", got, c.want)
			}
		})
	}
}

func TestIndexRefusesAmbiguousEntries(t *testing.T) {
	lying := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: imageFor(t, "windows/amd64:10.0.20348.4294"),
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.26100.4294"}}})
	for _, c := range []struct {
		name    string
		entries []images.IndexEntry
		want    []string
	}{
		{"nothing at all", nil, []string{"at least one image"}},
		{"two images for one platform", []images.IndexEntry{
			{Name: "first", Image: imageFor(t, "linux/amd64")}, {Name: "second", Image: imageFor(t, "linux/amd64")}},
			[]string{"duplicate platform linux/amd64", "first", "second"}},
		{"windows without os.version, and an image without platform, together", []images.IndexEntry{
			{Name: "win", Image: imageFor(t, "windows/amd64")}, {Name: "none", Image: imageFor(t, "/")}},
			[]string{"win: windows image without os.version", "none: image config states no platform"}},
		{"an entry that says another version than the config", []images.IndexEntry{{Name: "liar", Index: lying}},
			[]string{"liar", "has platform windows/amd64:10.0.26100.4294", "config has windows/amd64:10.0.20348.4294"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := images.NewIndex(c.entries, nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("missing in error %q: %q", err, want)
				}
			}
		})
	}
}

func TestOneImageGivenTwiceStandsInTheIndexOnce(t *testing.T) {
	image := imageFor(t, "linux/amd64")
	index, err := images.NewIndex([]images.IndexEntry{{Name: "a", Image: image}, {Name: "b", Image: image}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := platformsOf(t, index); len(got) != 1 {
		t.Errorf("entries %v", got)
	}
}

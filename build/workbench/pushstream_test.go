package workbench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
)

// pushedSource pushes images to a registry, and packs them as .tar and .tar.gz, with uncompressed layers.
func pushedSource(t *testing.T, proof bool, all map[string]v1.Image) (source, plain, gzipped string) {
	t.Helper()
	source = imagetest.Registry(t)
	var sources []PackSource
	for name, image := range all {
		imagetest.Push(t, source+"/"+name, image)
		sources = append(sources, PackSource{Ref: source + "/" + name})
	}
	plain, gzipped = filepath.Join(t.TempDir(), "a.tar"), filepath.Join(t.TempDir(), "a.tar.gz")
	if _, err := newWorkbench(t).Pack(t.Context(), PackJob{Images: sources, Outputs: []string{plain, gzipped}, Level: images.BestZstd, Proof: proof}); err != nil {
		t.Fatal(err)
	}
	return source, plain, gzipped
}

func layerDigests(t *testing.T, image v1.Image) (digests []string) {
	t.Helper()
	m, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		digests = append(digests, l.Digest.String())
	}
	return digests
}

// The gzip streams of a .tar.gz are pushed as they are, so that layers have the digests of the registry that they come
// from. With a proof, the image has the registry's manifest, too. A layer that the registry has in another form is
// compressed.
func TestPushOfGzipStreams(t *testing.T) {
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": imagetest.Words(1, 50_000)})
	app := imagetest.Image(t, "linux/amd64", base, imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/app": imagetest.Words(2, 30_000)}.Entries()...))
	mixed := imagetest.Image(t, "linux/amd64", base, imagetest.LayerOf(t, types.OCILayerZStd, imagetest.Files{"bin/mixed": imagetest.Words(3, 10_000)}.Entries()...))
	all := map[string]v1.Image{"acme/app:v1": app, "acme/mixed:v1": mixed}
	for _, proof := range []bool{false, true} {
		_, _, archive := pushedSource(t, proof, all)
		w := newWorkbench(t)
		for _, mirror := range []string{imagetest.ReferrersRegistry(t), imagetest.DistributionRegistry(t)} { // the second time with known digests
			if _, err := w.PushArchives(t.Context(), PushJob{Archives: []string{archive}, Target: mirror}); err != nil {
				t.Fatal(err)
			}
			got := checkPulled(t, mirror+"/acme/app:v1")
			if diff := cmp.Diff(layerDigests(t, app), layerDigests(t, got)); diff != "" {
				t.Errorf("proof %v: other layers (-want +got):\n%s", proof, diff)
			}
			want, err := app.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if digest, err := got.Digest(); err != nil || (digest == want) != proof {
				t.Errorf("proof %v: the image has digest %s, in its registry %s: %v", proof, digest, want, err)
			}
			rest := checkPulled(t, mirror+"/acme/mixed:v1")
			if got, want := layerDigests(t, rest), layerDigests(t, mixed); got[0] != want[0] || got[1] == want[1] {
				t.Errorf("proof %v: layers %v, in the registry %v", proof, got, want)
			}
		}
	}
}

// An archive that another program has compressed again is pushed like one without streams, with the same digests.
func TestPushOfGzipArchivesOfOtherPrograms(t *testing.T) {
	app := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/app": imagetest.Words(2, 30_000)}))
	_, plain, _ := pushedSource(t, false, map[string]v1.Image{"acme/app:v1": app})
	raw, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.tar.gz")
	if err := os.WriteFile(foreign, airgaptest.Compress(t, format.Gzip, raw), 0o600); err != nil {
		t.Fatal(err)
	}
	mirror := imagetest.Registry(t)
	var digests []v1.Hash
	for _, archive := range []string{plain, foreign} {
		pushed, err := newWorkbench(t).PushArchives(t.Context(), PushJob{Archives: []string{archive}, Target: mirror})
		if err != nil {
			t.Fatal(err)
		}
		checkPulled(t, pushed[0].Ref)
		digests = append(digests, pushed[0].Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("two archives of one image are pushed as %v", digests)
	}
}

// Nothing is pushed of an image whose stream is damaged.
func TestPushOfDamagedGzipStreams(t *testing.T) {
	layer := imagetest.Layer(t, imagetest.Files{"bin/app": imagetest.Words(2, 30_000)})
	app := imagetest.Image(t, "linux/amd64", layer)
	_, _, archive := pushedSource(t, true, map[string]v1.Image{"acme/app:v1": app})
	raw, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/3] ^= 1
	if err := os.WriteFile(archive, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	mirror := imagetest.Registry(t)
	if _, err := newWorkbench(t).PushArchives(t.Context(), PushJob{Archives: []string{archive}, Target: mirror}); err == nil || !strings.Contains(err.Error(), "a.tar.gz") {
		t.Errorf("a damaged archive: %v", err)
	}
	if _, err := crane.Digest(mirror+"/acme/app:v1", crane.WithContext(context.Background())); err == nil {
		t.Error("the image was pushed")
	}
}

// Several registries get the same images. Layers that have to be compressed are compressed as the job says.
func TestPushToSeveralRegistriesWithZstd(t *testing.T) {
	app := imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/app": imagetest.Words(2, 30_000)}.Entries()...))
	_, plain, gzipped := pushedSource(t, true, map[string]v1.Image{"acme/app:v1": app})
	bases := []string{imagetest.Registry(t), imagetest.DistributionRegistry(t), imagetest.Registry(t) + "/mirror"}
	for _, archive := range []string{plain, gzipped} {
		pushed, err := newWorkbench(t).PushArchives(t.Context(), PushJob{Archives: []string{archive}, Target: bases[0], Also: bases[1:],
			Compression: images.Compression{Algorithm: "zstd"}})
		if err != nil {
			t.Fatal(err)
		}
		for i, base := range bases {
			if want := base + "/acme/app:v1"; pushed[i].Ref != want || pushed[i].Digest != pushed[0].Digest {
				t.Errorf("pushed %s@%s, want %s@%s", pushed[i].Ref, pushed[i].Digest, want, pushed[0].Digest)
			}
			w := newWorkbench(t)
			image, err := w.Registry.Image(t.Context(), pushed[i].Ref, w.options.Platforms[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := airgaptest.ReadWhole(image); err != nil {
				t.Error(err)
			}
			m, err := image.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			if m.MediaType != types.OCIManifestSchema1 || m.Layers[0].MediaType != types.OCILayerZStd {
				t.Errorf("%s is %s with layers of %s", pushed[i].Ref, m.MediaType, m.Layers[0].MediaType)
			}
		}
	}
	job := PushJob{Archives: []string{plain}, Target: bases[0], Also: []string{bases[0] + "/"}}
	if _, err := newWorkbench(t).PushArchives(t.Context(), job); err == nil || !strings.Contains(err.Error(), "duplicate") {
		t.Errorf("one registry twice: %v", err)
	}
}

// A registry that refuses everything does not stop the others.
func TestPushToARegistryThatRefuses(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refusing.Close()
	app := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/app": "app"}))
	_, plain, _ := pushedSource(t, false, map[string]v1.Image{"acme/app:v1": app})
	host, mirror := strings.TrimPrefix(refusing.URL, "http://"), imagetest.Registry(t)
	_, err := newWorkbench(t).PushArchives(t.Context(), PushJob{Archives: []string{plain}, Target: host, Also: []string{mirror}})
	if err == nil || !strings.Contains(err.Error(), host) {
		t.Errorf("error %v, want one about %s", err, host)
	}
	checkPulled(t, mirror+"/acme/app:v1")
}

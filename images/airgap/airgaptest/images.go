package airgaptest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/imagetest"
)

// Ref parses a reference.
func Ref(t testing.TB, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// SampleImages returns an own runtime image, last in the list, and other images with all forms of
// layers, which share a base.
func SampleImages(t testing.TB) []pack.Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": imagetest.Words(1, 300_000)})
	plain := imagetest.LayerOf(t, types.OCIUncompressedLayer, imagetest.Files{"bin/plain": imagetest.Words(2, 50_000)}.Entries()...)
	zst := imagetest.LayerOf(t, types.OCILayerZStd, imagetest.Files{"bin/zstd": imagetest.Words(3, 60_000)}.Entries()...)
	docker := imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/docker": imagetest.Words(4, 1021)}.Entries()...)
	runtime := imagetest.Layer(t, imagetest.Files{"bin/slipway": imagetest.Words(5, 100_000), "bin/cni": "cni", "charts/": ""})
	return []pack.Image{
		{Names: []name.Reference{Ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, plain)},
		{Names: []name.Reference{Ref(t, "quay.io/a/b:v2"), Ref(t, "docker.io/a/b:v2")}, Image: imagetest.Image(t, "linux/amd64", base, zst)},
		{Names: []name.Reference{Ref(t, "rancher/pinned@sha256:"+strings.Repeat("ab", 32))}, Image: imagetest.Image(t, "linux/amd64", docker)},
		{Names: []name.Reference{Ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", runtime), Own: true},
	}
}

// GzipImages returns images like SampleImages, but all layers are compressed with gzip, as in most
// registries.
func GzipImages(t testing.TB) []pack.Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": imagetest.Words(1, 300_000)})
	return []pack.Image{
		{Names: []name.Reference{Ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/a": imagetest.Words(7, 90_000)}))},
		{Names: []name.Reference{Ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/b": imagetest.Words(8, 70_000)})), Own: true},
	}
}

// Simple returns an image with a name, and with a file that contains the name.
func Simple(t testing.TB, called, platform string) pack.Image {
	t.Helper()
	return pack.Image{Names: []name.Reference{Ref(t, called)},
		Image: imagetest.Image(t, platform, imagetest.Layer(t, imagetest.Files{"bin/tool": called + " for " + platform}))}
}

// Siblings returns images with a layer of 5 MiB each, of which 1 MiB is the same in all. The rest
// of the image changed differs.
func Siblings(t testing.TB, n, changed int) []pack.Image {
	t.Helper()
	var all []pack.Image
	for i := range n {
		seed := uint64(100 + i)
		if i == changed {
			seed += 1000
		}
		content := slices.Concat(imagetest.Noise(99, 1<<20), imagetest.Noise(seed, 2<<20), []byte(imagetest.Words(i, 1<<20)), imagetest.Noise(seed+500, 1<<20))
		all = append(all, pack.Image{Names: []name.Reference{Ref(t, fmt.Sprintf("acme/sibling%d:v1", i))},
			Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/program": string(content)}))})
	}
	return all
}

// Indexed returns an image from an index, which may be nested in another one. The index also has an
// attestation, and entries that a node which runs the image reads as well: 386 beside amd64, and an
// image and a chart without a platform.
func Indexed(t testing.TB, called string, nest bool) pack.Image {
	t.Helper()
	amd, arm := Simple(t, called, "linux/amd64").Image, Simple(t, called, "linux/arm64").Image
	index := imagetest.Attest(t, imagetest.Index(t, amd, arm, Simple(t, called, "linux/386").Image), imagetest.AttestationImage)
	index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: imagetest.Chart(t)}, mutate.IndexAddendum{Add: Simple(t, called+"-riscv", "linux/riscv64").Image})
	if nest {
		index = mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: index})
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return pack.Image{Names: []name.Reference{Ref(t, called), Ref(t, "acme/app@"+digest.String())}, Image: amd, Index: index}
}

// ManyImages returns images with configs of 6 kB, a layer that all share, and a layer of their own.
func ManyImages(t testing.TB, count int) []pack.Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"base": strings.Repeat("b", 4096)})
	all := make([]pack.Image, count)
	for i := range all {
		img, err := mutate.Config(imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"n": fmt.Sprint(i)})),
			v1.Config{Labels: map[string]string{"of": imagetest.Words(i, 6000)}})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = pack.Image{Names: []name.Reference{Ref(t, fmt.Sprintf("many/i%04d:v1", i))}, Image: img}
	}
	return all
}

// Tags returns the names under which an image is found.
func Tags(t testing.TB, img pack.Image) []name.Tag {
	t.Helper()
	var all []name.Tag
	for _, n := range img.Names {
		tag, err := format.Tag(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tag)
	}
	return all
}

// SBOM returns an SBOM of more than 1 MiB, which gets its own frame in an archive.
func SBOM() []proof.Attachment {
	return []proof.Attachment{{Kind: proof.SBOM, MediaType: "application/spdx+json", Content: fmt.Appendf(nil, `{"spdxVersion":"SPDX-2.3","comment":%q}`, imagetest.Words(11, 1_200_000))}}
}

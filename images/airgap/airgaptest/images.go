package airgaptest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
)

// Words makes text that compresses, but not to nothing.
func Words(seed, n int) string {
	var b strings.Builder
	state := uint32(seed*2654435761 + 1)
	for b.Len() < n {
		state = state*1664525 + 1013904223
		b.WriteString([]string{"slipway ", "archive ", "frame ", "layer ", "node ", "window ", "digest ", "registry "}[state>>29])
		if state>>20&7 == 0 {
			b.WriteString(hex.EncodeToString([]byte{byte(state >> 8), byte(state >> 16)}))
		}
	}
	return b.String()[:n]
}

// Noise is bytes that no compressor makes smaller.
func Noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed))).Read(b)
	return b
}

// Ref parses a reference.
func Ref(t testing.TB, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// SampleImages are a runtime of our own, last in the list, and others of all
// layer forms that share a base.
func SampleImages(t testing.TB) []airgap.Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": Words(1, 300_000)})
	plain := imagetest.LayerOf(t, types.OCIUncompressedLayer, imagetest.Files{"bin/plain": Words(2, 50_000)}.Entries()...)
	zst := imagetest.LayerOf(t, types.OCILayerZStd, imagetest.Files{"bin/zstd": Words(3, 60_000)}.Entries()...)
	docker := imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/docker": Words(4, 1021)}.Entries()...)
	runtime := imagetest.Layer(t, imagetest.Files{"bin/slipway": Words(5, 100_000), "bin/cni": "cni", "charts/": ""})
	return []airgap.Image{
		{Names: []name.Reference{Ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, plain)},
		{Names: []name.Reference{Ref(t, "quay.io/a/b:v2"), Ref(t, "docker.io/a/b:v2")}, Image: imagetest.Image(t, "linux/amd64", base, zst)},
		{Names: []name.Reference{Ref(t, "rancher/pinned@sha256:"+strings.Repeat("ab", 32))}, Image: imagetest.Image(t, "linux/amd64", docker)},
		{Names: []name.Reference{Ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", runtime), Own: true},
	}
}

// GzipImages are like sampleImages, but all layers are gzipped, as in most
// registries.
func GzipImages(t testing.TB) []airgap.Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": Words(1, 300_000)})
	return []airgap.Image{
		{Names: []name.Reference{Ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/a": Words(7, 90_000)}))},
		{Names: []name.Reference{Ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/b": Words(8, 70_000)})), Own: true},
	}
}

// Simple is an image called by name with a file that says so.
func Simple(t testing.TB, called, platform string) airgap.Image {
	t.Helper()
	return airgap.Image{Names: []name.Reference{Ref(t, called)},
		Image: imagetest.Image(t, platform, imagetest.Layer(t, imagetest.Files{"bin/tool": called + " for " + platform}))}
}

// Siblings are images with a layer of 5 MiB each, of which 1 MiB is the same in all.
// The rest of one may have changed.
func Siblings(t testing.TB, n, changed int) []airgap.Image {
	t.Helper()
	var all []airgap.Image
	for i := range n {
		seed := uint64(100 + i)
		if i == changed {
			seed += 1000
		}
		content := slices.Concat(Noise(99, 1<<20), Noise(seed, 2<<20), []byte(Words(i, 1<<20)), Noise(seed+500, 1<<20))
		all = append(all, airgap.Image{Names: []name.Reference{Ref(t, fmt.Sprintf("acme/sibling%d:v1", i))},
			Image: imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/program": string(content)}))})
	}
	return all
}

// Indexed is an image that was chosen from an index of two platforms with an
// attestation, which may lie in another index.
func Indexed(t testing.TB, called string, nest bool) airgap.Image {
	t.Helper()
	amd, arm := Simple(t, called, "linux/amd64").Image, Simple(t, called, "linux/arm64").Image
	index := imagetest.Attest(t, imagetest.Index(t, amd, arm), imagetest.AttestationImage)
	if nest {
		index = mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: index})
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return airgap.Image{Names: []name.Reference{Ref(t, called), Ref(t, "acme/app@"+digest.String())}, Image: amd, Index: index}
}

// ManyImages are images with configs of 6 kB, a layer that all share, and one of their
// own.
func ManyImages(t testing.TB, count int) []airgap.Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"base": strings.Repeat("b", 4096)})
	all := make([]airgap.Image, count)
	for i := range all {
		img, err := mutate.Config(imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"n": fmt.Sprint(i)})),
			v1.Config{Labels: map[string]string{"of": Words(i, 6000)}})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = airgap.Image{Names: []name.Reference{Ref(t, fmt.Sprintf("many/i%04d:v1", i))}, Image: img}
	}
	return all
}

// Tags are the names under which an image is found.
func Tags(t testing.TB, img airgap.Image) []name.Tag {
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

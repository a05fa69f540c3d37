package attach_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/imagetest"
)

func TestAttestation(t *testing.T) {
	image := imagetest.Image(t, "linux/amd64")
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	about := func(hex string) []byte {
		return []byte(`{"_type":"https://in-toto.io/Statement/v1","predicate":{},"predicateType":"https://example.com/x","subject":[{"digest":{"sha256":"` + hex + `"}}]}`)
	}
	made, err := attach.Attestation(digest, [][]byte{about(digest.Hex)})
	if err != nil {
		t.Fatal(err)
	}
	config, err := made.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := made.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":["` + manifest.Layers[0].Digest.String() + `"]}}`; string(config) != want {
		t.Errorf("config %s, want %s", config, want)
	}
	if l := manifest.Layers[0]; l.MediaType != "application/vnd.in-toto+json" || l.Annotations["in-toto.io/predicate-type"] != "https://example.com/x" {
		t.Errorf("layer %+v", l)
	}
	index, err := images.NewIndex([]images.IndexEntry{{Image: image, Attestation: made}, {Image: imagetest.Image(t, "linux/arm64")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	last := m.Manifests[len(m.Manifests)-1]
	if len(m.Manifests) != 3 || !images.IsAttestation(last) || images.AttestationSubject(last) != digest.String() || last.Platform.String() != "unknown/unknown" {
		t.Errorf("entries %+v", m.Manifests)
	}

	for name, statements := range map[string][][]byte{
		"at least one statement":          nil,
		"is not about " + digest.String(): {about(strings.Repeat("0", 64))},
		"reading a statement":             {[]byte("{}")},
	} {
		if _, err := attach.Attestation(digest, statements); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
	var none v1.Hash
	if _, err := attach.Attestation(none, [][]byte{about(digest.Hex)}); err == nil {
		t.Error("an attestation of nothing")
	}
}

package imagetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An AttestationForm is one of the two forms of BuildKit's attestation manifests.
type AttestationForm int

const (
	// AttestationArtifact is an OCI artifact with a subject, BuildKit's default since 0.32.
	AttestationArtifact AttestationForm = iota
	// AttestationImage looks like an image for the platform unknown/unknown.
	AttestationImage
)

const inTotoMediaType types.MediaType = "application/vnd.in-toto+json"

// Attest returns idx with an attestation manifest for each of its images added at the end, as made
// by `buildx build --provenance`.
func Attest(t testing.TB, idx v1.ImageIndex, form AttestationForm) v1.ImageIndex {
	t.Helper()
	manifest, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range manifest.Manifests {
		subject.Platform = nil
		attestation, err := newAttestation(subject, form)
		if err != nil {
			t.Fatal(err)
		}
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{
				"vnd.docker.reference.type":   "attestation-manifest",
				"vnd.docker.reference.digest": subject.Digest.String(),
			},
		}})
	}
	return idx
}

// attestation is a manifest with a config that is not an image's. go-containerregistry cannot make
// it, since it rewrites such configs.
type attestation struct {
	config, manifest []byte
	statement        v1.Layer
}

func newAttestation(subject v1.Descriptor, form AttestationForm) (v1.Image, error) {
	statement := static.NewLayer(fmt.Appendf(nil,
		`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":{},"subject":[{"digest":{"sha256":%q}}]}`,
		subject.Digest.Hex), inTotoMediaType)
	layer, err := partial.Descriptor(statement)
	if err != nil {
		return nil, err
	}
	layer.Annotations = map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{*layer}}
	a := attestation{statement: statement}
	switch form {
	case AttestationArtifact:
		a.config = []byte("{}")
		m.ArtifactType = "application/vnd.docker.attestation.manifest.v1+json"
		m.Subject = &subject
		m.Config = v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Data: a.config}
	case AttestationImage:
		diffID, err := statement.DiffID()
		if err != nil {
			return nil, err
		}
		a.config = fmt.Appendf(nil, `{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[%q]}}`, diffID)
		m.Config = v1.Descriptor{MediaType: types.OCIConfigJSON}
	}
	if m.Config.Digest, m.Config.Size, err = v1.SHA256(bytes.NewReader(a.config)); err != nil {
		return nil, err
	}
	if a.manifest, err = json.Marshal(m); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(a)
}

func (a attestation) RawConfigFile() ([]byte, error)      { return a.config, nil }
func (a attestation) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a attestation) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func (a attestation) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	config, err := partial.ConfigLayer(a)
	if err != nil {
		return nil, err
	}
	for _, l := range []v1.Layer{a.statement, config} {
		if d, err := l.Digest(); err == nil && d == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("the attestation has no blob %s", h)
}

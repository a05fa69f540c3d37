package attach

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/attest/sign"
)

// simplePayload is what is signed. Optional is null in what we make.
type simplePayload struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional json.RawMessage `json:"optional"`
}

// simpleType is the type of a payload, by which programs tell it from other signed JSON.
const simpleType = "cosign container image signature"

// Payload returns what is signed of an image in the older form: its digest, and the repository that it was made for.
func Payload(repository name.Repository, digest v1.Hash) ([]byte, error) {
	var payload simplePayload
	payload.Critical.Type = simpleType
	payload.Critical.Identity.Reference = repository.Name()
	payload.Critical.Image.Digest = digest.String()
	return json.Marshal(payload)
}

// SignatureTag returns the tag under which cosign looks for the signatures of a subject in the older form.
func SignatureTag(repository name.Repository, subject v1.Hash) name.Tag {
	return repository.Tag(subject.Algorithm + "-" + subject.Hex + ".sig")
}

// Signature returns the content of a signature tag: one payload with its signature.
func Signature(payload, signature []byte) (v1.Image, error) {
	layer, err := descriptor(payload, sign.SimpleSigning)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(v1.ConfigFile{RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{layer.Digest}}})
	if err != nil {
		return nil, fmt.Errorf("encoding a config: %w", err)
	}
	described, err := descriptor(config, types.OCIConfigJSON)
	if err != nil {
		return nil, err
	}
	return image(config, v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: described},
		blob{payload, sign.SimpleSigning, map[string]string{sign.SimpleSignature: base64.StdEncoding.EncodeToString(signature)}})
}

package attach

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/attest/statement"
)

// predicateTypeAnnotation of a layer tells readers which statement it has, so that they need not fetch the others.
const predicateTypeAnnotation = "in-toto.io/predicate-type"

// unknownConfig is the config of an attestation manifest. That of go-containerregistry has a time.
type unknownConfig struct {
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       struct{}  `json:"config"`
	RootFS       v1.RootFS `json:"rootfs"`
}

// Attestation returns the attestation manifest that an index has beside an image: an image for unknown/unknown whose
// layers are encoded statements about that image (docs/attestations/attestation-storage.md of moby/buildkit). A statement
// about another subject is an error.
func Attestation(subject v1.Hash, statements [][]byte) (v1.Image, error) {
	if len(statements) == 0 {
		return nil, errors.New("an attestation needs at least one statement")
	}
	var blobs []blob
	config := unknownConfig{Architecture: "unknown", OS: "unknown", RootFS: v1.RootFS{Type: "layers"}}
	for _, raw := range statements {
		s, err := statement.Read(raw)
		if err != nil {
			return nil, err
		}
		if !s.About(subject.String()) {
			return nil, fmt.Errorf("the statement of type %s is not about %s", s.PredicateType, subject)
		}
		layer, err := descriptor(raw, statement.MediaType)
		if err != nil {
			return nil, err
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
		blobs = append(blobs, blob{raw, statement.MediaType, map[string]string{predicateTypeAnnotation: s.PredicateType}})
	}
	encoded, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encoding a config: %w", err)
	}
	described, err := descriptor(encoded, types.OCIConfigJSON)
	if err != nil {
		return nil, err
	}
	return image(encoded, v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: described}, blobs...)
}

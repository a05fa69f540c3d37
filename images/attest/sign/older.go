package sign

import (
	"fmt"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

// The forms of signatures of images before bundles, as cosign attaches them under tags.
const (
	SimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json" // a message, under sha256-….sig
	DSSEEnvelope  = "application/vnd.dsse.envelope.v1+json"            // under sha256-….att
	// SimpleSignature is the annotation with the signature of a message of simple signing, in base64.
	SimpleSignature = "dev.cosignproject.cosign/signature"
)

// ParseEnvelope reads an envelope that is in no bundle.
func ParseEnvelope(raw []byte) (*Bundle, error) {
	if len(raw) > maxBundle {
		return nil, fmt.Errorf("invalid envelope: it has %d bytes, more than %d", len(raw), maxBundle)
	}
	e := &dssepb.Envelope{}
	if err := (protojson.UnmarshalOptions{RecursionLimit: 32}).Unmarshal(raw, e); err != nil {
		return nil, fmt.Errorf("invalid envelope: %w", err)
	}
	if n := len(e.GetSignatures()); n != 1 {
		return nil, fmt.Errorf("invalid envelope: it has %d signatures, want 1", n)
	}
	return &Bundle{&bundlepb.Bundle{Content: &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: e}}}, nil
}

// NewMessageSignature returns a bundle of a signature that is in no bundle.
func NewMessageSignature(signature []byte) *Bundle {
	return &Bundle{&bundlepb.Bundle{Content: &bundlepb.Bundle_MessageSignature{MessageSignature: &common.MessageSignature{Signature: signature}}}}
}

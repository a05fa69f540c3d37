package sign

import (
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// The forms of signatures of images before bundles, as cosign attaches them under tags.
const (
	SimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json" // a message, under sha256-….sig
	DSSEEnvelope  = "application/vnd.dsse.envelope.v1+json"            // under sha256-….att
	// SimpleSignature is the annotation with the signature of a message of simple signing, in base64.
	SimpleSignature = "dev.cosignproject.cosign/signature"
	// Annotations of signatures of identities: a certificate and those between it and the root, in PEM, and what Rekor and
	// a timestamp authority state, in JSON.
	simpleCertificate = "dev.sigstore.cosign/certificate"
	simpleChain       = "dev.sigstore.cosign/chain"
	simpleEntry       = "dev.sigstore.cosign/bundle"
	simpleTimestamp   = "dev.sigstore.cosign/rfc3161timestamp"
)

// maxChain is how many certificates are read of annotations.
const maxChain = 32

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

// AddAnnotations adds the certificate and the proof of the time that annotations have, to a bundle without either. A
// bundle stays as it is if they have no certificate.
func (b *Bundle) AddAnnotations(annotations map[string]string) error {
	var chain []*common.X509Certificate
	rest := []byte(annotations[simpleCertificate] + "\n" + annotations[simpleChain])
	for len(chain) <= maxChain {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		chain = append(chain, &common.X509Certificate{RawBytes: block.Bytes})
	}
	if annotations[simpleCertificate] == "" || len(chain) == 0 {
		return nil
	}
	material := &bundlepb.VerificationMaterial{Content: &bundlepb.VerificationMaterial_X509CertificateChain{
		X509CertificateChain: &common.X509CertificateChain{Certificates: chain},
	}}
	if text := annotations[simpleEntry]; text != "" {
		entry, err := parseEntry(text)
		if err != nil {
			return fmt.Errorf("invalid annotation %s: %w", simpleEntry, err)
		}
		material.TlogEntries = []*rekorpb.TransparencyLogEntry{entry}
	}
	if text := annotations[simpleTimestamp]; text != "" {
		var stamp struct {
			SignedRFC3161Timestamp []byte
		}
		if err := json.Unmarshal([]byte(text), &stamp); err != nil {
			return fmt.Errorf("invalid annotation %s: %w", simpleTimestamp, err)
		}
		material.TimestampVerificationData = &bundlepb.TimestampVerificationData{
			Rfc3161Timestamps: []*common.RFC3161SignedTimestamp{{SignedTimestamp: stamp.SignedRFC3161Timestamp}},
		}
	}
	b.content.VerificationMaterial = material
	return nil
}

// parseEntry reads an entry of Rekor with its promise, as cosign writes it into an annotation.
func parseEntry(text string) (*rekorpb.TransparencyLogEntry, error) {
	var entry struct {
		SignedEntryTimestamp []byte
		Payload              struct {
			Body           []byte `json:"body"`
			IntegratedTime int64  `json:"integratedTime"`
			LogIndex       int64  `json:"logIndex"`
			LogID          string `json:"logID"` // hex
		}
	}
	if err := json.Unmarshal([]byte(text), &entry); err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(entry.Payload.LogID)
	if err != nil {
		return nil, err
	}
	return &rekorpb.TransparencyLogEntry{LogIndex: entry.Payload.LogIndex, LogId: &common.LogId{KeyId: id}, IntegratedTime: entry.Payload.IntegratedTime,
		InclusionPromise:  &rekorpb.InclusionPromise{SignedEntryTimestamp: entry.SignedEntryTimestamp},
		CanonicalizedBody: entry.Payload.Body}, nil
}

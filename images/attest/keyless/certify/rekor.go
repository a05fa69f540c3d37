package certify

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
)

// proposal returns the entry to add to Rekor for the signature of a bundle: a hashedrekord or a dsse, version 0.0.1
// (https://github.com/sigstore/rekor/tree/main/pkg/types).
func proposal(b *bundlepb.Bundle, certificate *x509.Certificate) ([]byte, error) {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	type object = map[string]any
	e := b.GetDsseEnvelope()
	if e == nil {
		m := b.GetMessageSignature()
		return json.Marshal(object{"kind": "hashedrekord", "apiVersion": "0.0.1", "spec": object{
			"data":      object{"hash": object{"algorithm": "sha256", "value": hex.EncodeToString(m.GetMessageDigest().GetDigest())}},
			"signature": object{"content": m.GetSignature(), "publicKey": object{"content": text}},
		}})
	}
	envelope, err := json.Marshal(object{"payload": e.GetPayload(), "payloadType": e.GetPayloadType(),
		"signatures": []object{{"sig": e.GetSignatures()[0].GetSig()}}})
	if err != nil {
		return nil, err
	}
	return json.Marshal(object{"kind": "dsse", "apiVersion": "0.0.1", "spec": object{
		"proposedContent": object{"envelope": string(envelope), "verifiers": [][]byte{text}},
	}})
}

// An addedEntry is an entry of the log in the answer of Rekor. Hashes are in hex.
type addedEntry struct {
	Body           []byte `json:"body"`
	IntegratedTime int64  `json:"integratedTime"`
	LogID          string `json:"logID"`
	LogIndex       int64  `json:"logIndex"`
	Verification   struct {
		SignedEntryTimestamp []byte `json:"signedEntryTimestamp"`
		InclusionProof       struct {
			Checkpoint string   `json:"checkpoint"`
			Hashes     []string `json:"hashes"`
			LogIndex   int64    `json:"logIndex"`
			RootHash   string   `json:"rootHash"`
			TreeSize   int64    `json:"treeSize"`
		} `json:"inclusionProof"`
	} `json:"verification"`
}

// logEntry adds the signature of a bundle to a Rekor, and returns the entry with its proof. If the Rekor has it, because
// the answer to an earlier request was lost, that entry is returned.
func logEntry(ctx context.Context, rekor string, b *bundlepb.Bundle, certificate *x509.Certificate) (*rekorpb.TransparencyLogEntry, error) {
	body, err := proposal(b, certificate)
	if err != nil {
		return nil, err
	}
	answer, err := ask(ctx, call{address: strings.TrimSuffix(rekor, "/") + "/api/v1/log/entries", mediaType: "application/json", body: body})
	var there *conflict
	if errors.As(err, &there) && there.location != "" {
		answer, err = ask(ctx, call{address: there.location})
	}
	if err != nil {
		return nil, err
	}
	var entries map[string]addedEntry
	if err := json.Unmarshal(answer, &entries); err != nil {
		return nil, fmt.Errorf("invalid answer: %w", err)
	}
	for _, e := range entries {
		return e.proto()
	}
	return nil, errors.New("invalid answer: missing entry")
}

// proto returns an entry in the form of bundles.
func (e addedEntry) proto() (*rekorpb.TransparencyLogEntry, error) {
	var kind struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
	}
	if err := json.Unmarshal(e.Body, &kind); err != nil {
		return nil, fmt.Errorf("invalid answer: its body: %w", err)
	}
	p := e.Verification.InclusionProof
	hashes := make([][]byte, len(p.Hashes)+2)
	for i, text := range append([]string{e.LogID, p.RootHash}, p.Hashes...) {
		var err error
		if hashes[i], err = hex.DecodeString(text); err != nil {
			return nil, fmt.Errorf("invalid answer: %w", err)
		}
	}
	return &rekorpb.TransparencyLogEntry{
		LogIndex: e.LogIndex, LogId: &common.LogId{KeyId: hashes[0]}, KindVersion: &rekorpb.KindVersion{Kind: kind.Kind, Version: kind.Version},
		IntegratedTime: e.IntegratedTime, InclusionPromise: &rekorpb.InclusionPromise{SignedEntryTimestamp: e.Verification.SignedEntryTimestamp},
		InclusionProof: &rekorpb.InclusionProof{LogIndex: p.LogIndex, RootHash: hashes[1], TreeSize: p.TreeSize, Hashes: hashes[2:],
			Checkpoint: &rekorpb.Checkpoint{Envelope: p.Checkpoint}},
		CanonicalizedBody: e.Body,
	}, nil
}

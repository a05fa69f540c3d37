package keyless

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
)

// logged returns the times at which logs of the root added the signature. If the root has logs, at least one entry is
// required, but it need not state a time. Entries of other logs state nothing.
func (s *signed) logged(root *Root) ([]time.Time, error) {
	if len(root.logs) == 0 {
		return nil, nil
	}
	var times []time.Time
	err := errors.New("the trusted root has a log, and the bundle has no entry of a log")
	found := false
	for _, e := range s.content.GetVerificationMaterial().GetTlogEntries() {
		at, entryErr := s.entry(root, e)
		if entryErr != nil {
			err = fmt.Errorf("its entry in a log: %w", entryErr)
			continue
		}
		found = true
		if !at.IsZero() {
			times = append(times, at)
		}
	}
	if !found {
		return nil, err
	}
	return times, nil
}

// entry checks that an entry is of this signature, and that a log of the root has it. It returns the time that the log
// states, or zero if it states none.
func (s *signed) entry(root *Root, e *rekorpb.TransparencyLogEntry) (time.Time, error) {
	var at time.Time
	l, err := s.logOf(root, e)
	if err != nil {
		return at, err
	}
	promised, proven := len(e.GetInclusionPromise().GetSignedEntryTimestamp()) > 0, e.GetInclusionProof() != nil
	if !promised && !proven {
		return at, errors.New("it has neither a promise nor a proof that the log has it")
	}
	if promised {
		if err := l.verify(promiseOf(e), e.GetInclusionPromise().GetSignedEntryTimestamp()); err != nil {
			return at, fmt.Errorf("its promise: %w", err)
		}
		at = time.Unix(e.GetIntegratedTime(), 0) // the promise covers it, and a proof does not
	}
	if proven {
		if err := l.includes(e); err != nil {
			return time.Time{}, err
		}
	}
	return at, s.compare(e.GetCanonicalizedBody())
}

// logOf returns the log that an entry names. Only a promise covers the time of the entry. Without one,
// the certificate says when the entry was added.
func (s *signed) logOf(root *Root, e *rekorpb.TransparencyLogEntry) (log, error) {
	at := time.Unix(e.GetIntegratedTime(), 0)
	if e.GetIntegratedTime() == 0 || len(e.GetInclusionPromise().GetSignedEntryTimestamp()) == 0 {
		at = s.certificate.NotBefore
	}
	return find(root.logs, e.GetLogId().GetKeyId(), at)
}

// promiseOf returns what a log signs to promise that it will contain an entry, in canonical JSON (RFC 8785).
func promiseOf(e *rekorpb.TransparencyLogEntry) []byte {
	return fmt.Appendf(nil, `{"body":"%s","integratedTime":%d,"logID":"%x","logIndex":%d}`,
		base64.StdEncoding.EncodeToString(e.GetCanonicalizedBody()), e.GetIntegratedTime(), e.GetLogId().GetKeyId(), e.GetLogIndex())
}

// A hash is one in the body of an entry.
type hash struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"value"` // hex
}

// A body is what a log has of a signature, for every kind that is known.
type body struct {
	Kind    string `json:"kind"`
	Version string `json:"apiVersion"`
	Spec    struct {
		// hashedrekord 0.0.1
		Data struct {
			Hash hash `json:"hash"`
		} `json:"data"`
		Signature struct {
			Content   []byte `json:"content"`
			PublicKey struct {
				Content []byte `json:"content"` // PEM
			} `json:"publicKey"`
		} `json:"signature"`
		// dsse 0.0.1
		PayloadHash hash `json:"payloadHash"`
		Signatures  []struct {
			Signature []byte `json:"signature"`
			Verifier  []byte `json:"verifier"` // PEM
		} `json:"signatures"`
		// intoto 0.0.2
		Content struct {
			Envelope struct {
				Signatures []struct {
					PublicKey []byte `json:"publicKey"` // PEM
					Sig       []byte `json:"sig"`       // base64
				} `json:"signatures"`
			} `json:"envelope"`
			PayloadHash hash `json:"payloadHash"`
		} `json:"content"`
		// hashedrekord 0.0.2, of Rekor 2
		Rekord2 struct {
			Data struct {
				Algorithm string `json:"algorithm"`
				Digest    []byte `json:"digest"`
			} `json:"data"`
			Signature struct {
				Content  []byte `json:"content"`
				Verifier struct {
					Certificate struct {
						Raw []byte `json:"rawBytes"`
					} `json:"x509Certificate"`
				} `json:"verifier"`
			} `json:"signature"`
		} `json:"hashedRekordV002"`
	} `json:"spec"`
}

// compare returns an error unless the body of an entry has the digest, the signature and the certificate of s.
func (s *signed) compare(raw []byte) error {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		return fmt.Errorf("invalid body: %w", err)
	}
	digest := s.message.SHA256() // for an envelope, of the payload with its type
	envelope := s.content.GetDsseEnvelope()
	var found hash
	var signature, certificate []byte
	switch kind := b.Kind + " " + b.Version; {
	case kind == "hashedrekord 0.0.1" && envelope == nil:
		found, signature, certificate = b.Spec.Data.Hash, b.Spec.Signature.Content, fromPEM(b.Spec.Signature.PublicKey.Content)
	case kind == "hashedrekord 0.0.2":
		r := b.Spec.Rekord2
		found, signature, certificate = hash{"sha256", hex.EncodeToString(r.Data.Digest)}, r.Signature.Content, r.Signature.Verifier.Certificate.Raw
		if r.Data.Algorithm != "SHA2_256" {
			found.Algorithm = r.Data.Algorithm
		}
	case kind == "dsse 0.0.1" && envelope != nil && len(b.Spec.Signatures) == 1:
		digest = sha256.Sum256(envelope.GetPayload())
		found, signature, certificate = b.Spec.PayloadHash, b.Spec.Signatures[0].Signature, fromPEM(b.Spec.Signatures[0].Verifier)
	case kind == "intoto 0.0.2" && envelope != nil && len(b.Spec.Content.Envelope.Signatures) == 1:
		digest = sha256.Sum256(envelope.GetPayload())
		one := b.Spec.Content.Envelope.Signatures[0]
		decoded, err := base64.StdEncoding.DecodeString(string(one.Sig))
		if err != nil {
			return errors.New("invalid body: its signature is not base64")
		}
		found, signature, certificate = b.Spec.Content.PayloadHash, decoded, fromPEM(one.PublicKey)
	default:
		return fmt.Errorf("it is a %q, which does not describe such a signature", kind)
	}
	switch {
	case found != hash{"sha256", hex.EncodeToString(digest[:])}:
		return fmt.Errorf("it is of content with the %s %s, want sha256 %x", found.Algorithm, found.Value, digest)
	case !bytes.Equal(signature, s.bundle.Signature()):
		return errors.New("it is of another signature")
	case !bytes.Equal(certificate, s.certificate.Raw):
		return errors.New("it is of another certificate")
	}
	return nil
}

func fromPEM(text []byte) []byte {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return nil
	}
	return block.Bytes
}

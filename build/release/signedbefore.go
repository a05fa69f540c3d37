package release

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
)

// signedBefore remembers the files with valid signatures, so that package need not verify each again. What is remembered
// of a file is a hash of all that its validity depends on: the bytes of the signature, what it is of, and the key. verify
// and publish do not use it.
type signedBefore struct {
	mu          sync.Mutex
	known, used map[string]string // by the path of the signature
}

// signaturesRecord is the kind of the record of a dist. signaturesVersion changes when the same content results in another
// statement.
const signaturesRecord, signaturesVersion = "signatures", 1

// recallSigned returns what earlier runs have remembered.
func (r *Release) recallSigned(ctx context.Context) *signedBefore {
	before := &signedBefore{used: map[string]string{}}
	if raw, ok := r.bench.Cache.Record(ctx, signaturesRecord, r.path("dist")); ok {
		if err := json.Unmarshal(raw, &before.known); err != nil {
			before.known = nil // to be verified again
		}
	}
	return before
}

// hasSigned reports whether the file of a signature is known to be valid. hint is that of the key.
func (r *Release) hasSigned(ctx context.Context, before *signedBefore, t signed, hint string) bool {
	hash, err := r.signedHash(ctx, t, hint)
	if err != nil {
		return false // such as a missing file
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	if before.known[t.Path] != hash {
		return false
	}
	before.used[t.Path] = hash
	return true
}

// noteSigned remembers that bundle, the file of a signature, is valid.
func (r *Release) noteSigned(ctx context.Context, before *signedBefore, t signed, hint string, bundle []byte) error {
	hash, err := r.signedHash(ctx, t, hint)
	if err != nil {
		return err
	}
	written, _, err := r.fileDigest(ctx, t.Path)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(bundle)); written.Hex != want {
		return fmt.Errorf("%s was changed while it was written: its SHA-256 is %s instead of %s", r.relative(t.Path), written.Hex, want)
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	before.used[t.Path] = hash
	return nil
}

// signedHash returns a hash of what the validity of a signature depends on.
func (r *Release) signedHash(ctx context.Context, t signed, hint string) (string, error) {
	of := []any{signaturesVersion, t.Signature, t.what, t.digest, hint}
	for _, file := range []string{t.Path, t.Statement, t.SBOM.Output} {
		if file == "" {
			continue
		}
		digest, _, err := r.fileDigest(ctx, file)
		if err != nil {
			return "", err
		}
		of = append(of, digest)
	}
	return hashOf(of)
}

// rememberSigned keeps what this run has found, for later runs.
func (r *Release) rememberSigned(before *signedBefore) error {
	if maps.Equal(before.known, before.used) {
		return nil
	}
	raw, err := json.Marshal(before.used)
	if err != nil {
		return err
	}
	return r.bench.Cache.SetRecord(signaturesRecord, r.path("dist"), raw)
}

package attach

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// A Verified is a signature or attestation of a subject that a key has signed.
type Verified struct {
	Key *sign.PublicKey
	// PredicateType is that of its statement. A plain signature has SignaturePredicate.
	PredicateType string
}

// SignaturePredicate is the predicate type of a statement that says no more than that its subject was signed, as
// "cosign sign" makes it.
const SignaturePredicate = "https://sigstore.dev/cosign/sign/v1"

// bundleTypes begins the media types of bundles, of all versions.
const bundleTypes = "application/vnd.dev.sigstore.bundle"

// The sizes of the largest content that is read of a layer, in bytes. The SBOM of a large image has some MB.
const (
	maxBundle  = 64 << 20
	maxPayload = 1 << 20
)

// maxLayers is how many signatures an artifact may have. Each has to be verified.
const maxLayers = 1000

// ErrOtherContent means that an artifact has neither a bundle nor a signature.
var ErrOtherContent = errors.New("neither a Sigstore bundle nor a signature of cosign")

// Verify returns what an artifact that is attached to subject proves. If nothing in it is signed by one of the keys, the
// error says why. An artifact of another kind is ErrOtherContent.
func Verify(ctx context.Context, subject v1.Hash, artifact v1.Image, keys []*sign.PublicKey) ([]Verified, error) {
	manifest, err := artifact.Manifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Layers) > maxLayers {
		return nil, fmt.Errorf("it has %d layers, more than %d", len(manifest.Layers), maxLayers)
	}
	var (
		found []Verified
		errs  []error
	)
	for _, layer := range manifest.Layers {
		var v Verified
		var err error
		switch mediaType := string(layer.MediaType); {
		case strings.HasPrefix(mediaType, bundleTypes):
			v, err = verifyBundle(ctx, subject, artifact, layer, keys)
		case mediaType == sign.SimpleSigning:
			v, err = verifySimple(ctx, subject, artifact, layer, keys)
		default:
			continue
		}
		if err != nil {
			errs = append(errs, err)
		} else {
			found = append(found, v)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case len(errs) == 0:
		return nil, ErrOtherContent
	}
	return nil, errors.Join(errs...)
}

func verifyBundle(ctx context.Context, subject v1.Hash, artifact v1.Image, layer v1.Descriptor, keys []*sign.PublicKey) (Verified, error) {
	raw, err := read(artifact, layer, maxBundle)
	if err != nil {
		return Verified{}, err
	}
	bundle, err := sign.ParseBundle(raw)
	if err != nil {
		return Verified{}, err
	}
	claim, key, err := VerifyStatement(ctx, bundle, keys)
	if err != nil {
		return Verified{}, err
	}
	if !claim.About(subject.String()) {
		return Verified{}, fmt.Errorf("its statement is not about %s", subject)
	}
	return Verified{key, claim.PredicateType}, nil
}

// VerifyStatement returns the statement in the envelope of a bundle, and the key that signed it. The caller checks what
// the statement is about.
func VerifyStatement(ctx context.Context, bundle *sign.Bundle, keys []*sign.PublicKey) (*statement.Statement, *sign.PublicKey, error) {
	e, err := bundle.VerifyEnvelope(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	if e.PayloadType != statement.MediaType {
		return nil, nil, fmt.Errorf("its payload is %q, want %q", e.PayloadType, statement.MediaType)
	}
	claim, err := statement.Read(e.Payload)
	return claim, e.Key, err
}

func verifySimple(ctx context.Context, subject v1.Hash, artifact v1.Image, layer v1.Descriptor, keys []*sign.PublicKey) (Verified, error) {
	payload, err := read(artifact, layer, maxPayload)
	if err != nil {
		return Verified{}, err
	}
	signature, err := base64.StdEncoding.DecodeString(layer.Annotations[sign.SimpleSignature])
	if err != nil {
		return Verified{}, fmt.Errorf("its annotation %s is not base64", sign.SimpleSignature)
	}
	key, err := sign.NewMessageSignature(signature).VerifyMessage(ctx, sign.Bytes(payload), keys)
	if err != nil {
		return Verified{}, err
	}
	var signed simplePayload
	if err := json.Unmarshal(payload, &signed); err != nil {
		return Verified{}, fmt.Errorf("invalid payload: %w", err)
	}
	if signed.Critical.Image.Digest != subject.String() {
		return Verified{}, fmt.Errorf("its payload is of %q, not of %s", signed.Critical.Image.Digest, subject)
	}
	return Verified{key, SignaturePredicate}, nil
}

// read returns the content of a layer.
func read(artifact v1.Image, d v1.Descriptor, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, fmt.Errorf("layer %s has %d bytes, more than %d", d.Digest, d.Size, limit)
	}
	layer, err := artifact.LayerByDigest(d.Digest)
	if err != nil {
		return nil, err
	}
	r, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close() // ignore error: read-only
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("layer %s has more than %d bytes", d.Digest, limit)
	}
	return raw, err
}

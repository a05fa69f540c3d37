package attach

import (
	"context"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
)

// The sizes of the largest content that is read of a layer, in bytes. The SBOM of a large image has some MB.
const (
	maxBundle  = 64 << 20
	maxPayload = 1 << 20
)

// maxLayers is how many signatures an artifact may have. Each has to be verified.
const maxLayers = 1000

// Verify returns what an artifact that is attached to subject proves. If nothing in it is signed by one of the keys, the
// error says why. An artifact of another kind is ErrOtherContent.
func Verify(ctx context.Context, subject v1.Hash, artifact v1.Image, keys []sign.Verifier) ([]Verified, error) {
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
		if !isKnown(string(layer.MediaType)) {
			continue
		}
		limit := int64(maxBundle)
		if layer.MediaType == sign.SimpleSigning {
			limit = maxPayload
		}
		raw, err := read(artifact, layer, limit)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		v, err := Document{string(layer.MediaType), layer.Annotations, raw}.Verify(ctx, keys, Subject{Digest: subject})
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

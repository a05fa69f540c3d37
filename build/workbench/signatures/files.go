package signatures

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/regular"
)

// SignFiles signs files, and writes each signature to the file that bundle returns for it.
func SignFiles(ctx context.Context, key proof.KeySource, files []string, bundle func(file string) string) error {
	signing, err := proof.NewSigning(ctx, key)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	for _, file := range files {
		digest, err := fileDigest(file)
		if err != nil {
			return err
		}
		signature, err := signing.File(ctx, file, digest, bundle(file))
		if err == nil {
			err = atomicfile.WriteFile(bundle(file), signature)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// VerifyFile returns who made the signature of a file in the file bundle. It is one of trusted.
func VerifyFile(ctx context.Context, file, bundle string, trusted []sign.Verifier) (sign.Verifier, error) {
	digest, err := fileDigest(file)
	if err != nil {
		return nil, err
	}
	return proof.VerifyFile(ctx, file, digest, bundle, trusted)
}

// fileDigest reads a file, rather than to believe what the cache remembers of it.
func fileDigest(file string) (v1.Hash, error) {
	f, err := regular.Open(file)
	if err != nil {
		return v1.Hash{}, err
	}
	defer f.Close()
	digest, _, err := v1.SHA256(f)
	return digest, err
}

package workbench

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/carry"
)

// addAttached adds what is attached to an image of a registry to its proof: signatures, attestations and SBOMs of the
// image, and of the indexes that lead to it. Those of images for other platforms are left out.
func (w *Workbench) addAttached(ctx context.Context, image *pack.Image, budget *carry.Budget) error {
	digest, err := image.Image.Digest()
	if err != nil {
		return err
	}
	subjects := []v1.Hash{digest}
	if image.Index != nil {
		path, err := carry.Path(image.Index, digest)
		if err != nil {
			return err
		}
		subjects = append(subjects, path...)
	}
	attachments, err := carry.Find(ctx, w.Registry, image.Names[0].Context(), subjects, w.options.Transfers())
	if err != nil {
		return err
	}
	documents, err := carry.Documents(ctx, attachments, subjects, budget)
	image.Proof = append(image.Proof, documents...)
	return err
}

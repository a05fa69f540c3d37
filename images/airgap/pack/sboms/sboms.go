package sboms

import (
	"bytes"
	"context"
	"fmt"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// mediaTypes are those of SBOMs.
var mediaTypes = map[document.Format]string{
	document.SPDX:      "application/spdx+json",
	document.CycloneDX: "application/vnd.cyclonedx+json",
}

// Add returns images with an SBOM of each in its proof. Layers are fetched for it. The time of an SBOM is that of its
// image, so that an archive does not depend on the environment. version is that of Slipway, which SBOMs name.
func Add(ctx context.Context, catalog *sbom.Catalog, all []pack.Image, format document.Format, version string) ([]pack.Image, error) {
	out := make([]pack.Image, len(all))
	err := parallel.Each(ctx, len(all), catalog.Jobs, func(i int) error {
		out[i] = all[i]
		called := images.Familiar(all[i].Names[0])
		made, err := describe(ctx, catalog, called, all[i], format, version)
		if err != nil {
			return fmt.Errorf("SBOM of image %s: %w", called, err)
		}
		out[i].Proof = append(out[i].Proof[:len(out[i].Proof):len(out[i].Proof)], made)
		return nil
	})
	return out, err
}

func describe(ctx context.Context, catalog *sbom.Catalog, called string, img pack.Image, format document.Format, version string) (proof.Attachment, error) {
	var in *sbom.Inventory
	err := store.Mend(ctx, func() (err error) {
		in, err = catalog.Image(ctx, called, img.Image)
		return err
	})
	if err != nil {
		return proof.Attachment{}, err
	}
	for _, problem := range in.Problems {
		progress.Warn(ctx, fmt.Sprintf("%s: %s; what it says is missing from the SBOM", called, problem))
	}
	var text bytes.Buffer
	err = document.Write(&text, format, in, document.Options{Version: version})
	return proof.Attachment{Kind: proof.SBOM, MediaType: mediaTypes[format], Content: text.Bytes()}, err
}

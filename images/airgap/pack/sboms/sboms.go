package sboms

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// mediaTypes are those of SBOMs.
var mediaTypes = map[document.Format]string{
	document.SPDX:      "application/spdx+json",
	document.CycloneDX: "application/vnd.cyclonedx+json",
}

// Attachment returns an SBOM as an archive carries it.
func Attachment(format document.Format, content []byte) proof.Attachment {
	return proof.Attachment{Kind: proof.SBOM, MediaType: mediaTypes[format], Content: content}
}

// Add returns images with an SBOM of each in its proof.
func Add(ctx context.Context, found *sbom.Catalog, all []pack.Image, format document.Format, version string) ([]pack.Image, error) {
	out := make([]pack.Image, len(all))
	err := parallel.Each(ctx, len(all), found.Jobs, func(i int) error {
		out[i] = all[i]
		made, err := Of(ctx, found, all[i], format, version)
		out[i].Proof = append(out[i].Proof[:len(out[i].Proof):len(out[i].Proof)], made)
		return err
	})
	return out, err
}

// Version changes when the same image results in another SBOM.
const Version = "1 " + catalog.Version

// Of returns the SBOM of an image. Layers are fetched for it, unless the store of the catalog has the SBOM. The time of an
// SBOM is that of its image, so that an archive does not depend on the environment. version is that of Slipway, which
// SBOMs name.
func Of(ctx context.Context, found *sbom.Catalog, img pack.Image, format document.Format, version string) (proof.Attachment, error) {
	called := images.Familiar(img.Names[0])
	content, err := remembered(ctx, found, called, img, format, version)
	if err != nil {
		return proof.Attachment{}, fmt.Errorf("SBOM of image %s: %w", called, err)
	}
	return Attachment(format, content), nil
}

func remembered(ctx context.Context, found *sbom.Catalog, called string, img pack.Image, format document.Format, version string) ([]byte, error) {
	if found.Store == nil {
		var text strings.Builder
		err := write(ctx, &text, found, called, img, format, version)
		return []byte(text.String()), err
	}
	digest, err := img.Image.Digest()
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s %s %q %s %s", Version, format, version, called, digest)
	name, err := found.Store.Derived(ctx, "sbom-document", key, func(w io.Writer) error {
		return write(ctx, w, found, called, img, format, version)
	})
	if err != nil {
		return nil, err
	}
	return regular.ReadFile(name)
}

// write writes the SBOM of an image.
func write(ctx context.Context, w io.Writer, found *sbom.Catalog, called string, img pack.Image, format document.Format, version string) error {
	var in *sbom.Inventory
	err := store.Mend(ctx, func() (err error) {
		in, err = found.Image(ctx, called, img.Image)
		return err
	})
	if err != nil {
		return err
	}
	for _, problem := range in.Problems {
		progress.Warn(ctx, fmt.Sprintf("%s: %s; what it says is missing from the SBOM", called, problem))
	}
	return document.Write(w, format, in, document.Options{Version: version})
}

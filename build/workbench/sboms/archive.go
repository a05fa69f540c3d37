package sboms

import (
	"context"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
)

// maybeArchive returns the inventory of an archive of images. The error for any other file wraps fs.ErrNotExist.
func maybeArchive(ctx context.Context, catalog *sbom.Catalog, file string) (*sbom.Inventory, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, content, err := sniff.Open(f)
	if err != nil {
		return nil, fs.ErrNotExist // of a compression that is not known
	}
	defer content.Close()
	head := make([]byte, 512)
	if n, _ := io.ReadFull(content, head); !sniff.IsTar(head[:n]) {
		return nil, fs.ErrNotExist
	}
	return Archive(ctx, catalog, file, "")
}

// Archive returns the inventory of an archive of images. digest is the SHA-256 of the file in hexadecimal, or empty if it
// is not known. The error for a tar without images wraps fs.ErrNotExist.
func Archive(ctx context.Context, catalog *sbom.Catalog, file, digest string) (*sbom.Inventory, error) {
	archive, err := airgap.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	if archive.Codec() != format.Tar {
		// Several readers would each decompress what is before their layers.
		catalog = &sbom.Catalog{Store: catalog.Store, Limits: catalog.Limits, Temp: catalog.Temp, Jobs: 1}
	}
	packed, err := archive.Images(ctx)
	if err != nil {
		return nil, err
	}
	var list []sbom.NamedImage
	for _, p := range packed {
		image, err := p.Image(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, sbom.NamedImage{Refs: p.Names, Image: image})
	}
	subject := sbom.Subject{Kind: sbom.ArchiveKind, Name: filepath.Base(archive.OpenFile().StoredName()), Digest: digest}
	if digest == "" {
		if subject, err = sbom.FileSubject(ctx, subject.Kind, subject.Name, archive.Section(0, archive.Size())); err != nil {
			return nil, err
		}
	}
	return catalog.Images(ctx, subject, list)
}

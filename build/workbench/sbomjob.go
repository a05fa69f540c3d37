package workbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// An SBOMJob is one `slipway sbom` or `slipway airgap sbom`.
type SBOMJob struct {
	// Source is a reference or a file. Of an archive, Image selects one image; empty is all of the archive.
	Source, Image string
	// Archive says that Source is a file with images.
	Archive bool
	// Format is spdx or cyclonedx.
	Format string
	// Output is a file, or empty.
	Output string
	// Version is that of Slipway.
	Version string
}

// SBOM writes the SBOM of an image, a file or an archive to the output of the job, or to w if it has none.
func (b *Workbench) SBOM(ctx context.Context, job SBOMJob, w io.Writer) error {
	standard, err := document.ParseFormat(job.Format)
	if err != nil {
		return usage.Wrap(err)
	}
	options := document.Options{Version: job.Version}
	if epoch := b.options.SourceDateEpoch; epoch != "" {
		if options.Time, err = images.ParseEpoch(epoch); err != nil {
			return usage.Errorf("SOURCE_DATE_EPOCH %w", err)
		}
	}
	var in *sbom.Inventory
	err = store.Mend(ctx, func() (err error) {
		in, err = b.inventory(ctx, job)
		return err
	})
	if err != nil {
		return err
	}
	for _, problem := range in.Problems {
		progress.Warn(ctx, fmt.Sprintf("%s: %s; what it says is missing from the SBOM", job.Source, problem))
	}
	b.Tidy(ctx)
	if job.Output == "" {
		return document.Write(w, standard, in, options)
	}
	return writeSBOM(job.Output, standard, in, options)
}

// writeSBOM writes an inventory to a file, which appears when it is complete.
func writeSBOM(name string, standard document.Format, in *sbom.Inventory, options document.Options) error {
	var text strings.Builder
	if err := document.Write(&text, standard, in, options); err != nil {
		return err
	}
	return atomicfile.WriteFile(name, []byte(text.String()))
}

// catalog returns a catalog that keeps what it finds in the cache.
func (b *Workbench) catalog() *sbom.Catalog {
	return &sbom.Catalog{Store: b.Cache, Limits: fstree.Limits{Bytes: b.options.UnpackLimit}, Jobs: b.options.Jobs}
}

func (b *Workbench) inventory(ctx context.Context, job SBOMJob) (*sbom.Inventory, error) {
	if job.Archive {
		return b.archiveInventory(ctx, job)
	}
	info, err := os.Stat(job.Source)
	switch {
	case err == nil && info.Mode().IsRegular():
		return b.fileInventory(ctx, job)
	case err == nil && info.IsDir() && !strings.Contains(job.Source, ":"):
		return nil, usage.Errorf("%s is a folder: want an image or a file; for an OCI layout, write oci:%[1]s", job.Source)
	}
	found, err := b.sources.Resolve(ctx, job.Source)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", job.Source, err)
	}
	image := found.Image
	if image == nil || len(b.options.Platforms) > 0 {
		platform, err := b.sbomPlatform()
		if err != nil {
			return nil, err
		}
		if image, err = found.ImageFor(ctx, job.Source, platform); err != nil {
			return nil, err
		}
	}
	in, err := b.catalog().Image(ctx, found.Name, image)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", job.Source, err)
	}
	return in, nil
}

func (b *Workbench) sbomPlatform() (v1.Platform, error) {
	if len(b.options.Platforms) > 1 {
		return v1.Platform{}, usage.Errorf("an SBOM is of one image: run the command once for each --platform")
	}
	return b.onePlatform()
}

// fileInventory returns the inventory of a file, which may be an archive of images.
func (b *Workbench) fileInventory(ctx context.Context, job SBOMJob) (*sbom.Inventory, error) {
	isTar, err := isTar(job.Source)
	if err != nil {
		return nil, err
	}
	if isTar {
		in, err := b.archiveInventory(ctx, job)
		if !errors.Is(err, fs.ErrNotExist) {
			return in, err
		}
	}
	return b.catalog().File(ctx, job.Source)
}

// isTar reports whether a file is a tar that may be compressed.
func isTar(name string) (bool, error) {
	f, err := regular.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, content, err := sniff.Open(f)
	if err != nil {
		return false, nil // of a format that is not known
	}
	defer content.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(content, head)
	return sniff.IsTar(head[:n]), nil
}

// archiveInventory returns the inventory of an archive, or of one image of it. The error for a file without images wraps
// fs.ErrNotExist.
func (b *Workbench) archiveInventory(ctx context.Context, job SBOMJob) (*sbom.Inventory, error) {
	archive, err := airgap.Open(ctx, job.Source)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	packed, err := archive.Images(ctx)
	if err != nil {
		return nil, err
	}
	catalog := b.catalog()
	if !archive.Seekable() {
		catalog.Jobs = 1 // several readers would each decompress the archive from its beginning
	}
	var list []sbom.NamedImage
	for _, p := range packed {
		image, err := p.Image(ctx)
		if err != nil {
			return nil, err
		}
		named := sbom.NamedImage{Image: image}
		if len(p.Names) > 0 {
			named.Ref = p.Names[0]
		}
		list = append(list, named)
	}
	f, err := format.OpenFile(job.Source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	subject, err := sbom.FileSubject(ctx, sbom.ArchiveKind, filepath.Base(f.Name), io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return nil, err
	}
	return catalog.Images(ctx, subject, list)
}

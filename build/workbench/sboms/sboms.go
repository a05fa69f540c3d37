package sboms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// A Job is one `slipway sbom` or `slipway airgap sbom`.
type Job struct {
	// Sources are references and files.
	Sources []workbench.PackSource
	// Archive says that the source is a file with images.
	Archive bool
	// Format is spdx or cyclonedx.
	Format string
	// Output is a file, or empty for the writer of Write. Folder says that it is a folder, with a file for each source.
	Output string
	Folder bool
	// Version is that of Slipway. Epoch is SOURCE_DATE_EPOCH, or empty.
	Version, Epoch string
}

// Write writes the SBOMs of a job, those of several sources at the same time.
func Write(ctx context.Context, b *workbench.Workbench, job Job, w io.Writer) error {
	format, err := document.ParseFormat(job.Format)
	if err != nil {
		return usage.Wrap(err)
	}
	options := document.Options{Version: job.Version}
	if job.Epoch != "" {
		if options.Time, err = images.ParseEpoch(job.Epoch); err != nil {
			return usage.Errorf("SOURCE_DATE_EPOCH %w", err)
		}
	}
	files, err := job.files(format)
	if err != nil {
		return err
	}
	catalog := b.Catalog()
	err = parallel.Each(ctx, len(job.Sources), catalog.Jobs, func(i int) error {
		source := job.Sources[i]
		var in *sbom.Inventory
		err := store.Mend(ctx, func() (err error) {
			in, err = inventory(ctx, b, catalog, source.Ref, job.Archive)
			return err
		})
		if err != nil && source.Where != "" {
			err = fmt.Errorf("%s: %w", source.Where, err)
		}
		if err != nil {
			return err
		}
		for _, problem := range in.Problems {
			progress.Warn(ctx, fmt.Sprintf("%s: %s; what it says is missing from the SBOM", source.Ref, problem))
		}
		if files[i] == "" {
			return document.Write(w, format, in, options)
		}
		return WriteFile(files[i], format, in, options)
	})
	b.Tidy(ctx)
	return err
}

// WriteFile writes an inventory to a file, which appears when it is complete.
func WriteFile(name string, format document.Format, in *sbom.Inventory, options document.Options) error {
	var text strings.Builder
	if err := document.Write(&text, format, in, options); err != nil {
		return err
	}
	return atomicfile.WriteFile(name, []byte(text.String()))
}

// files returns the files of the sources, and creates their folder.
func (job Job) files(format document.Format) ([]string, error) {
	files := make([]string, len(job.Sources))
	sources := map[string]string{}
	for i, source := range job.Sources {
		files[i] = job.Output
		if !job.Folder {
			continue
		}
		files[i] = filepath.Join(job.Output, fileName(source.Ref)+format.Extension())
		if other, ok := sources[files[i]]; ok {
			return nil, usage.Errorf("%s and %s have the same file name %s: give one of them a folder of its own", other, source.Ref, files[i])
		}
		sources[files[i]] = source.Ref
	}
	if !job.Folder {
		return files, nil
	}
	return files, os.MkdirAll(job.Output, 0o755)
}

// fileName returns the name of the SBOM of a source in a folder, without its end: the name of a file, or a reference
// with _ for characters that file names cannot have.
func fileName(source string) string {
	if info, err := os.Stat(source); err == nil && info.Mode().IsRegular() {
		return filepath.Base(source)
	}
	if parsed, err := images.ParseReference(images.TrimTransport(source)); err == nil {
		source = images.Familiar(parsed)
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:@`, r) {
			return '_'
		}
		return r
	}, source), "_.")
}

// inventory returns the inventory of a source. archive says that it is a file with images.
func inventory(ctx context.Context, b *workbench.Workbench, catalog *sbom.Catalog, source string, archive bool) (*sbom.Inventory, error) {
	info, err := os.Stat(source)
	switch {
	case archive:
		return Archive(ctx, catalog, source, "")
	case err == nil && info.Mode().IsRegular():
		if in, err := maybeArchive(ctx, catalog, source); !errors.Is(err, fs.ErrNotExist) {
			return in, err
		}
		return catalog.File(ctx, source, sbom.Known{})
	case err == nil && info.IsDir() && !strings.Contains(source[len(filepath.VolumeName(source)):], ":"):
		return nil, usage.Errorf("%s is a folder: want an image or a file; for an OCI layout, write oci:%[1]s", source)
	}
	name, image, err := b.ImageOf(ctx, source)
	if err != nil {
		return nil, err
	}
	in, err := catalog.Image(ctx, name, image)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", source, err)
	}
	return in, nil
}

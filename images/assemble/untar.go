package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"io"

	"github.com/slipway-build/slipway/images/fstree"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
)

// openTar returns file as an archive, or nil if it is not a tar with at least one
// entry. The tar may be compressed with gzip, bzip2, xz or zstd.
func (a *Assembler) openTar(ctx context.Context, file *fstree.DiskFile) (*fstree.Archive, error) {
	if !isTar(file.Path) {
		return nil, nil
	}
	digest, err := a.layers.FileDigest(ctx, file.Path, file.Info)
	if err != nil {
		return nil, err
	}
	return &fstree.Archive{
		ID: "tar " + digest.String(),
		Open: func(context.Context) (io.ReadCloser, error) {
			raw, err := openVerified(file.Path, digest.Hex)
			if err != nil {
				return nil, err
			}
			_, r, err := sniff.Open(raw)
			if err != nil {
				raw.Close()
				return nil, err
			}
			return &decompressed{r, raw}, nil
		},
	}, nil
}

// isTar reports whether ADD unpacks the file. A file that cannot be read is not an
// archive.
func isTar(name string) bool {
	f, err := regular.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	_, r, err := sniff.Open(f)
	if err != nil {
		return false
	}
	defer r.Close()
	_, err = tar.NewReader(r).Next()
	return err == nil
}

// decompressed reads an archive and then the rest of its file, so that the whole file
// is verified.
type decompressed struct {
	io.ReadCloser
	raw io.ReadCloser
}

func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if errors.Is(err, sniff.ErrTrailing) {
		err = io.EOF // like GNU tar and Docker
	}
	if err == io.EOF {
		if _, rawErr := io.Copy(io.Discard, d.raw); rawErr != nil {
			err = rawErr
		}
	}
	return n, err
}

func (d *decompressed) Close() error {
	err := d.ReadCloser.Close()
	if rawErr := d.raw.Close(); err == nil {
		err = rawErr
	}
	return err
}

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

// openTar returns the archive that file is, or nil if it is none: a tar, plain
// or compressed by gzip, bzip2, xz or zstd, that has at least one entry.
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

// isTar says whether the file is an archive that ADD unpacks. A file that cannot
// be read as one is none.
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

// decompressed reads an archive and, at its end, what follows it in its file, so
// that all of the file is verified.
type decompressed struct {
	io.ReadCloser
	raw io.ReadCloser
}

func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if errors.Is(err, sniff.ErrTrailing) {
		err = io.EOF // as for GNU tar, and for Docker
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

package airgap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/streams"
)

// checkParts compares the parts of an archive, if it lies in parts, with the
// digests that the split wrote, so that it shows which one was damaged on its way.
func (r *Report) checkParts(ctx context.Context, f *wholeFile) error {
	if len(f.files) == 1 && f.files[0].Name() == f.name {
		return nil
	}
	want, err := readPartSums(f.name)
	if err != nil {
		return err
	}
	if len(want) == 0 {
		r.note("it lies in %d parts, and %s, which has their digests, is missing", len(f.files), filepath.Base(f.name+checksumsSuffix))
		return nil
	}
	have := make([]string, len(f.files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4) // reading is what takes long
	for i, file := range f.files {
		group.Go(func() error {
			sum := sha256.New()
			info, err := file.Stat()
			if err != nil {
				return err
			}
			if _, err := io.Copy(sum, streams.WithContext(ctx, io.NewSectionReader(file, 0, info.Size()))); err != nil {
				return err
			}
			have[i] = hex.EncodeToString(sum.Sum(nil))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, sum := range have {
		if sum != want[i] {
			r.problem("%s is damaged: its SHA-256 is %s, and %s says %s", filepath.Base(f.files[i].Name()), sum, filepath.Base(f.name+checksumsSuffix), want[i])
		}
	}
	return nil
}

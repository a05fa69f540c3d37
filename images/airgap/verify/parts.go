package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/streams"
)

// checkParts compares the parts of a split archive with their digests, to find the damaged one.
func (r *Report) checkParts(ctx context.Context, f *format.File) error {
	if len(f.Files) == 1 && f.Files[0].Name() == f.Name {
		return nil
	}
	want, err := format.ReadPartSums(f.Name)
	if err != nil {
		return err
	}
	if len(want) == 0 {
		r.note("it is split into %d parts, and %s, which has their digests, is missing", len(f.Files), filepath.Base(f.Name+format.ChecksumsSuffix))
		return nil
	}
	have := make([]string, len(f.Files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4) // enough to keep the disk busy
	for i, file := range f.Files {
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
			r.problem("%s is damaged: its SHA-256 is %s, and %s says %s", filepath.Base(f.Files[i].Name()), sum, filepath.Base(f.Name+format.ChecksumsSuffix), want[i])
		}
	}
	return nil
}

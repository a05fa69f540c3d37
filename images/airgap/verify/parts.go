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
	if !f.IsSplit() {
		return nil
	}
	parts, names := f.Parts()
	want, err := f.PartSums()
	if err != nil {
		return err
	}
	if len(want) == 0 {
		r.note("it is split into %d parts, and %s, which has their digests, is missing", len(parts), filepath.Base(f.Name+format.ChecksumsSuffix))
		return nil
	}
	have := make([]string, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4) // enough to keep the disk busy
	for i, part := range parts {
		group.Go(func() error {
			sum := sha256.New()
			if _, err := io.Copy(sum, streams.WithContext(ctx, part)); err != nil {
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
			r.problem("%s is damaged: its SHA-256 is %s, and %s says %s", names[i], sum, filepath.Base(f.Name+format.ChecksumsSuffix), want[i])
		}
	}
	return nil
}

package release

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/build/bundle"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/attest/sbom"
)

// contents are those of bundles that this run has written, by path.
type contents struct {
	mu    sync.Mutex
	known map[string]*sbom.Contents
}

func (c *contents) of(output string) *sbom.Contents {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[output]
}

// largeFile is the size in bytes from which a file may be a program that has been read before.
const largeFile = 1 << 20

// observe returns what notes the contents of a bundle while it is written, or nil if no SBOM needs them: the bundle has
// none, or it describes itself in a file that Slipway does not make, as packages of Alpine and Arch Linux do.
func (r *Release) observe(ctx context.Context, output string) func(bundle.Content) error {
	if strings.HasSuffix(output, ".apk") || strings.HasSuffix(output, ".pkg.tar.zst") ||
		!slices.ContainsFunc(r.Plan.SBOMs, func(s plan.SBOMStep) bool { return s.Subject == output }) {
		return nil
	}
	found := r.catalog.Contents()
	r.contents.mu.Lock()
	defer r.contents.mu.Unlock()
	if r.contents.known == nil {
		r.contents.known = map[string]*sbom.Contents{}
	}
	r.contents.known[output] = found
	return func(c bundle.Content) error {
		digest := ""
		// The digests of large files are remembered, since they are part of the key of the bundle. Documents of packages are
		// small, and are removed again.
		if info, err := os.Lstat(c.Source); err == nil && info.Size() >= largeFile {
			known, err := r.bench.Cache.FileDigest(ctx, c.Source, info)
			if err != nil {
				return err
			}
			digest = known.Hex
		}
		return found.Add(ctx, c.Path, c.Mode, c.Link, c.Source, digest)
	}
}

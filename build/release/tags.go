package release

import (
	"context"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pendingTags are the names of images and indexes that are written to dist/oci together, since each write reads and
// replaces all of index.json. A merge names its images and indexes at its end. A run that builds names each when it is
// made, so that it need not be made again after an interruption.
type pendingTags struct {
	mu      sync.Mutex
	pending map[string]v1.Descriptor // nil unless they are collected
}

// tag names an image or index in dist/oci, now or in writeTags.
func (r *Release) tag(ctx context.Context, ref string, d v1.Descriptor) error {
	if r.tags.collect(ref, d) {
		return nil
	}
	return r.layout.Tag(ctx, ref, d)
}

func (t *pendingTags) collect(ref string, d v1.Descriptor) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		return false
	}
	t.pending[ref] = d
	return true
}

// collectTags makes tag collect names for writeTags.
func (r *Release) collectTags() { r.tags.pending = map[string]v1.Descriptor{} }

// writeTags writes the collected names.
func (r *Release) writeTags(ctx context.Context) error {
	pending := r.tags.pending
	r.tags.pending = nil
	return r.layout.TagAll(ctx, pending)
}

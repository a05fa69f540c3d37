package source

import (
	"context"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// Bases is a source of base images that remembers what references named. Several goroutines may use it.
type Bases struct {
	resolver *Resolver
	mu       sync.Mutex
	found    map[string]v1.Hash
}

// Image returns the base image that ref names for a platform.
func (b *Bases) Image(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	image, err := b.resolver.choose(ctx, ref, platform, images.BaseServes)
	if err != nil {
		return nil, err
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.found == nil {
		b.found = map[string]v1.Hash{}
	}
	b.found[baseKey(ref, platform)] = digest
	return image, nil
}

// Digest returns the digest of the image that Image returned for a reference, however it was spelled. ok is false if
// nobody has asked for it.
func (b *Bases) Digest(ref string, platform v1.Platform) (digest v1.Hash, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	digest, ok = b.found[baseKey(ref, platform)]
	return digest, ok
}

func baseKey(ref string, platform v1.Platform) string {
	if parsed, err := images.ParseReference(ref); err == nil {
		ref = images.Qualified(parsed)
	}
	return ref + " " + images.FormatPlatform(images.Normalize(platform))
}

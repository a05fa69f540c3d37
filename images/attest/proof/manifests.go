package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A KeptManifest is the registry's manifest of an image whose manifest in the archive was rewritten.
type KeptManifest struct {
	Image     ImageContent
	MediaType types.MediaType
	Raw       []byte
}

// maxManifest is the size of the largest manifest that ReadManifests reads, in bytes.
const maxManifest = 20 << 20

// ReadManifests returns the manifests of the registry that the proof of an archive keeps. An archive without a proof has
// none. It checks only that they have their digests. read returns the content of a file of the archive that has at most
// limit bytes.
func ReadManifests(ctx context.Context, read func(ctx context.Context, name string, limit int64) ([]byte, error)) ([]KeptManifest, error) {
	p, err := Read(ctx, read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var kept []KeptManifest
	contents := map[v1.Hash][]byte{}
	for _, img := range p.Content.Images {
		for _, item := range img.Proof {
			if item.Kind != Manifest || item.Digest != img.Registry.Manifest || item.Digest == img.Manifest {
				continue
			}
			raw, ok := contents[item.Digest]
			if !ok {
				if raw, err = read(ctx, ItemFile(item.Digest), maxManifest); err != nil {
					return nil, err
				}
				if got, _, err := v1.SHA256(bytes.NewReader(raw)); err != nil || got != item.Digest {
					return nil, fmt.Errorf("file %s is damaged: its bytes have the digest %s", ItemFile(item.Digest), got)
				}
				contents[item.Digest] = raw
			}
			kept = append(kept, KeptManifest{img, types.MediaType(item.MediaType), raw})
		}
	}
	return kept, nil
}

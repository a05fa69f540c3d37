package pack

import (
	"context"
	"fmt"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/airgap/pack/arrange"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/images/store"
)

// layersOf returns the layers of an image in the archive. It compares the diff IDs of those that were decompressed with
// the config. Original layers need not be: their digests are verified, and with them that the archive has the image of the
// registry. Whoever decompresses them compares the diff IDs: nodes, and verify.
func (p *packer) layersOf(ctx context.Context, from Image, manifest *v1.Manifest, config *v1.ConfigFile) ([]frame.Layer, error) {
	blobs, err := from.Image.Layers()
	if err != nil {
		return nil, err
	}
	if err := p.addLayers(ctx, manifest, blobs); err != nil {
		return nil, err
	}
	layers := make([]frame.Layer, len(manifest.Layers))
	for i, d := range manifest.Layers {
		info, err := p.layerInfo(ctx, d.Digest, from.Own)
		if err != nil {
			return nil, err
		}
		if info.DiffID != (v1.Hash{}) && info.DiffID != config.RootFS.DiffIDs[i] {
			return nil, fmt.Errorf("layer %s has the diff ID %s, but the config has %s", d.Digest, info.DiffID, config.RootFS.DiffIDs[i])
		}
		layers[i] = frame.Layer{Digest: info.DiffID, Size: info.UncompressedSize, Own: from.Own,
			Source: info.Digest, Compression: info.Compression, Padded: info.Padding > 0,
			Fetch: func(ctx context.Context) error { return p.content.AddLayer(ctx, blobs[i]) }}
		if p.original {
			layers[i].Digest, layers[i].Size = info.Digest, info.Size
		}
	}
	return layers, nil
}

// addLayers adds the blobs of layers to the content, several at a time. Those that only a missing frame would need are
// left out; see frame.Layer.Fetch.
func (p *packer) addLayers(ctx context.Context, manifest *v1.Manifest, blobs []v1.Layer) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, blob := range blobs {
		if _, known := p.known(ctx, manifest.Layers[i].Digest); !known {
			group.Go(func() error { return p.content.AddLayer(groupCtx, blob) })
		}
	}
	return group.Wait()
}

// known returns what the content knows about the blob of a layer, if that is all that planning the archive needs.
func (p *packer) known(ctx context.Context, h v1.Hash) (store.BlobInfo, bool) {
	if !p.onlyFrames {
		return store.BlobInfo{}, false
	}
	return p.content.Known(ctx, h)
}

// layerInfo returns what is known about the blob of a layer. Layers that will be compared are sketched
// at the same time.
func (p *packer) layerInfo(ctx context.Context, h v1.Hash, own bool) (store.BlobInfo, error) {
	if info, known := p.known(ctx, h); known {
		return info, nil
	}
	switch {
	case p.original:
		return p.content.Stored(ctx, h)
	case own:
		return p.content.Info(ctx, h)
	}
	return arrange.Info(ctx, p.content, h)
}

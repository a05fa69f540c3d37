package containerd

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"

	diffapi "github.com/containerd/containerd/api/services/diff/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"

	"github.com/slipway-build/slipway/images/airgap/load"
)

// chainOf returns the ID of the chain up to layer at.
func chainOf(img *load.Image, at int) digest.Digest {
	ids := make([]digest.Digest, at+1)
	for i := range ids {
		ids[i] = digest.Digest(img.Packed.Layers[i].DiffID.String())
	}
	return identity.ChainID(ids)
}

func topChain(img *load.Image) digest.Digest { return chainOf(img, len(img.Packed.Layers)-1) }

// unpacks reports whether the layers of an image are unpacked. Those of another operating system cannot be.
func (c *Client) unpacks(img *load.Image) bool {
	return !c.options.NoUnpack && img.Packed.Platform.OS == runtime.GOOS
}

// unpack waits for the layers of an image, and unpacks them.
func (l *loader) unpack(ctx context.Context, img *load.Image) error {
	if wrong := img.Packed.FalselyPlain(); len(wrong) > 0 && l.client.unpacks(img) {
		return fmt.Errorf("%s; airgap push and airgap pack mend that", wrong[0])
	}
	for at, layer := range img.Packed.Layers {
		if err := l.arrived(ctx, layer.Digest); err != nil {
			return err
		}
		if !l.client.unpacks(img) {
			continue
		}
		_, err := l.chains.Do(ctx, chainOf(img, at).String(), func() (struct{}, error) { return struct{}{}, l.unpackLayer(ctx, img, at) })
		if err != nil {
			return err
		}
	}
	return nil
}

// arrived waits until a layer is there.
func (l *loader) arrived(ctx context.Context, h v1.Hash) error {
	a := l.layers[h]
	if a == nil {
		return nil
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// uncompressedLabel has the diff ID of a layer (containerd, pkg/labels).
const uncompressedLabel = "containerd.io/uncompressed"

// unpackLayer unpacks layer at onto the chain below it.
func (l *loader) unpackLayer(ctx context.Context, img *load.Image, at int) (err error) {
	c, layer, chain := l.client, img.Packed.Layers[at], chainOf(img, at)
	if there, err := c.hasSnapshot(ctx, chain); there || err != nil {
		return err
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	parent := ""
	if at > 0 {
		parent = chainOf(img, at-1).String()
	}
	// Only with this form of a key does containerd's garbage collector tell an unfinished snapshot of an image.
	key := fmt.Sprintf("extract-%s %s", rand.Text(), chain)
	prepared, err := c.snapshots.Prepare(ctx, &snapshotsapi.PrepareSnapshotRequest{Snapshotter: c.options.Snapshotter, Key: key, Parent: parent,
		Labels: map[string]string{"containerd.io/snapshot.ref": chain.String()}})
	if err != nil {
		return fmt.Errorf("preparing a snapshot of layer %s with %s: %w", layer.Digest, c.options.Snapshotter, plain(err))
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			_, _ = c.snapshots.Remove(ctx, &snapshotsapi.RemoveSnapshotRequest{Snapshotter: c.options.Snapshotter, Key: key})
		}
	}()
	applied, err := c.diff.Apply(ctx, &diffapi.ApplyRequest{Mounts: prepared.Mounts,
		Diff: &types.Descriptor{MediaType: string(layer.MediaType), Digest: layer.Digest.String(), Size: layer.Size}})
	if err != nil {
		return fmt.Errorf("unpacking layer %s: %w", layer.Digest, plain(err))
	}
	if got := applied.Applied.GetDigest(); got != layer.DiffID.String() {
		return fmt.Errorf("layer %s is damaged: its content has the diff ID %s instead of %s", layer.Digest, got, layer.DiffID)
	}
	_, err = c.snapshots.Commit(ctx, &snapshotsapi.CommitSnapshotRequest{Snapshotter: c.options.Snapshotter, Name: chain.String(), Key: key})
	if err = plain(err); errdefs.IsAlreadyExists(err) {
		_, err = c.snapshots.Remove(ctx, &snapshotsapi.RemoveSnapshotRequest{Snapshotter: c.options.Snapshotter, Key: key})
		return plain(err)
	}
	if err != nil {
		return fmt.Errorf("keeping the snapshot of layer %s: %w", layer.Digest, err)
	}
	if layer.Digest == layer.DiffID {
		return nil // takeLayer has labelled it
	}
	_, err = c.content.Update(ctx, content.Info{Digest: digest.Digest(layer.Digest.String()),
		Labels: map[string]string{uncompressedLabel: layer.DiffID.String()}}, "labels."+uncompressedLabel)
	if err != nil {
		return fmt.Errorf("labelling layer %s: %w", layer.Digest, err)
	}
	return nil
}

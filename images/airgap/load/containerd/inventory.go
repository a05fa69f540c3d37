package containerd

import (
	"context"
	"fmt"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/images/airgap/load"
)

// An inventory is what containerd has in the namespace.
type inventory struct {
	blobs   map[v1.Hash]map[string]string // labels, by digest
	records map[string]*imagesapi.Image   // by name
}

// has reports whether a blob is there.
func (i *inventory) has(h v1.Hash) bool {
	_, ok := i.blobs[h]
	return ok
}

// labeled reports whether a blob is there with labels.
func (i *inventory) labeled(h v1.Hash, labels map[string]string) bool {
	have, ok := i.blobs[h]
	return ok && within(labels, have)
}

func within(want, have map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// take lists what containerd has. ctx is of Client.in.
func (c *Client) take(ctx context.Context) (*inventory, error) {
	i := &inventory{blobs: map[v1.Hash]map[string]string{}, records: map[string]*imagesapi.Image{}}
	err := c.content.Walk(ctx, func(info content.Info) error {
		h, err := v1.NewHash(info.Digest.String())
		if err == nil {
			i.blobs[h] = info.Labels
		}
		return nil // we have no blobs with other digests
	})
	if err != nil {
		return nil, fmt.Errorf("listing the content of containerd: %w", err)
	}
	list, err := c.images.List(ctx, &imagesapi.ListImagesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing the images of containerd: %w", plain(err))
	}
	for _, record := range list.Images {
		i.records[record.Name] = record
	}
	return i, nil
}

// complete reports whether an image is there: its content, unpacked and referred to, and all of its names.
func (c *Client) complete(ctx context.Context, i *inventory, img *load.Image) (bool, error) {
	for _, d := range c.documents(img) {
		if !i.labeled(d.descriptor.Digest, d.labels) {
			return false, nil
		}
	}
	for _, l := range img.Packed.Layers {
		if !i.has(l.Digest) {
			return false, nil
		}
	}
	for _, n := range append(img.Digests(), img.Names...) {
		record := i.records[n]
		if record == nil || record.Target.GetDigest() != img.Target().Digest.String() || !within(c.recordLabels(), record.Labels) {
			return false, nil
		}
	}
	if len(img.Packed.Layers) == 0 || !c.unpacks(img) {
		return true, nil
	}
	return c.hasSnapshot(ctx, topChain(img))
}

// hasSnapshot reports whether a chain is unpacked.
func (c *Client) hasSnapshot(ctx context.Context, chain digest.Digest) (bool, error) {
	_, err := c.snapshots.Stat(ctx, &snapshotsapi.StatSnapshotRequest{Snapshotter: c.options.Snapshotter, Key: chain.String()})
	if err = plain(err); errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking the snapshotter %s for %s: %w", c.options.Snapshotter, chain, err)
	}
	return true, nil
}

// keep adds what is there of an image to a lease, so that it stays until it is referred to. It returns the number of
// things added.
func (c *Client) keep(ctx context.Context, lease string, i *inventory, img *load.Image) (n int, err error) {
	add := func(kind, id string) error {
		n++
		_, err := c.leases.AddResource(ctx, &leasesapi.AddResourceRequest{ID: lease, Resource: &leasesapi.Resource{Type: kind, ID: id}})
		return plain(err)
	}
	for _, d := range c.documents(img) {
		if i.has(d.descriptor.Digest) {
			if err := add("content", d.descriptor.Digest.String()); err != nil {
				return n, err
			}
		}
	}
	for _, l := range img.Packed.Layers {
		if i.has(l.Digest) {
			if err := add("content", l.Digest.String()); err != nil {
				return n, err
			}
		}
	}
	if !c.unpacks(img) {
		return n, nil
	}
	// The highest snapshot keeps those below it.
	for at := len(img.Packed.Layers) - 1; at >= 0; at-- {
		chain := chainOf(img, at)
		there, err := c.hasSnapshot(ctx, chain)
		if err != nil {
			return n, err
		}
		if there {
			return n, add("snapshots/"+c.options.Snapshotter, chain.String())
		}
	}
	return n, nil
}

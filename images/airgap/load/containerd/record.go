package containerd

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/load"
)

// The labels by which the garbage collector keeps what a blob refers to (containerd, docs/garbage-collection.md).
const (
	contentLabel  = "containerd.io/gc.ref.content."
	snapshotLabel = "containerd.io/gc.ref.snapshot."
)

// pinnedLabel keeps an image from being removed by the kubelet (containerd, internal/cri/labels).
const pinnedLabel = "io.cri-containerd.pinned"

// A document is a blob that refers to others, with its labels.
type document struct {
	descriptor v1.Descriptor
	raw        []byte
	labels     map[string]string
}

// documents returns the config, manifest and indexes of an image, each after what it refers to.
func (c *Client) documents(img *load.Image) []document {
	packed := img.Packed
	config := configOf(packed.ID, packed.RawConfig())
	if c.unpacks(img) && len(packed.Layers) > 0 {
		config.labels[snapshotLabel+c.options.Snapshotter] = topChain(img).String()
	}
	list := []document{config, manifestOf(packed.Manifest, packed.RawManifest())}
	if img.Index != nil {
		list = appendIndex(list, img.Index)
	}
	return list
}

func configOf(id v1.Hash, raw []byte) document {
	return document{v1.Descriptor{Digest: id, Size: int64(len(raw))}, raw, map[string]string{}}
}

// manifestOf returns a manifest. The archive's reader has parsed it.
func manifestOf(d v1.Descriptor, raw []byte) document {
	out := document{d, raw, map[string]string{}}
	out.descriptor.Size = int64(len(raw))
	if m, err := v1.ParseManifest(bytes.NewReader(raw)); err == nil {
		out.labels[contentLabel+"config"] = m.Config.Digest.String()
		for i, l := range m.Layers {
			out.labels[fmt.Sprintf("%sl.%d", contentLabel, i)] = l.Digest.String()
		}
	}
	return out
}

// appendIndex appends an index, after the indexes in it and the manifests of other platforms.
func appendIndex(list []document, index *airgap.PackedIndex) []document {
	for _, nested := range index.Nested() {
		list = appendIndex(list, nested)
	}
	for _, e := range index.Entries() {
		if slices.ContainsFunc(list, func(d document) bool { return d.descriptor.Digest == e.Descriptor.Digest }) {
			continue
		}
		manifest := manifestOf(e.Descriptor, e.Manifest)
		if id, err := v1.NewHash(manifest.labels[contentLabel+"config"]); err == nil && e.Config != nil {
			list = append(list, configOf(id, e.Config))
		}
		list = append(list, manifest)
	}
	d := document{index.Descriptor, index.RawManifest(), map[string]string{}}
	if m, err := v1.ParseIndexManifest(bytes.NewReader(d.raw)); err == nil {
		for i, entry := range m.Manifests {
			d.labels[fmt.Sprintf("%sm.%d", contentLabel, i)] = entry.Digest.String()
		}
	}
	return append(list, d)
}

// recordLabels returns the labels of records. containerd has no empty labels: a label that is set to "" is removed.
func (c *Client) recordLabels() map[string]string {
	if c.options.Unpinned {
		return map[string]string{pinnedLabel: ""}
	}
	return map[string]string{pinnedLabel: "pinned"}
}

// record makes a record, or changes it if it is there. Labels of others stay.
func (c *Client) record(ctx context.Context, have *inventory, name string, target v1.Descriptor) error {
	image := &imagesapi.Image{Name: name, Labels: c.recordLabels(),
		Target: &types.Descriptor{MediaType: string(target.MediaType), Digest: target.Digest.String(), Size: target.Size}}
	if have.records[name] == nil {
		_, err := c.images.Create(ctx, &imagesapi.CreateImageRequest{Image: image})
		if err = plain(err); !errdefs.IsAlreadyExists(err) {
			return named(name, err)
		}
	}
	paths := []string{"target"}
	for k := range image.Labels {
		paths = append(paths, "labels."+k)
	}
	_, err := c.images.Update(ctx, &imagesapi.UpdateImageRequest{Image: image, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	return named(name, plain(err))
}

func named(name string, err error) error {
	if err != nil {
		return fmt.Errorf("naming it %s: %w", name, err)
	}
	return nil
}

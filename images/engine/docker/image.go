package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/progress"
)

// A Store keeps the content of daemon images. *store.Store implements it.
type Store interface {
	Records
	// Layer is the method of images.LayerStore.
	Layer(ctx context.Context, key string, compression images.Compression, write func(io.Writer) error) (v1.Layer, error)
}

// Image copies an image out of a Docker Engine, by name or ID. Its config, and therefore its image
// ID, and the content of its layers are unchanged; layers are stored compressed with gzip. Content
// that was copied before is not read again. A missing image is an error that wraps fs.ErrNotExist.
func Image(ctx context.Context, o Options, s Store, ref string) (_ v1.Image, err error) {
	client, err := Connect(o)
	if err != nil {
		return nil, fmt.Errorf("connecting to Docker Engine at %s: %w", o.Host(), endpoint.Plain(err))
	}
	defer client.Close()
	fail := func(err error) error {
		if errdefs.IsNotFound(err) {
			return images.Absentf("Docker Engine at %s has no image %s", client.host, ref)
		}
		return fmt.Errorf("exporting image %s from Docker Engine at %s: %w", ref, client.host, endpoint.Plain(err))
	}
	inspected, err := client.api.ImageInspect(ctx, ref)
	if err != nil {
		return nil, fail(err)
	}
	d := &daemonImage{store: s, client: client, id: inspected.ID, os: inspected.Os, architecture: inspected.Architecture,
		layers: map[v1.Hash]v1.Layer{}}
	for _, text := range inspected.RootFS.Layers {
		h, err := v1.NewHash(text)
		if err != nil {
			return nil, fail(fmt.Errorf("invalid layer digest %q: %w", text, err))
		}
		d.diffIDs = append(d.diffIDs, h)
	}
	if err := d.fetch(ctx, ref); err != nil {
		return nil, fail(err)
	}
	return d.image()
}

// A daemonImage is an image of Docker Engine, with the content that was exported so far.
type daemonImage struct {
	store            Store
	client           *Client
	id               string
	os, architecture string
	diffIDs          []v1.Hash
	config           []byte
	layers           map[v1.Hash]v1.Layer // by diff ID
}

// errAbsent means that the store does not have a layer, so that the image must be read.
var errAbsent = errors.New("the layer has to be sent")

// daemonRecord is the kind of the store's records of configs by image ID, and of layer keys by diff
// ID.
const daemonRecord = "docker-daemon"

// fetch looks up what was exported earlier, and reads the rest from a `docker save`.
func (d *daemonImage) fetch(ctx context.Context, ref string) (err error) {
	d.config, _ = d.store.Record(ctx, daemonRecord, d.id)
	for _, diffID := range d.diffIDs {
		if err := d.recall(ctx, diffID); err != nil {
			return err
		}
	}
	if d.complete() {
		return nil
	}
	task := progress.Start(ctx, "save "+ref)
	defer func() { task.Done(err) }()
	stream, err := d.client.api.ImageSave(ctx, []string{ref})
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := eachSaved(task.Reader(stream), func(h *tar.Header, body io.Reader) error { return d.entry(ctx, h, body) }); err != nil {
		return err
	}
	if !d.complete() {
		return fmt.Errorf("it sent %d of %d layers and a config of %d bytes", len(d.layers), len(d.diffIDs), len(d.config))
	}
	return d.store.SetRecord(daemonRecord, d.id, d.config)
}

func (d *daemonImage) complete() bool {
	return d.config != nil && !slices.ContainsFunc(d.diffIDs, func(h v1.Hash) bool { return d.layers[h] == nil })
}

// recall looks up a layer that was exported earlier.
func (d *daemonImage) recall(ctx context.Context, diffID v1.Hash) error {
	key, ok := d.store.Record(ctx, daemonRecord, diffID.String())
	if !ok {
		return nil
	}
	l, err := d.store.Layer(ctx, string(key), images.Compression{}, func(io.Writer) error { return errAbsent })
	if errors.Is(err, errAbsent) {
		return nil
	}
	d.layers[diffID] = l
	return err
}

// entry processes one file of a docker save. Small JSON may be the config. Any other file is a
// layer, compressed with gzip if Docker uses containerd's store, or one of the extra files of
// Engines before 25.0.
func (d *daemonImage) entry(ctx context.Context, h *tar.Header, r io.Reader) error {
	head := make([]byte, 1)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil // empty; if the stream was interrupted, Next returns the error
	}
	r = io.MultiReader(bytes.NewReader(head), r)
	if head[0] == '{' && h.Size <= maxJSON {
		raw, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return d.takeConfig(raw)
	}
	if h.Size < 512 || head[0] == '[' { // VERSION, manifest.json
		return nil
	}
	return d.takeLayer(ctx, h.Name, r)
}

// takeConfig uses raw if it is the config: the one with these diff IDs, for this platform. An
// Engine with its own image store uses the config's digest as the image ID.
func (d *daemonImage) takeConfig(raw []byte) error {
	c, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil || c.OS != d.os || c.Architecture != d.architecture || !slices.Equal(c.RootFS.DiffIDs, d.diffIDs) {
		return nil // another file
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err == nil && (d.config == nil || digest.String() == d.id) {
		d.config = raw
	}
	return err
}

func (d *daemonImage) takeLayer(ctx context.Context, name string, r io.Reader) error {
	_, opened, err := sniff.Open(r)
	if err != nil {
		return err
	}
	defer opened.Close()
	// The name of a folder or blob is a digest of its content.
	key := "docker save " + name
	l, err := d.store.Layer(ctx, key, images.Compression{}, func(w io.Writer) error {
		_, err := io.Copy(w, opened)
		return err
	})
	if err != nil {
		return err
	}
	diffID, err := l.DiffID()
	if err != nil {
		return err
	}
	if !slices.Contains(d.diffIDs, diffID) {
		return fmt.Errorf("it has the content %s, which is not a layer of the image", diffID)
	}
	d.layers[diffID] = l
	return d.store.SetRecord(daemonRecord, diffID.String(), []byte(key))
}

func (d *daemonImage) image() (v1.Image, error) {
	layers := make([]images.DescribedLayer, len(d.diffIDs))
	for i, diffID := range d.diffIDs {
		descriptor, err := partial.Descriptor(d.layers[diffID])
		if err != nil {
			return nil, err
		}
		layers[i] = images.DescribedLayer{Layer: d.layers[diffID], Descriptor: *descriptor}
	}
	return images.Compose(images.Format{}, d.config, layers)
}

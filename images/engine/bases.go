package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
)

// bases are the base images of a build. They are resolved through source, by exact platform; the
// engine receives their digests and reads their blobs from here.
type bases struct {
	noContent
	source images.Source
	store  Store

	mu sync.Mutex
	// images are the resolved bases, by reference and platform.
	images map[baseKey]*base
	// aliases maps names that are valid in a Dockerfile to images without a registry, which are in
	// OCI layouts.
	aliases map[string]string
	// blobs are all blobs that the engine may read, by digest.
	blobs map[v1.Hash]*blob

	fetches parallel.Calls
}

// A base is one base image of the build.
type base struct {
	// name is the name of the image in messages.
	name   string
	digest v1.Hash
	config []byte
	image  v1.Image
	err    error
	done   chan struct{}
}

// A baseKey is a reference and a platform for which a base was requested.
type baseKey struct {
	ref      string
	platform images.PlatformKey
}

// A blob is content of a base that the engine may read: bytes, or a layer.
type blob struct {
	desc  v1.Descriptor
	bytes []byte
	layer v1.Layer
}

func newBases(source images.Source, s Store) *bases {
	return &bases{source: source, store: s, images: map[baseKey]*base{}, aliases: map[string]string{}, blobs: map[v1.Hash]*blob{}}
}

// storeID is the name of the OCI layout under which the engine requests bases.
const storeID = "slipway-bases"

// alias returns a reference under which BuildKit requests ref, an image that is not in a registry.
func (b *bases) alias(ref string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for a, r := range b.aliases {
		if r == ref {
			return a
		}
	}
	a := fmt.Sprintf("%s/context/%d", docker.InvalidRegistry, len(b.aliases))
	b.aliases[a] = ref
	return a
}

// resolve resolves ref for platform, once.
func (b *bases) resolve(ctx context.Context, ref string, platform v1.Platform) (*base, error) {
	name := ref
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		b.mu.Lock()
		if original, ok := b.aliases[reference.TrimNamed(named).Name()]; ok {
			name = original
		}
		b.mu.Unlock()
	}
	key := baseKey{name, images.KeyOf(platform)}
	b.mu.Lock()
	found, ok := b.images[key]
	if !ok {
		found = &base{name: name, done: make(chan struct{})}
		b.images[key] = found
	}
	b.mu.Unlock()
	if !ok {
		found.err = b.load(ctx, found, platform)
		close(found.done)
	}
	select {
	case <-found.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if found.err != nil {
		return nil, found.err
	}
	return found, nil
}

func (b *bases) load(ctx context.Context, into *base, platform v1.Platform) (err error) {
	if b.source == nil {
		return errors.New("no source of base images is configured")
	}
	if into.image, err = b.source.Image(ctx, into.name, platform); err != nil {
		return err
	}
	if into.digest, err = into.image.Digest(); err != nil {
		return err
	}
	if into.config, err = into.image.RawConfigFile(); err != nil {
		return err
	}
	raw, err := into.image.RawManifest()
	if err != nil {
		return err
	}
	manifest, err := into.image.Manifest()
	if err != nil {
		return err
	}
	layers, err := into.image.Layers()
	if err != nil {
		return err
	}
	if len(layers) != len(manifest.Layers) {
		return fmt.Errorf("its manifest lists %d layers, but it has %d", len(manifest.Layers), len(layers))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blobs[into.digest] = &blob{desc: v1.Descriptor{Digest: into.digest, Size: int64(len(raw))}, bytes: raw}
	b.blobs[manifest.Config.Digest] = &blob{desc: manifest.Config, bytes: into.config}
	for i, l := range layers {
		b.blobs[manifest.Layers[i].Digest] = &blob{desc: manifest.Layers[i], layer: l}
	}
	return nil
}

// withDigest returns the base whose manifest has the digest d, or nil.
func (b *bases) withDigest(d string) *base {
	for _, found := range b.all() {
		if found.digest.String() == d {
			return found
		}
	}
	return nil
}

// all returns the bases resolved so far.
func (b *bases) all() []*base {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*base
	for _, found := range b.images {
		select {
		case <-found.done:
			if found.err == nil {
				all = append(all, found)
			}
		default:
		}
	}
	return all
}

// layer returns the layer of a base with the digest or diff ID h, or nil if no base has it.
func (b *bases) layer(h v1.Hash) (v1.Layer, error) {
	b.mu.Lock()
	found := b.blobs[h]
	b.mu.Unlock()
	if found != nil && found.layer != nil {
		return found.layer, nil
	}
	for _, base := range b.all() {
		config, err := base.image.ConfigFile()
		if err != nil {
			return nil, err
		}
		layers, err := base.image.Layers()
		if err != nil {
			return nil, err
		}
		for i, id := range config.RootFS.DiffIDs {
			if id == h && i < len(layers) {
				return layers[i], nil
			}
		}
	}
	return nil, nil
}

// Info returns the size of a blob. The engine calls it before it reads the blob.
func (b *bases) Info(_ context.Context, d digest.Digest) (content.Info, error) {
	found, err := b.find(d)
	if err != nil {
		return content.Info{}, err
	}
	return content.Info{Digest: d, Size: found.desc.Size}, nil
}

func (b *bases) find(d digest.Digest) (*blob, error) {
	h, err := hashOf(d)
	if err != nil {
		return nil, errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if found, ok := b.blobs[h]; ok {
		return found, nil
	}
	return nil, errdefs.ErrNotFound.WithMessage("no base has the blob " + d.String())
}

// ReaderAt lets the engine read a blob. A layer is fetched into our store first, so a base that no
// step reads from is not downloaded.
func (b *bases) ReaderAt(ctx context.Context, d ocispec.Descriptor) (content.ReaderAt, error) {
	found, err := b.find(d.Digest)
	if err != nil {
		return nil, err
	}
	if found.layer == nil {
		return &readerAt{bytes.NewReader(found.bytes), io.NopCloser(nil), int64(len(found.bytes))}, nil
	}
	f, err := b.open(ctx, found)
	if err != nil {
		return nil, err
	}
	return &readerAt{f, f, found.desc.Size}, nil
}

// open opens the file of a layer's blob after checking it, since the engine's error would not name
// a damaged file.
func (b *bases) open(ctx context.Context, found *blob) (*os.File, error) {
	if file, ok := found.layer.(store.FileLayer); ok {
		return file.Open(ctx)
	}
	_, err := parallel.Share(ctx, &b.fetches, found.desc.Digest.String(), func() (struct{}, error) {
		return struct{}{}, store.Mend(ctx, func() error { return b.take(ctx, found) })
	})
	if err != nil {
		return nil, err
	}
	return b.store.Open(found.desc.Digest)
}

// take makes sure that the store has an intact copy of a layer's blob.
func (b *bases) take(ctx context.Context, found *blob) error {
	if b.store.Has(found.desc.Digest) {
		return b.store.Check(ctx, found.desc.Digest)
	}
	r, err := found.layer.Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	return b.store.Put(ctx, found.desc, r)
}

// OpenLayer implements docker.Content.
func (b *bases) OpenLayer(ctx context.Context, digest v1.Hash) (*os.File, error) {
	found, err := b.find(digestOf(digest))
	if err != nil {
		return nil, err
	}
	return b.open(ctx, found)
}

// UncompressedSize implements docker.Content.
func (b *bases) UncompressedSize(ctx context.Context, digest v1.Hash) (int64, error) {
	found, err := b.find(digestOf(digest))
	if err != nil {
		return 0, err
	}
	if file, ok := found.layer.(store.FileLayer); ok {
		info, err := file.Info(ctx)
		return info.UncompressedSize, err
	}
	info, err := b.store.Info(ctx, found.desc.Digest)
	return info.UncompressedSize, err
}

type readerAt struct {
	io.ReaderAt
	io.Closer
	size int64
}

func (r *readerAt) Size() int64 { return r.size }

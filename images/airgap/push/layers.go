package push

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
)

// layers compresses the uncompressed layers of archives, or finds the gzip streams that archives have for them.
type layers struct {
	cache       *store.Store
	compression images.Compression
	found       parallel.Memo[images.DescribedLayer] // the zero layer if there is no stream
	made        parallel.Memo[images.DescribedLayer]
	// queued are the layers that start compresses.
	queued map[string]*queuedLayer
}

// A queuedLayer is a layer that is compressed in its turn.
type queuedLayer struct {
	archive *airgap.Archive
	file    airgap.File
	layer   airgap.PackedLayer
	content v1.Layer
	ready   chan struct{} // closed after it was compressed
}

func (p *layers) algorithm() string { return cmp.Or(p.compression.Algorithm, "gzip") }

func (p *layers) zstd() bool { return p.algorithm() == "zstd" }

func layerKey(a *airgap.Archive, l airgap.PackedLayer) string { return a.Path() + " " + l.File() }

// start implements Images.Start.
func (p *layers) start(ctx context.Context, list []*airgap.PackedImage) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var order []*queuedLayer
	archives := map[*airgap.Archive]int{}
	for _, packed := range list {
		if _, ok := archives[packed.Archive()]; !ok {
			archives[packed.Archive()] = len(archives)
		}
		order = append(order, p.queue(ctx, packed)...)
	}
	slices.SortStableFunc(order, func(a, b *queuedLayer) int {
		if byArchive := archives[a.archive] - archives[b.archive]; byArchive != 0 {
			return byArchive
		}
		if a.file.Before(b.file) {
			return -1
		}
		return 1
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, q := range order {
			if ctx.Err() == nil {
				_, _ = p.compress(ctx, q.archive, q.layer, q.content) // get returns the same error
			}
			close(q.ready)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// queue returns the layers of an image that are to be compressed and are not queued yet. What cannot be read is left
// out: get returns the error.
func (p *layers) queue(ctx context.Context, packed *airgap.PackedImage) (added []*queuedLayer) {
	image, err := packed.Image(ctx)
	if err != nil {
		return nil
	}
	contents, err := image.Layers()
	if err != nil || len(contents) != len(packed.Layers) {
		return nil
	}
	for i, l := range packed.Layers {
		key := layerKey(packed.Archive(), l)
		if !l.IsPlain() || p.queued[key] != nil {
			continue
		}
		if stream, err := packed.Archive().GzipStream(ctx, l); !p.zstd() && (stream != nil || err != nil) {
			continue
		}
		file, err := packed.Archive().File(ctx, l.File())
		if err != nil {
			continue
		}
		q := &queuedLayer{packed.Archive(), file, l, contents[i], make(chan struct{})}
		p.queued[key] = q
		added = append(added, q)
	}
	return added
}

// get returns an uncompressed layer of an archive as it is pushed.
func (p *layers) get(ctx context.Context, a *airgap.Archive, l airgap.PackedLayer, content v1.Layer) (images.DescribedLayer, error) {
	if !p.zstd() {
		found, err := p.found.Do(ctx, layerKey(a, l), func() (images.DescribedLayer, error) { return p.stream(ctx, a, l) })
		if err != nil || found.Layer != nil {
			return found, err
		}
	}
	if q := p.queued[layerKey(a, l)]; q != nil {
		select {
		case <-q.ready:
		case <-ctx.Done():
			return images.DescribedLayer{}, context.Cause(ctx)
		}
	}
	return p.compress(ctx, a, l, content)
}

// streamKind is the kind of the cache's records of the digests of gzip streams whose content was compared with the diff
// ID.
const streamKind = "gzip-stream"

// stream returns the gzip stream that an archive has for a layer, or the zero layer. The first time, its content is
// compared with the diff ID.
func (p *layers) stream(ctx context.Context, a *airgap.Archive, l airgap.PackedLayer) (images.DescribedLayer, error) {
	none := images.DescribedLayer{}
	stream, err := a.GzipStream(ctx, l)
	if err != nil || stream == nil {
		return none, err
	}
	key, err := stream.Key()
	if err != nil {
		return none, err
	}
	var digest v1.Hash
	raw, ok := p.cache.Record(ctx, streamKind, key)
	if !ok || json.Unmarshal(raw, &digest) != nil {
		var right bool
		if digest, right, err = stream.Verify(ctx); err != nil {
			return none, err
		}
		if !right {
			return none, nil
		}
		if raw, err = json.Marshal(digest); err != nil {
			return none, err
		}
		if err := p.cache.SetRecord(streamKind, key, raw); err != nil {
			return none, err
		}
	}
	d := v1.Descriptor{MediaType: images.Format{}.Layer("gzip"), Digest: digest, Size: stream.Size}
	layer, err := stream.Layer(ctx, d.Digest, d.MediaType)
	return images.DescribedLayer{Layer: layer, Descriptor: d}, err
}

// compress compresses a layer, once for all targets. The cache keeps it.
func (p *layers) compress(ctx context.Context, a *airgap.Archive, l airgap.PackedLayer, content v1.Layer) (images.DescribedLayer, error) {
	return p.made.Do(ctx, layerKey(a, l), func() (images.DescribedLayer, error) {
		compressed, err := p.cache.Layer(ctx, "diff ID "+l.DiffID.String(), p.compression, func(to io.Writer) error {
			return copyLayer(to, l, content)
		})
		if err != nil {
			return images.DescribedLayer{}, err
		}
		d := v1.Descriptor{MediaType: images.Format{}.Layer(p.algorithm())}
		if d.Digest, err = compressed.Digest(); err != nil {
			return images.DescribedLayer{}, err
		}
		d.Size, err = compressed.Size()
		return images.DescribedLayer{Layer: compressed, Descriptor: d}, err
	})
}

// copyLayer writes the uncompressed content of a layer, which must have the diff ID.
func copyLayer(to io.Writer, l airgap.PackedLayer, content v1.Layer) error {
	if l.Digest == l.DiffID {
		from, err := content.Compressed() // it is not compressed, and its reader verifies the digest
		if err != nil {
			return err
		}
		defer from.Close()
		_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 256<<10))
		return err
	}
	from, err := content.Uncompressed()
	if err != nil {
		return err
	}
	defer from.Close()
	got, _, err := v1.SHA256(io.TeeReader(from, to))
	if err == nil && got != l.DiffID {
		err = fmt.Errorf("layer %s: the content has diff ID %s", l.DiffID, got)
	}
	return err
}

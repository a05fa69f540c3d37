package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// readKept returns the registry's manifests that the proof of an archive keeps, by the digest of the manifest that the
// image has in the archive. What cannot be read is logged, and is not served.
func (s *Server) readKept(ctx context.Context, a *airgap.Archive) map[v1.Hash][]proof.KeptManifest {
	list, err := proof.ReadManifests(ctx, a.ReadFile)
	if err != nil {
		s.log(a.Wrap(fmt.Errorf("manifests of the registry are not served: %w", err)).Error())
	}
	kept := map[v1.Hash][]proof.KeptManifest{}
	for _, m := range list {
		kept[m.Image.Manifest] = append(kept[m.Image.Manifest], m)
	}
	return kept
}

// restore adds an image as it is in its registry, if the archive has the gzip streams of all layers. In place of tags it
// is served only with Options.Restore, since nodes may have pulled the image by tag before, with other digests. What
// cannot be read is logged, and is not served.
func (r *repository) restore(ctx context.Context, img *airgap.PackedImage, kept []proof.KeptManifest, log func(string)) {
	for _, k := range kept {
		digest := k.Image.Registry.Manifest
		known := r.manifests[digest.String()]
		if known != nil && !known.attached && known.intact == nil {
			continue
		}
		streams, err := streamsFor(ctx, img, k)
		if err != nil {
			log(fmt.Sprintf("image %s is not served as %s: %v", img.ID, digest, err))
		}
		if streams == nil {
			continue
		}
		var layers []*restoredLayer
		for h, stream := range streams {
			layers = append(layers, r.restoreLayer(ctx, h, stream, img.Archive(), log))
		}
		if known != nil && known.intact != nil {
			continue // another archive has the image, too
		}
		d := &document{mediaType: k.MediaType, digest: digest, raw: k.Raw}
		d.instead = r.manifests[img.Manifest.Digest.String()]
		d.intact = func() bool {
			return !slices.ContainsFunc(layers, func(l *restoredLayer) bool { return l.stream(ctx, log) == nil })
		}
		r.manifests[digest.String()] = d
		if r.restored[img] == nil {
			r.restored[img] = d
		}
	}
}

// restoreLayer adds a gzip stream to the layer that has the digest in its registry.
func (r *repository) restoreLayer(ctx context.Context, h v1.Hash, stream *airgap.GzipStream, a *airgap.Archive, log func(string)) *restoredLayer {
	l := r.restoredLayers[h]
	if l == nil {
		l = &restoredLayer{digest: h}
		r.restoredLayers[h] = l
		if b := r.blobs[h.String()]; b == nil || proof.In(b.file) {
			r.blobs[h.String()] = &blob{size: stream.Size, digest: h, stream: func() *airgap.GzipStream { return l.stream(ctx, log) }}
		}
	}
	l.candidates = append(l.candidates, candidate{stream, a})
	return l
}

// A restoredLayer is a layer by its digest in the registry. Only the sizes of its candidates are known to be right.
type restoredLayer struct {
	digest     v1.Hash
	mu         sync.Mutex
	candidates []candidate
	intact     *airgap.GzipStream
}

// A candidate is a gzip stream that an archive has for a layer.
type candidate struct {
	stream  *airgap.GzipStream
	archive *airgap.Archive
}

// stream returns a gzip stream with the layer's digest, or nil. A stream that cannot be read is tried again the next
// time.
func (l *restoredLayer) stream(ctx context.Context, log func(string)) *airgap.GzipStream {
	l.mu.Lock()
	defer l.mu.Unlock()
	var unreadable []candidate
	for len(l.candidates) > 0 && l.intact == nil {
		c := l.candidates[0]
		l.candidates = l.candidates[1:]
		switch got, err := c.stream.Digest(ctx); {
		case err != nil:
			log(err.Error())
			unreadable = append(unreadable, c)
		case got != l.digest:
			log(c.archive.Wrap(fmt.Errorf("layer %s has the gzip stream %s here", l.digest, got)).Error())
		default:
			l.intact = c.stream
		}
	}
	l.candidates = append(l.candidates, unreadable...)
	return l.intact
}

// streamsFor returns the gzip streams of an image by the digests of the layers in a manifest of the registry, or nil if
// the archive does not have all of them. Only their sizes are compared.
func streamsFor(ctx context.Context, img *airgap.PackedImage, k proof.KeptManifest) (map[v1.Hash]*airgap.GzipStream, error) {
	m, err := v1.ParseManifest(bytes.NewReader(k.Raw))
	if err != nil || m.Config.Digest != img.ID || len(m.Layers) != len(img.Layers) {
		return nil, nil
	}
	found := map[v1.Hash]*airgap.GzipStream{}
	for i, l := range img.Layers {
		stream, err := img.Archive().GzipStream(ctx, l)
		if err != nil || stream == nil || stream.Size != m.Layers[i].Size {
			return nil, err
		}
		found[m.Layers[i].Digest] = stream
	}
	return found, nil
}

// served returns the document to serve instead of d, which is d itself if its content is intact, or nil.
func (d *document) served() *document {
	if d == nil || d.intact == nil || d.intact() {
		return d
	}
	return nil
}

// errNoStream means that no archive has the gzip stream of a layer. The log has the reasons.
var errNoStream = errors.New("no intact gzip stream")

// sendStream sends a part of a gzip stream.
func (s *Server) sendStream(ctx context.Context, w io.Writer, b *blob, part byteRange, started func()) error {
	stream := b.stream()
	if stream == nil {
		return errNoStream
	}
	started()
	_, err := io.Copy(w, stream.Part(part.begin, part.end))
	if err != nil {
		s.logUnlessGone(ctx, err)
	}
	return broken(err)
}

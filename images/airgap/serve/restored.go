package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
// is served only with Options.Restore, since nodes may have pulled the image by tag before, with other digests.
func (r *repository) restore(ctx context.Context, img *airgap.PackedImage, kept []proof.KeptManifest, log func(string)) error {
	for _, k := range kept {
		digest := k.Image.Registry.Manifest
		if known := r.manifests[digest.String()]; known != nil && !known.attached {
			continue
		}
		streams, err := streamsFor(ctx, img, k)
		if err != nil || streams == nil {
			return err
		}
		d := &document{mediaType: k.MediaType, digest: digest, raw: k.Raw}
		d.instead = r.manifests[img.Manifest.Digest.String()]
		d.intact = sync.OnceValue(func() bool {
			for h, stream := range streams {
				got, err := stream.Digest(ctx)
				if err == nil && got != h {
					err = img.Archive().Wrap(fmt.Errorf("%s: layer %s has the gzip stream %s here", digest, h, got))
				}
				if err != nil {
					log(err.Error())
					return false
				}
			}
			return true
		})
		r.manifests[digest.String()] = d
		if r.restored[img] == nil {
			r.restored[img] = d
		}
		for h, stream := range streams {
			if b := r.blobs[h.String()]; b == nil || proof.In(b.file) {
				r.blobs[h.String()] = &blob{size: stream.Size, digest: h, stream: stream}
			}
		}
	}
	return nil
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

// sendStream sends a part of a gzip stream.
func (s *Server) sendStream(ctx context.Context, w io.Writer, b *blob, part byteRange, started func()) error {
	started()
	_, err := io.Copy(w, b.stream.Part(part.begin, part.end))
	if err != nil {
		s.logUnlessGone(ctx, err)
	}
	return broken(err)
}

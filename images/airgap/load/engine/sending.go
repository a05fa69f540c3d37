package engine

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/load"
	"github.com/slipway-build/slipway/internal/streams"
)

// A sending is an archive for an engine, which is written while it is sent.
type sending struct {
	list   []*load.Image
	layers []load.Layer
	bytes  []int64 // of the layers of each image that no earlier image has
	// unreadable is set if a layer could not be read, or does not have its digest.
	unreadable bool
}

func chainOf(diffIDs []v1.Hash) string { return fmt.Sprint(diffIDs) }

// newSending returns the archive of images, without the layers of chains, which the engine has.
func newSending(list []*load.Image, chains map[string]bool) *sending {
	needed := map[v1.Hash]bool{}
	s := &sending{list: list, bytes: make([]int64, len(list))}
	for i, img := range list {
		var ids []v1.Hash
		for _, l := range img.Packed.Layers {
			if ids = append(ids, l.DiffID); !chains[chainOf(ids)] && !needed[l.Digest] {
				needed[l.Digest] = true
				s.bytes[i] += l.Size
			}
		}
	}
	s.layers = load.Layers(list, func(h v1.Hash) bool { return needed[h] })
	return s
}

func (s *sending) size() (n int64) {
	for _, of := range s.bytes {
		n += of
	}
	return n
}

// write writes the archive: layers in the order in which they are read, then configs and manifest.json, and an OCI
// layout if layout is set.
func (s *sending) write(ctx context.Context, w io.Writer, layout bool) error {
	out := tar.NewWriter(w)
	// Layers are read at the same time, and written one after another.
	var mu sync.Mutex
	var failed error
	load.Read(ctx, s.layers, func(l load.Layer, content io.Reader, err error) {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil {
			return
		}
		if err == nil {
			err = writeLayer(out, l, content, &s.unreadable)
		} else {
			s.unreadable = true
		}
		failed = err
	})
	if failed != nil {
		return failed
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	entries := []format.ManifestEntry{}
	written := map[v1.Hash]bool{}
	blob := func(h v1.Hash, raw []byte) error {
		if written[h] {
			return nil
		}
		written[h] = true
		return writeFile(out, format.BlobName(h), raw)
	}
	for _, img := range s.list {
		e := format.ManifestEntry{Config: format.BlobName(img.Packed.ID), RepoTags: []string{}, Layers: []string{}}
		for _, l := range img.Packed.Layers {
			e.Layers = append(e.Layers, format.BlobName(l.Digest))
		}
		if err := blob(img.Packed.ID, img.Packed.RawConfig()); err != nil {
			return err
		}
		if layout {
			if err := blob(img.Packed.Manifest.Digest, img.Packed.RawManifest()); err != nil {
				return err
			}
		}
		for _, n := range img.Names {
			ref, err := images.ParseTag(n)
			if err != nil {
				return err
			}
			e.RepoTags = append(e.RepoTags, images.Familiar(ref))
			d := img.Packed.Manifest
			d.Annotations = map[string]string{images.ContainerdNameAnnotation: n, images.RefNameAnnotation: ref.TagStr()}
			index.Manifests = append(index.Manifests, d)
		}
		entries = append(entries, e)
	}
	if err := writeJSON(out, format.ManifestJSON, entries); err != nil {
		return err
	}
	if layout {
		if err := writeJSON(out, format.OCILayout, map[string]string{"imageLayoutVersion": "1.0.0"}); err != nil {
			return err
		}
		if err := writeJSON(out, format.IndexJSON, index); err != nil {
			return err
		}
	}
	return out.Close()
}

// writeLayer writes a layer, and sets unreadable if its content cannot be read or does not have its digest.
func writeLayer(out *tar.Writer, l load.Layer, content io.Reader, unreadable *bool) error {
	if err := out.WriteHeader(header(format.BlobName(l.Digest), l.Size)); err != nil {
		return err
	}
	checked := streams.Verified(content, func(sum string, _ int64) error {
		if sum != l.Digest.Hex {
			return fmt.Errorf("it is damaged: its bytes have the digest sha256:%s", sum)
		}
		return nil
	})
	var failed error
	_, err := io.Copy(out, streams.Func(func(p []byte) (int, error) {
		n, err := checked.Read(p)
		if err != nil && err != io.EOF {
			failed = err
		}
		return n, err
	}))
	if failed != nil {
		*unreadable = true
		return fmt.Errorf("reading layer %s of %s: %w", l.Digest, l.Archive.Path(), failed)
	}
	return err
}

func writeJSON(out *tar.Writer, name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFile(out, name, raw)
}

func writeFile(out *tar.Writer, name string, raw []byte) error {
	if err := out.WriteHeader(header(name, int64(len(raw)))); err != nil {
		return err
	}
	_, err := out.Write(raw)
	return err
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}
}

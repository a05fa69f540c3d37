package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// Images compares two images called name. Equal images have no differences.
func (c *Comparer) Images(ctx context.Context, name string, first, second v1.Image) ([]Difference, error) {
	r := &run{Comparer: c, ctx: ctx}
	if err := r.images([]string{name}, first, second); err != nil {
		return nil, fmt.Errorf("comparing image %s: %w", name, err)
	}
	return r.result(name), nil
}

// Indexes compares two indexes called name, and the images that have the same platform in both.
func (c *Comparer) Indexes(ctx context.Context, name string, first, second v1.ImageIndex) ([]Difference, error) {
	r := &run{Comparer: c, ctx: ctx}
	if err := r.indexes([]string{name}, first, second); err != nil {
		return nil, fmt.Errorf("comparing index %s: %w", name, err)
	}
	return r.result(name), nil
}

func (r *run) indexes(path []string, first, second v1.ImageIndex) error {
	if same, err := sameDigest(first, second); err != nil || same {
		return err
	}
	a, err := first.IndexManifest()
	if err != nil {
		return err
	}
	b, err := second.IndexManifest()
	if err != nil {
		return err
	}
	before := r.count()
	if a.MediaType != b.MediaType {
		r.say(path, "media type differs: %s and %s", a.MediaType, b.MediaType)
	}
	for _, key := range sortedKeys(union(a.Annotations, b.Annotations)) {
		if x, y := a.Annotations[key], b.Annotations[key]; x != y {
			r.values(path, "annotation "+key, x, y, strconv.Quote(x), strconv.Quote(y))
		}
	}
	namesA, inA := entriesOf(a)
	namesB, inB := entriesOf(b)
	r.sayMissing(path, namesA, namesB)
	for _, name := range namesA {
		x := inA[name]
		y, ok := inB[name]
		if !ok || x.Digest == y.Digest || !x.MediaType.IsImage() || !y.MediaType.IsImage() {
			continue
		}
		imageA, err := first.Image(x.Digest)
		if err != nil {
			return err
		}
		imageB, err := second.Image(y.Digest)
		if err != nil {
			return err
		}
		if err := r.images(append(path, name), imageA, imageB); err != nil {
			return err
		}
	}
	if r.count() > before {
		return nil
	}
	return r.raw(path, first, second)
}

// entriesOf returns the names of the entries of an index, in their order, and the entries by them.
func entriesOf(m *v1.IndexManifest) (names []string, entries map[string]v1.Descriptor) {
	entries = map[string]v1.Descriptor{}
	for i, d := range m.Manifests {
		name := entryName(d, i)
		if _, ok := entries[name]; ok {
			name = fmt.Sprintf("%s (entry %d)", name, i+1)
		}
		names, entries[name] = append(names, name), d
	}
	return names, entries
}

func (r *run) images(path []string, first, second v1.Image) error {
	if same, err := sameDigest(first, second); err != nil || same {
		return err
	}
	before := r.count()
	if err := r.configs(path, first, second); err != nil {
		return err
	}
	a, err := first.Layers()
	if err != nil {
		return err
	}
	b, err := second.Layers()
	if err != nil {
		return err
	}
	if len(a) != len(b) {
		r.say(path, "the number of layers differs: %d and %d", len(a), len(b))
	}
	for i := range min(len(a), len(b)) {
		if err := r.layers(append(path, fmt.Sprintf("layer %d", i+1)), a[i], b[i]); err != nil {
			return err
		}
	}
	if r.count() > before {
		return nil
	}
	return r.raw(path, first, second)
}

// configs compares the configs of two images without the digests of their layers, which follow from the layers.
func (r *run) configs(path []string, first, second v1.Image) error {
	a, err := first.RawConfigFile()
	if err != nil {
		return err
	}
	b, err := second.RawConfigFile()
	if err != nil || bytes.Equal(a, b) {
		return err
	}
	var x, y any
	if okA, okB := decode(a, &x), decode(b, &y); !okA || !okB {
		return errors.New("the config is not JSON")
	}
	for _, v := range []any{x, y} {
		if config, ok := v.(map[string]any); ok {
			delete(config, "rootfs")
		}
	}
	d := &jsonDiff{run: r, path: append(path, "config")}
	d.values("", x, y, 0)
	d.sayRest()
	return nil
}

func (r *run) layers(path []string, first, second v1.Layer) error {
	if same, err := sameDigest(first, second); err != nil || same {
		return err
	}
	p, err := r.newPair()
	if err != nil {
		return err
	}
	defer p.remove()
	for _, c := range []struct {
		layer v1.Layer
		file  string
	}{{first, p.first}, {second, p.second}} {
		content, err := c.layer.Compressed()
		if err != nil {
			return err
		}
		err = r.spool(c.file, content)
		content.Close()
		if err != nil {
			return err
		}
	}
	return r.files(path, p.first, p.second)
}

// raw compares the bytes of two manifests.
func (r *run) raw(path []string, first, second images.Artifact) error {
	p, err := r.newPair()
	if err != nil {
		return err
	}
	defer p.remove()
	for _, c := range []struct {
		artifact images.Artifact
		file     string
	}{{first, p.first}, {second, p.second}} {
		raw, err := c.artifact.RawManifest()
		if err != nil {
			return err
		}
		if err := r.spool(c.file, bytes.NewReader(raw)); err != nil {
			return err
		}
	}
	return r.files(append(path, "manifest"), p.first, p.second)
}

func sameDigest(a, b interface{ Digest() (v1.Hash, error) }) (bool, error) {
	x, err := a.Digest()
	if err != nil {
		return false, err
	}
	y, err := b.Digest()
	return x == y, err
}

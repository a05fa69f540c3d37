package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/progress"
)

// Push pushes a v1.Image, a v1.ImageIndex or a *Manifest to ref, and returns the
// descriptor of what ref names then. What the registry has is not sent, and foreign
// layers stay where they are. If ref is a digest, it must be that of what is pushed.
func (c *Client) Push(ctx context.Context, ref name.Reference, what any) (d v1.Descriptor, err error) {
	label := images.Familiar(ref)
	if c.offline {
		return v1.Descriptor{}, fmt.Errorf("offline: %s cannot be pushed", label)
	}
	m, err := openManifest(what)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("pushing %s: %w", label, err)
	}
	task := progress.Start(ctx, "push "+label)
	defer func() { task.Done(err) }()
	p := &pushing{client: c, endpoint: c.endpoint(ref.Context(), push), task: task}
	d, err = p.push(ctx, ref, m)
	if err != nil {
		return v1.Descriptor{}, p.endpoint.explain("image "+label, err)
	}
	if !p.moved.Load() {
		task.SetCached()
	}
	return d, nil
}

// A taggable is a v1.Image or a v1.ImageIndex.
type taggable interface {
	partial.Describable
	RawManifest() ([]byte, error)
}

func openManifest(what any) (taggable, error) {
	switch what := what.(type) {
	case *Manifest:
		if what.Descriptor.MediaType.IsIndex() {
			return what.Index()
		}
		return what.Image()
	case v1.ImageIndex:
		return what, nil
	case v1.Image:
		return what, nil
	}
	return nil, fmt.Errorf("a %T is neither image nor index", what)
}

// A pushing is one call of Push.
type pushing struct {
	client   *Client
	endpoint *endpoint
	task     *progress.Task
	total    atomic.Int64
	moved    atomic.Bool // whether anything had to be sent
}

// sending says that n bytes are to be sent.
func (p *pushing) sending(n int64) {
	p.moved.Store(true)
	p.task.SetTotal(p.total.Add(n))
}

// push pushes a manifest after all that it names.
func (p *pushing) push(ctx context.Context, ref name.Reference, m taggable) (v1.Descriptor, error) {
	d, raw, err := describe(m)
	if err != nil {
		return v1.Descriptor{}, &localError{err}
	}
	_, byTag := ref.(name.Tag)
	if digest, ok := ref.(name.Digest); ok && digest.DigestStr() != d.Digest.String() {
		return v1.Descriptor{}, &localError{fmt.Errorf("pushing %s: what is pushed has the digest %s", images.Familiar(ref), d.Digest)}
	}
	if byTag {
		if has, ok, err := p.head(ctx, ref.Identifier(), d); err != nil || ok && has == d.Digest {
			return d, err
		}
	}
	_, ok, err := p.head(ctx, d.Digest.String(), d)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if !ok {
		if err := p.children(ctx, m); err != nil {
			return v1.Descriptor{}, err
		}
	}
	if byTag || !ok {
		err = p.put(ctx, ref, d, raw)
	}
	return d, err
}

func describe(m taggable) (d v1.Descriptor, raw []byte, err error) {
	if raw, err = m.RawManifest(); err != nil {
		return d, nil, err
	}
	if d.Digest, d.Size, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
		return d, nil, err
	}
	d.MediaType, err = m.MediaType()
	return d, raw, err
}

// head asks what a manifest is that the registry has. The digest is zero if it does
// not say.
func (p *pushing) head(ctx context.Context, id string, d v1.Descriptor) (has v1.Hash, ok bool, err error) {
	err = p.client.try(ctx, func() error {
		has, ok, err = p.endpoint.head(ctx, "manifests", id, string(d.MediaType))
		return err
	})
	return has, ok, err
}

// put sends a manifest, and asks what the registry made of it: some rewrite what
// they are sent, and its digest is no longer what was built and signed then.
func (p *pushing) put(ctx context.Context, ref name.Reference, d v1.Descriptor, raw []byte) error {
	p.sending(d.Size)
	// One at a time in a repository: see isTemporary.
	release, err := p.client.writing(ref.Context()).acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	var has v1.Hash
	err = p.client.try(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, p.endpoint.url("manifests", ref.Identifier()).String(), bytes.NewReader(raw))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", string(d.MediaType))
		resp, err := p.endpoint.do(req, http.StatusCreated, http.StatusOK, http.StatusAccepted)
		if err != nil {
			return err
		}
		has = contentDigest(resp)
		return resp.Body.Close()
	})
	if err != nil {
		return err
	}
	p.task.Add(len(raw))
	// Of what only has a digest, the first answer will do.
	if _, byTag := ref.(name.Tag); byTag || has == (v1.Hash{}) {
		var ok bool
		if has, ok, err = p.head(ctx, ref.Identifier(), d); err != nil {
			return err
		} else if !ok {
			return fmt.Errorf("it took the manifest %s and does not have it", d.Digest)
		}
	}
	if has != (v1.Hash{}) && has != d.Digest {
		return fmt.Errorf("it was sent the manifest %s and answers with %s", d.Digest, has)
	}
	return nil
}

// children pushes what a manifest names.
func (p *pushing) children(ctx context.Context, m taggable) error {
	if index, ok := m.(v1.ImageIndex); ok {
		return p.entries(ctx, index)
	}
	image, ok := m.(v1.Image)
	if !ok {
		return &localError{fmt.Errorf("a %T is neither image nor index", m)}
	}
	return p.blobs(ctx, image)
}

func (p *pushing) entries(ctx context.Context, index v1.ImageIndex) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return &localError{err}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.client.jobs)
	for _, d := range manifest.Manifests {
		g.Go(func() error { return p.entry(ctx, index, d) })
	}
	return g.Wait()
}

func (p *pushing) entry(ctx context.Context, index v1.ImageIndex, d v1.Descriptor) error {
	var child taggable
	var err error
	switch {
	case d.MediaType.IsIndex():
		child, err = index.ImageIndex(d.Digest)
	case d.MediaType.IsImage():
		child, err = index.Image(d.Digest)
	default:
		err = fmt.Errorf("media type %q is neither image nor index", d.MediaType)
	}
	if err != nil {
		return &localError{fmt.Errorf("entry %s of the index: %w", d.Digest, err)}
	}
	_, err = p.push(ctx, p.endpoint.repo.Digest(d.Digest.String()), child)
	return err
}

// blobs pushes the layers and the config of an image.
func (p *pushing) blobs(ctx context.Context, image v1.Image) error {
	manifest, err := image.Manifest()
	if err != nil {
		return &localError{err}
	}
	layers, err := image.Layers()
	if err != nil {
		return &localError{err}
	}
	if len(layers) != len(manifest.Layers) {
		return &localError{fmt.Errorf("the image has %d layers, and its manifest %d", len(layers), len(manifest.Layers))}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.client.jobs)
	for n, d := range manifest.Layers {
		if !isForeign(d) {
			g.Go(func() error { return p.blob(ctx, d, layers[n].Compressed) })
		}
	}
	g.Go(func() error {
		return p.blob(ctx, manifest.Config, func() (io.ReadCloser, error) {
			raw, err := image.RawConfigFile()
			return io.NopCloser(bytes.NewReader(raw)), err
		})
	})
	return g.Wait()
}

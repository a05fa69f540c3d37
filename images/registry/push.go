package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/progress"
)

// Push pushes an artifact, which is a v1.Image or a v1.ImageIndex, to ref, and returns its descriptor.
// Content that the registry has is not sent. A foreign layer that cannot be fetched anywhere is
// left out, with a warning. If ref is a digest, it must be the digest of the pushed content.
func (c *Client) Push(ctx context.Context, ref name.Reference, artifact images.Artifact) (d v1.Descriptor, err error) {
	label := images.Familiar(ref)
	if c.offline {
		return v1.Descriptor{}, fmt.Errorf("offline: cannot push %s", label)
	}
	task := progress.Start(ctx, "push "+label)
	defer func() { task.Done(err) }()
	e, err := c.transport.Target(ref.Context())
	if err != nil {
		return v1.Descriptor{}, err
	}
	p := &pushing{client: c, endpoint: e, repo: ref.Context(), task: task}
	d, err = p.push(ctx, ref, artifact, true)
	if err != nil {
		return v1.Descriptor{}, p.endpoint.Explain("image "+label, err)
	}
	if !p.moved.Load() {
		task.SetCached()
	}
	return d, nil
}

// A pushing is one call of Push.
type pushing struct {
	client   *Client
	endpoint *transport.Endpoint
	repo     name.Repository
	task     *progress.Task
	total    atomic.Int64
	moved    atomic.Bool // whether anything had to be sent
}

// sending adds n bytes to the expected total.
func (p *pushing) sending(n int64) {
	p.moved.Store(true)
	p.task.SetTotal(p.total.Add(n))
}

// push pushes the content that a manifest lists, then the manifest. Without trust, everything is
// sent, even if the registry claims to have it.
func (p *pushing) push(ctx context.Context, ref name.Reference, m images.Artifact, trust bool) (v1.Descriptor, error) {
	d, raw, err := describe(m)
	if err != nil {
		return v1.Descriptor{}, &transport.LocalError{Err: err}
	}
	_, byTag := ref.(name.Tag)
	if digest, ok := ref.(name.Digest); ok && digest.DigestStr() != d.Digest.String() {
		return v1.Descriptor{}, &transport.LocalError{Err: fmt.Errorf("pushing %s: the content has digest %s", images.Familiar(ref), d.Digest)}
	}
	var before v1.Hash // current value of the tag
	if byTag && trust {
		found := absent
		if before, found, err = p.head(ctx, ref.Identifier(), d); err != nil || found == present && before == d.Digest {
			return d, err
		}
	}
	found := absent
	if trust {
		if _, found, err = p.head(ctx, d.Digest.String(), d); err != nil {
			return v1.Descriptor{}, err
		}
	}
	if found != present {
		if err := p.children(ctx, m, trust); err != nil {
			return v1.Descriptor{}, err
		}
	} else if !byTag {
		return d, nil
	}
	return d, p.complete(ctx, ref, m, d, raw, before)
}

// complete sends a manifest after its children. A registry may miss some of them nevertheless: its
// storage may lag behind its answers, for instance while another push writes the same blobs, or it
// answered from a cache. The manifest is then sent again after a delay, and if that does not help,
// after sending its children again.
func (p *pushing) complete(ctx context.Context, ref name.Reference, m images.Artifact, d v1.Descriptor, raw []byte, before v1.Hash) error {
	p.sending(d.Size)
	a := p.client.pace.Begin()
	for n := 1; ; n++ {
		err := p.put(ctx, ref, d, raw, before)
		var answer *transport.AnswerError
		if err == nil {
			p.task.Add(len(raw))
			return nil
		}
		if !errors.As(err, &answer) || !answer.Has("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN") {
			return err
		}
		if err := a.Again(ctx, &transport.TemporaryError{Err: err}); err != nil {
			return err
		}
		if n == 1 {
			continue
		}
		if err := p.children(ctx, m, false); err != nil {
			return err
		}
	}
}

func describe(m images.Artifact) (d v1.Descriptor, raw []byte, err error) {
	if raw, err = m.RawManifest(); err != nil {
		return d, nil, err
	}
	if d.Digest, d.Size, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
		return d, nil, err
	}
	d.MediaType, err = m.MediaType()
	return d, raw, err
}

// head returns the digest of a manifest in the registry, or zero if the registry does not send it.
func (p *pushing) head(ctx context.Context, id string, d v1.Descriptor) (has v1.Hash, found finding, err error) {
	err = p.client.pace.Try(ctx, func() error {
		has, found, err = head(ctx, p.client.requests, p.endpoint, "manifests", id, string(d.MediaType))
		return err
	})
	return has, found, err
}

// put sends a manifest, and checks what the registry stored: some rewrite manifests, and the result
// no longer has the digest that was built and signed.
func (p *pushing) put(ctx context.Context, ref name.Reference, d v1.Descriptor, raw []byte, before v1.Hash) error {
	release, err := p.client.writing(ref.Context().Name()).Acquire(ctx)
	if err != nil {
		return transport.Ended(ctx)
	}
	defer release()
	said, err := p.client.putManifest(ctx, p.endpoint, ref, d, raw)
	if err != nil {
		return err
	}
	if said != (v1.Hash{}) && said != d.Digest {
		return &rewritten{d.Digest, said}
	}
	// For a digest, the answer to the PUT is enough.
	if _, byTag := ref.(name.Tag); !byTag && said == d.Digest {
		return nil
	}
	return p.confirm(ctx, ref, d, said, before)
}

// putManifest sends a manifest, and returns the digest that the registry states, or zero.
func (c *Client) putManifest(ctx context.Context, e *transport.Endpoint, ref name.Reference, d v1.Descriptor, raw []byte) (said v1.Hash, err error) {
	err = c.pace.Try(ctx, func() error {
		r, err := e.NewRequest(ctx, http.MethodPut, "manifests", ref.Identifier())
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", string(d.MediaType))
		r.Size = d.Size
		r.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		resp, err := e.Do(ctx, r, http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusNoContent)
		if err != nil {
			return err
		}
		if resp.Header.Get("OCI-Subject") != "" {
			c.noteSubjects(ref.Context())
		}
		said = contentDigest(resp)
		return resp.Body.Close()
	})
	return said, err
}

// A rewritten error means that a registry stored a manifest other than the one that it received.
type rewritten struct{ sent, has v1.Hash }

func (r *rewritten) Error() string {
	return fmt.Sprintf("it received manifest %s but reports %s", r.sent, r.has)
}

// confirmations is the number of reads, which take about half a minute. A registry must return an accepted manifest
// within this time.
const confirmations = 7

// confirm waits until an accepted manifest can be read, and checks its digest. Registries with a
// cache or several servers need seconds for that; until then they answer that the tag does not
// exist, or return its old value.
func (p *pushing) confirm(ctx context.Context, ref name.Reference, d v1.Descriptor, said, before v1.Hash) error {
	began := time.Now()
	pace := p.client.pace
	pace.Most = confirmations
	for a := pace.Begin(); ; {
		has, found, err := p.head(ctx, ref.Identifier(), d)
		if err != nil {
			return err
		}
		switch {
		case found == present && (has == d.Digest || has == v1.Hash{}):
			return nil
		case found == present && has != before:
			return &rewritten{d.Digest, has}
		case found == present:
			err = &rewritten{d.Digest, has}
		case found == refused && said == d.Digest:
			return nil // a user who may write need not be allowed to read
		default:
			err = fmt.Errorf("it accepted manifest %s but does not return it %s later", d.Digest, time.Since(began).Round(time.Second))
		}
		if a.Again(ctx, &transport.TemporaryError{Err: err}) != nil {
			return cmp.Or(ctxError(ctx), err)
		}
	}
}

func ctxError(ctx context.Context) error {
	if ctx.Err() != nil {
		return transport.Ended(ctx)
	}
	return nil
}

// children pushes the content that a manifest lists.
func (p *pushing) children(ctx context.Context, m images.Artifact, trust bool) error {
	if index, ok := m.(v1.ImageIndex); ok {
		return p.entries(ctx, index, trust)
	}
	image, ok := m.(v1.Image)
	if !ok {
		return &transport.LocalError{Err: fmt.Errorf("%T is not an image or an index", m)}
	}
	return p.blobs(ctx, image, trust)
}

func (p *pushing) entries(ctx context.Context, index v1.ImageIndex, trust bool) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return &transport.LocalError{Err: err}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.client.jobs)
	for _, d := range manifest.Manifests {
		g.Go(func() error { return p.entry(ctx, index, d, trust) })
	}
	return g.Wait()
}

func (p *pushing) entry(ctx context.Context, index v1.ImageIndex, d v1.Descriptor, trust bool) error {
	var child images.Artifact
	var err error
	switch {
	case d.MediaType.IsIndex():
		child, err = index.ImageIndex(d.Digest)
	case d.MediaType.IsImage():
		child, err = index.Image(d.Digest)
	default:
		err = fmt.Errorf("media type %q is not an image or an index", d.MediaType)
	}
	if err != nil {
		return &transport.LocalError{Err: fmt.Errorf("entry %s of the index: %w", d.Digest, err)}
	}
	_, err = p.push(ctx, p.repo.Digest(d.Digest.String()), child, trust)
	return err
}

// leaveOut ignores err if a foreign layer cannot be read, and warns, since a registry need not store such a layer. It
// returns every other error.
func (p *pushing) leaveOut(ctx context.Context, d v1.Descriptor, err error) error {
	var ours *transport.LocalError
	if err == nil || transport.IsEnded(err) || !errors.As(err, &ours) {
		return err
	}
	p.task.Warn(fmt.Sprintf("foreign layer %s was not pushed to %s: %v", d.Digest, p.repo.Name(), err))
	return nil
}

// blobs pushes the layers and the config of an image.
func (p *pushing) blobs(ctx context.Context, image v1.Image, trust bool) error {
	manifest, err := image.Manifest()
	if err != nil {
		return &transport.LocalError{Err: err}
	}
	layers, err := image.Layers()
	if err != nil {
		return &transport.LocalError{Err: err}
	}
	if len(layers) != len(manifest.Layers) {
		return &transport.LocalError{Err: fmt.Errorf("the image has %d layers, but its manifest lists %d", len(layers), len(manifest.Layers))}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.client.jobs)
	for n, d := range manifest.Layers {
		g.Go(func() error {
			err := p.blob(ctx, d, layers[n].Compressed, trust)
			if isForeign(d) {
				return p.leaveOut(ctx, d, err)
			}
			return err
		})
	}
	g.Go(func() error {
		return p.blob(ctx, manifest.Config, func() (io.ReadCloser, error) {
			raw, err := image.RawConfigFile()
			return io.NopCloser(bytes.NewReader(raw)), err
		}, trust)
	})
	return g.Wait()
}

package containerd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/connectivity"

	"github.com/slipway-build/slipway/images/airgap/load"
)

// takeLayer writes a layer that is being read. It is committed while the next one is written, since containerd then waits
// for the disk. A plain layer gets the label by which containerd knows its diff ID.
func (l *loader) takeLayer(ctx context.Context, layer load.Layer, r io.Reader, err error) {
	arrived := func(err error) {
		a := l.layers[layer.Digest]
		if err != nil {
			a.err = l.explain(ctx, fmt.Errorf("layer %s of %s: %w", layer.Digest, layer.Archive.Path(), err))
		}
		close(a.done)
	}
	if err != nil {
		arrived(err)
		return
	}
	labels := map[string]string{}
	if layer.Digest == layer.DiffID {
		labels[uncompressedLabel] = layer.DiffID.String()
	}
	commit, err := l.client.write(ctx, layer.Descriptor, io.TeeReader(r, l.task), labels)
	if err != nil {
		arrived(err)
		return
	}
	l.commits <- struct{}{}
	l.committing.Go(func() {
		defer func() { <-l.commits }()
		_, err := commit()
		arrived(err)
	})
}

// writeSize is the number of bytes of one message.
const writeSize = 1 << 20

// A commit completes a blob, which containerd compares with its digest and size. there is set if containerd has the blob
// already; its labels then stay as they are.
type commit func() (there bool, err error)

// write writes a blob, which is there once it is committed. A blob that another client writes at the same time is waited
// for.
func (c *Client) write(ctx context.Context, d v1.Descriptor, r io.Reader, labels map[string]string) (commit, error) {
	desc := ocispec.Descriptor{MediaType: string(d.MediaType), Digest: digest.Digest(d.Digest.String()), Size: d.Size}
	ref := "slipway-" + d.Digest.String()
	w, err := c.open(ctx, ref, desc)
	if errdefs.IsAlreadyExists(err) {
		return func() (bool, error) { return true, nil }, nil
	}
	if err != nil {
		return nil, err
	}
	// An interrupted load may have left the beginning.
	if err := w.Truncate(0); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := send(w, r); err != nil {
		return nil, errors.Join(err, c.abort(ctx, w, ref))
	}
	return func() (bool, error) {
		defer w.Close()
		err := w.Commit(ctx, d.Size, desc.Digest, content.WithLabels(labels))
		if errdefs.IsAlreadyExists(err) {
			return true, nil
		}
		if errdefs.IsFailedPrecondition(err) {
			return false, errors.Join(fmt.Errorf("it is damaged: %w", err), c.abort(ctx, w, ref))
		}
		return false, err
	}, nil
}

// send writes what r has, in messages of writeSize bytes.
func send(w io.Writer, r io.Reader) error {
	out := bufio.NewWriterSize(w, writeSize)
	if _, err := io.Copy(out, r); err != nil {
		return err
	}
	return out.Flush()
}

// abort removes what was written of a blob.
func (c *Client) abort(ctx context.Context, w content.Writer, ref string) error {
	if err := w.Close(); err != nil {
		return err
	}
	if err := c.content.Abort(ctx, ref); err != nil && !errdefs.IsNotFound(err) && !errdefs.IsUnavailable(err) {
		return fmt.Errorf("removing what was written of it: %w", err)
	}
	return nil
}

// open opens a writer.
func (c *Client) open(ctx context.Context, ref string, desc ocispec.Descriptor) (content.Writer, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		w, err := c.content.Writer(ctx, content.WithRef(ref), content.WithDescriptor(desc))
		// A blob that is being written is unavailable, too.
		if !errdefs.IsUnavailable(err) || c.conn.GetState() != connectivity.Ready {
			return w, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// writeDocument writes a config, manifest or index, or adds its labels if it is there.
func (l *loader) writeDocument(ctx context.Context, d document) error {
	h := d.descriptor.Digest
	if l.have.labeled(h, d.labels) {
		return nil
	}
	if !l.have.has(h) {
		there := false
		commit, err := l.client.write(ctx, d.descriptor, bytes.NewReader(d.raw), d.labels)
		if err == nil {
			there, err = commit()
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", h, err)
		}
		if !there {
			return nil
		}
	}
	if len(d.labels) == 0 {
		return nil
	}
	var paths []string
	for k := range d.labels {
		paths = append(paths, "labels."+k)
	}
	if _, err := l.client.content.Update(ctx, content.Info{Digest: digest.Digest(h.String()), Labels: d.labels}, paths...); err != nil {
		return fmt.Errorf("labelling %s: %w", h, err)
	}
	return nil
}

package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// fetch makes sure that the store has a blob of from's repository. Without a batch
// it is one of the small ones that are not shown.
func (c *Client) fetch(ctx context.Context, from *Manifest, d v1.Descriptor, b *batch) error {
	if c.holds(d) {
		return nil
	}
	if c.offline {
		return c.absent(fmt.Sprintf("blob %s of %s", d.Digest, from.label))
	}
	return c.share(ctx, "pull "+from.repo.Name()+"@"+d.Digest.String(), func() error {
		return c.fetchFromAny(ctx, from, d, b)
	})
}

// fetchFromAny asks the mirrors for the blob, once each, and then the registry. What one
// of them sent before it broke off is not fetched again from the next. A foreign layer
// is asked for at its URLs, too, since registries need not hold it.
func (c *Client) fetchFromAny(ctx context.Context, from *Manifest, d v1.Descriptor, b *batch) (err error) {
	sources, err := c.sources(from.repo, false)
	if err != nil {
		return err
	}
	f := &fetching{client: c, want: d, batch: b, slots: c.transfers}
	if b == nil {
		f.slots = c.requests
	}
	defer func() { f.leave(err) }()
	what := fmt.Sprintf("blob %s of image %s", d.Digest, from.label)
	var missed []string
	for n, e := range sources {
		f.source, f.tries = blobSource{e, d.Digest}, c.tries()
		last := n == len(sources)-1
		if !last {
			f.tries.pace.tries = 1
		}
		err := f.run(ctx)
		var ours *localError
		switch {
		case err == nil, isEnded(err), errors.As(err, &ours):
			return e.explain(what, err)
		case !last:
			missed = append(missed, e.missed(err))
		case len(d.URLs) > 0:
			return f.fromURLs(ctx, e, what, withMirrors(e.explain(what, err), missed))
		default:
			return withMirrors(e.explain(what, err), missed)
		}
	}
	return nil
}

// holds says whether the store has the blob as a whole.
func (c *Client) holds(d v1.Descriptor) bool {
	info, err := os.Stat(c.store.Path(d.Digest))
	// Has marks the blob as used.
	return err == nil && info.Size() == d.Size && c.store.Has(d.Digest)
}

// A fetching is a blob on its way into the store.
type fetching struct {
	client  *Client
	source  source // that it comes from now
	want    v1.Descriptor
	slots   slots
	tries   *tries // of this source
	partial *store.Partial

	batch *batch
	task  *progress.Task // of the batch, since bytes are expected
}

// leave ends the part in the batch.
func (f *fetching) leave(err error) {
	if f.task != nil {
		f.batch.leave(err)
	}
}

// run fetches the blob from one source.
func (f *fetching) run(ctx context.Context) error {
	for {
		err := f.whole(ctx)
		// Everything but wrong bytes was tried again by then.
		if err == nil || !isWrong(err) {
			return err
		}
		if err := f.tries.again(ctx, err); err != nil {
			return err
		}
	}
}

// whole completes what an earlier run left of the blob, or nothing.
func (f *fetching) whole(ctx context.Context) (err error) {
	p, err := f.client.store.Resume(ctx, f.want)
	if err != nil {
		return &localError{err}
	}
	if p == nil {
		return nil
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	f.partial = p
	f.expect(ctx, f.want.Size-p.Size())
	missing := f.want.Size - p.Size()
	// The next attempt, maybe with another host, expects the rest anew.
	defer func() { f.batch.grow(-missing) }()
	for p.Size() < f.want.Size {
		before := p.Size()
		err := f.rest(ctx)
		missing = max(0, f.want.Size-p.Size())
		if err == nil {
			break
		}
		if isWrong(err) {
			return err
		}
		f.tries.moved(p.Size() - before)
		if err := f.tries.again(ctx, err); err != nil {
			return err
		}
	}
	err = p.Commit()
	var wrong *store.ContentError
	if err != nil && !errors.As(err, &wrong) {
		return &localError{err}
	}
	return err
}

// expect says that n more bytes are to come.
func (f *fetching) expect(ctx context.Context, n int64) {
	if f.task == nil {
		f.task = f.batch.join(ctx)
	}
	f.batch.grow(n)
}

// A source has a blob.
type source interface {
	// get asks for it. An answer whose status is not one of want is an *answerError.
	get(ctx context.Context, header http.Header, want ...int) (*http.Response, error)
}

// A blobSource is a repository.
type blobSource struct {
	endpoint *endpoint
	digest   v1.Hash
}

func (s blobSource) get(ctx context.Context, header http.Header, want ...int) (*http.Response, error) {
	r, err := s.endpoint.request(ctx, http.MethodGet, "blobs", s.digest.String())
	if err != nil {
		return nil, err
	}
	r.header = header
	return s.endpoint.do(ctx, r, want...)
}

// rest gets what is missing of the blob, in one request.
func (f *fetching) rest(ctx context.Context) error {
	release, err := f.slots.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	resp, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// One byte more than wanted is enough to know that it is too much.
	rest := f.task.Reader(io.LimitReader(resp.Body, f.want.Size-f.partial.Size()+1))
	if _, err := io.Copy(localWriter{f.partial}, rest); err != nil {
		return err
	}
	if has := f.partial.Size(); has < f.want.Size {
		return fmt.Errorf("%d of %d bytes came: %w", has, f.want.Size, io.ErrUnexpectedEOF)
	}
	return nil
}

// open asks for the rest of the blob. A registry that cannot begin in the middle
// sends all of it, and what was there is thrown away.
func (f *fetching) open(ctx context.Context) (*http.Response, error) {
	from := f.partial.Size()
	header, want := http.Header{}, []int{http.StatusOK}
	if from > 0 {
		// Closed, as some registries do not know open ranges.
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, f.want.Size-1))
		want = append(want, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	}
	resp, err := f.source.get(ctx, header, want...)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusPartialContent && beginsAt(resp) == from {
		return resp, nil
	}
	if from > 0 {
		f.expect(ctx, from)
		if err := f.partial.Reset(); err != nil {
			resp.Body.Close()
			return nil, &localError{err}
		}
	}
	if resp.StatusCode != http.StatusOK {
		// It knows ranges, but not this one.
		resp.Body.Close()
		return f.open(ctx)
	}
	if n := resp.ContentLength; n >= 0 && n != f.want.Size {
		resp.Body.Close()
		return nil, &store.ContentError{Want: f.want, Reason: fmt.Sprintf("the registry has %d bytes in place of %d", n, f.want.Size)}
	}
	return resp, nil
}

// beginsAt is where the part of a blob begins that was sent, or -1.
func beginsAt(resp *http.Response) (first int64) {
	if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &first); err != nil {
		return -1
	}
	return first
}

// localWriter tells errors of the disk from those of the network.
type localWriter struct{ io.Writer }

func (w localWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = &localError{err}
	}
	return n, err
}

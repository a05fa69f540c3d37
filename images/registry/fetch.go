package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// fetch makes sure that the store has a blob of from's repository. A nil batch is for small blobs
// that are not shown as progress.
func (c *Client) fetch(ctx context.Context, from *Manifest, d v1.Descriptor, b *batch) error {
	if c.holds(d) {
		return nil
	}
	if c.offline {
		return c.absent(fmt.Sprintf("blob %s of %s", d.Digest, from.label))
	}
	return c.share(ctx, "pull "+from.repo.Name()+"@"+d.Digest.String(), func() (err error) {
		task := b.join(ctx)
		defer func() { b.leave(err) }()
		if c.store.FetchBlob(task.Context(ctx), d) {
			b.grow(d.Size)
			task.Add(int(d.Size))
			return nil
		}
		err = c.fetchFromAny(ctx, from, d, b)
		if err == nil {
			c.store.ShareBlob(ctx, d)
		}
		return err
	})
}

// fetchFromAny requests the blob from each mirror once, then from the registry. A partial download
// is continued from the next host. A foreign layer is finally requested from its URLs, since
// registries need not store it.
func (c *Client) fetchFromAny(ctx context.Context, from *Manifest, d v1.Descriptor, b *batch) (err error) {
	f := &fetching{client: c, want: d, batch: b, slots: c.transfers}
	if b == nil {
		f.slots = c.requests
	}
	defer func() { f.leave(err) }()
	what := fmt.Sprintf("blob %s of image %s", d.Digest, from.label)
	var (
		registry *transport.Endpoint // the endpoint of the last call
		got      error               // its error
	)
	err = c.transport.FromAny(from.repo, false, what, func(e *transport.Endpoint) error {
		p := c.pace
		if e.IsMirror() {
			p.Most = 1
		}
		f.source, f.attempts = blobSource{e, d.Digest}, p.Begin()
		registry, got = e, f.run(ctx)
		return got
	})
	var ours *transport.LocalError
	if got == nil || len(d.URLs) == 0 || transport.IsEnded(got) || errors.As(got, &ours) {
		return err
	}
	return f.fromURLs(ctx, registry, what, err)
}

// holds reports whether the store has the complete blob.
func (c *Client) holds(d v1.Descriptor) bool {
	info, err := os.Stat(c.store.Path(d.Digest))
	// Has marks the blob as used.
	return err == nil && info.Size() == d.Size && c.store.Has(d.Digest)
}

// A fetching is the download of one blob into the store.
type fetching struct {
	client   *Client
	source   source // current source
	want     v1.Descriptor
	slots    parallel.Slots
	attempts *transport.Attempts // with the current source
	partial  *store.Partial

	batch *batch
	task  *progress.Task // of the batch; nil until the size is known
}

// leave marks the layer as finished in the batch.
func (f *fetching) leave(err error) {
	if f.task != nil {
		f.batch.leave(err)
	}
}

// run fetches the blob from the current source.
func (f *fetching) run(ctx context.Context) error {
	for {
		err := f.whole(ctx)
		// All errors but wrong content were retried by whole.
		if err == nil || !transport.IsWrong(err) {
			return err
		}
		if err := f.attempts.Again(ctx, err); err != nil {
			return err
		}
	}
}

// whole resumes a partial download, or starts a new one.
func (f *fetching) whole(ctx context.Context) (err error) {
	p, err := f.client.store.Resume(ctx, f.want)
	if err != nil {
		return &transport.LocalError{Err: err}
	}
	if p == nil {
		return nil
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	f.partial = p
	f.expect(ctx, f.want.Size-p.Size())
	missing := f.want.Size - p.Size()
	// The next attempt, possibly with another host, adds the missing bytes again.
	defer func() { f.batch.grow(-missing) }()
	for p.Size() < f.want.Size {
		before := p.Size()
		err := f.rest(ctx)
		missing = max(0, f.want.Size-p.Size())
		if err == nil {
			break
		}
		if transport.IsWrong(err) {
			return err
		}
		f.attempts.Moved(p.Size() - before)
		if err := f.attempts.Again(ctx, err); err != nil {
			return err
		}
	}
	err = p.Commit()
	var wrong *store.ContentError
	if err != nil && !errors.As(err, &wrong) {
		return &transport.LocalError{Err: err}
	}
	return err
}

// expect adds n bytes to the expected total.
func (f *fetching) expect(ctx context.Context, n int64) {
	if f.task == nil {
		f.task = f.batch.join(ctx)
	}
	f.batch.grow(n)
}

// A source can send a blob.
type source interface {
	// Get requests the blob. A status that is not in want is a *transport.AnswerError.
	Get(ctx context.Context, header http.Header, want ...int) (*http.Response, error)
}

// A blobSource is a repository with the blob.
type blobSource struct {
	endpoint *transport.Endpoint
	digest   v1.Hash
}

func (s blobSource) Get(ctx context.Context, header http.Header, want ...int) (*http.Response, error) {
	r, err := s.endpoint.NewRequest(ctx, http.MethodGet, "blobs", s.digest.String())
	if err != nil {
		return nil, err
	}
	r.Header = header
	return s.endpoint.Do(ctx, r, want...)
}

// fetchBuffer is the number of bytes of a blob that are received and written at a time.
const fetchBuffer = 256 << 10

// rest requests the missing part of the blob once.
func (f *fetching) rest(ctx context.Context) error {
	release, err := f.slots.Acquire(ctx)
	if err != nil {
		return transport.Ended(ctx)
	}
	defer release()
	resp, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// One byte too many is enough to detect a blob that is too large.
	rest := f.task.Reader(io.LimitReader(resp.Body, f.want.Size-f.partial.Size()+1))
	buf := make([]byte, min(max(f.want.Size, 1), fetchBuffer)) // a manifest may state any size
	if _, err := io.CopyBuffer(localWriter{f.partial}, rest, buf); err != nil {
		return err
	}
	if has := f.partial.Size(); has < f.want.Size {
		return fmt.Errorf("received %d of %d bytes: %w", has, f.want.Size, io.ErrUnexpectedEOF)
	}
	return nil
}

// open requests the missing part of the blob. If the registry does not support ranges and sends all
// of it, the partial download is discarded.
func (f *fetching) open(ctx context.Context) (*http.Response, error) {
	from := f.partial.Size()
	header, want := http.Header{}, []int{http.StatusOK}
	if from > 0 {
		// With an end, since some registries do not support open ranges.
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, f.want.Size-1))
		want = append(want, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	}
	resp, err := f.source.Get(ctx, header, want...)
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
			return nil, &transport.LocalError{Err: err}
		}
	}
	if resp.StatusCode != http.StatusOK {
		// The server supports ranges, but not this one.
		resp.Body.Close()
		return f.open(ctx)
	}
	if n := resp.ContentLength; n >= 0 && n != f.want.Size {
		resp.Body.Close()
		return nil, &store.ContentError{Want: f.want, Reason: fmt.Sprintf("the registry has %d bytes instead of %d", n, f.want.Size)}
	}
	return resp, nil
}

// beginsAt returns the first byte of Content-Range, or -1.
func beginsAt(resp *http.Response) (first int64) {
	if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &first); err != nil {
		return -1
	}
	return first
}

// localWriter marks write errors as local, to distinguish them from network errors.
type localWriter struct{ io.Writer }

func (w localWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = &transport.LocalError{Err: err}
	}
	return n, err
}

package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/engine/ingest"
)

// maxJSON limits the size of a manifest or config of an engine, which is held in memory, in bytes.
const maxJSON = 8 << 20

// results receives the image that BuildKit exports. Its layers stream into our store, and content
// that we have is not sent.
type results struct {
	noContent
	ingest *ingest.Layers
	bases  *bases

	mu   sync.Mutex
	json map[v1.Hash][]byte
	// writing counts layers being written.
	writing sync.WaitGroup
}

func newResults(g *ingest.Layers, b *bases) *results {
	return &results{ingest: g, bases: b, json: map[v1.Hash][]byte{}}
}

// Info reports whether we have a blob.
func (r *results) Info(ctx context.Context, d digest.Digest) (content.Info, error) {
	h, err := hashOf(d)
	if err != nil {
		return content.Info{}, errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	if has, err := r.has(ctx, h); err != nil || !has {
		return content.Info{}, errors.Join(err, errdefs.ErrNotFound)
	}
	return content.Info{Digest: d}, nil
}

func (r *results) has(ctx context.Context, h v1.Hash) (bool, error) {
	r.mu.Lock()
	_, ok := r.json[h]
	r.mu.Unlock()
	if ok {
		return true, nil
	}
	if l, err := r.bases.layer(h); err != nil || l != nil {
		return l != nil, err
	}
	_, ok = r.ingest.Find(ctx, h)
	return ok, nil
}

// Writer receives a blob.
func (r *results) Writer(ctx context.Context, options ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, option := range options {
		if err := option(&o); err != nil {
			return nil, err
		}
	}
	h, err := hashOf(o.Desc.Digest)
	if err != nil {
		return nil, errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	has, err := r.has(ctx, h)
	if err != nil {
		return nil, err
	}
	if has {
		return nil, errdefs.ErrAlreadyExists
	}
	w := &resultWriter{ref: o.Ref, want: h, sum: sha256.New(), began: time.Now()}
	// containerd's reference for a write starts with the kind of content (remotes.MakeRefKey).
	if !strings.HasPrefix(o.Ref, "layer-") {
		small := &limitedBuffer{}
		w.out, w.abort = small, func(error) {}
		w.finish = func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.json[h] = small.Bytes()
			return nil
		}
		return w, nil
	}
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	r.writing.Add(1)
	go func() {
		defer r.writing.Done()
		_, err := r.ingest.Add(ctx, h.String(), reader, func() v1.Hash { return h })
		reader.CloseWithError(err)
		done <- err
	}()
	w.out = writer
	w.abort = func(err error) {
		writer.CloseWithError(err)
		<-done
	}
	w.finish = func() error {
		writer.Close()
		return <-done
	}
	return w, nil
}

// resultWriter receives one blob of an engine.
type resultWriter struct {
	ref   string
	want  v1.Hash
	sum   hash.Hash
	size  int64
	began time.Time
	out   io.Writer
	// finish is called when all bytes have arrived and are correct, abort otherwise.
	finish func() error
	abort  func(error)
	ended  bool
}

func (w *resultWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.sum.Write(p[:n])
	w.size += int64(n)
	return n, err
}

func (w *resultWriter) Commit(_ context.Context, size int64, _ digest.Digest, _ ...content.Opt) error {
	if w.ended {
		return errdefs.ErrFailedPrecondition.WithMessage("the write has ended")
	}
	got := hex.EncodeToString(w.sum.Sum(nil))
	if got != w.want.Hex || size > 0 && size != w.size {
		err := fmt.Errorf("the engine sent %d bytes with digest sha256:%s instead of %s", w.size, got, w.want)
		w.end(err)
		return err
	}
	w.ended = true
	return w.finish()
}

// Close ends a write that was not committed.
func (w *resultWriter) Close() error {
	w.end(errors.New("the engine stopped sending"))
	return nil
}

func (w *resultWriter) end(err error) {
	if !w.ended {
		w.ended = true
		w.abort(err)
	}
}

func (w *resultWriter) Digest() digest.Digest {
	return digest.NewDigestFromBytes(digest.SHA256, w.sum.Sum(nil))
}

func (w *resultWriter) Status() (content.Status, error) {
	return content.Status{Ref: w.ref, Offset: w.size, StartedAt: w.began, UpdatedAt: w.began}, nil
}

// Truncate would restart the write, which a stream cannot do.
func (w *resultWriter) Truncate(size int64) error {
	if size == w.size {
		return nil
	}
	return errdefs.ErrNotImplemented.WithMessage("a blob is sent in one go")
}

// limitedBuffer holds at most maxJSON bytes.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxJSON {
		return 0, fmt.Errorf("not a manifest or config: more than %d bytes", maxJSON)
	}
	return b.Buffer.Write(p)
}

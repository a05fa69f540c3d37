package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/progress"
)

// A writer adds entries to a place. It has one goroutine, which begins with the first offer.
type writer struct {
	shelf *shelf

	mu      sync.Mutex
	more    *sync.Cond
	queue   []offer
	known   map[string]bool // names that were offered in this run
	touched []Entry
	running bool
	ending  bool // write what is pending, then wait
	closed  bool
	cancel  context.CancelFunc
	done    chan struct{}

	batch batch // of the goroutine
}

// An offer is content to add.
type offer struct {
	name string
	open Opener
	blob Blob // zero if the content must be read to know it
	// signature is that of the entry, if another place has it. Otherwise signer signs it, unless that is nil.
	signature []byte
	signer    func() (sign.Signer, error)
	again     bool                              // the entry that the place has is wrong
	counts    func(context.Context, Entry) bool // whether an entry of the place is used
}

func newWriter(s *shelf) *writer {
	w := &writer{shelf: s, known: map[string]bool{}}
	w.more = sync.NewCond(&w.mu)
	return w
}

func (w *writer) offer(o offer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.known[o.name] {
		return
	}
	w.known[o.name] = true
	w.queue = append(w.queue, o)
	w.more.Broadcast()
}

// touch says that an entry of the place was used.
func (w *writer) touch(e Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched = append(w.touched, e)
}

// begin starts the goroutine, which warns with the context, and ends with Close.
func (w *writer) begin(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running || w.closed {
		return
	}
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.running, w.done = true, make(chan struct{})
	go w.run(ctx)
}

func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	for {
		o, ok := w.next()
		var err error
		switch {
		case !ok && w.isClosed():
			return
		case !ok:
			if err = w.write(ctx); err == nil {
				err = w.compact(ctx)
			}
			w.rest()
		default:
			if err = w.take(ctx, o); err == nil && w.batch.full() {
				err = w.write(ctx)
			}
		}
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, errUnread) {
				progress.Warn(ctx, fmt.Sprintf("shared cache %s cannot be written, so nothing is added to it: %v", w.shelf.place, err))
			}
			w.abandon()
			return
		}
	}
}

// next returns the next offer. It waits for one, and returns false when what is pending is to be written.
func (w *writer) next() (offer, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.ending && !w.closed {
		w.more.Wait()
	}
	if len(w.queue) == 0 || w.closed {
		return offer{}, false
	}
	o := w.queue[0]
	w.queue = w.queue[1:]
	return o, true
}

func (w *writer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// rest ends a flush.
func (w *writer) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ending = len(w.queue) > 0
	w.more.Broadcast()
}

// abandon ends the goroutine after an error.
func (w *writer) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue, w.ending, w.closed = nil, false, true
	w.more.Broadcast()
}

// flush waits until all offers have been added.
func (w *writer) flush(ctx context.Context) {
	w.mu.Lock()
	idle := w.closed || !w.running && len(w.queue)+len(w.touched) == 0
	w.ending = !idle
	w.mu.Unlock()
	if idle {
		return
	}
	task := progress.Start(ctx, "add to the shared cache "+w.shelf.place.String())
	defer task.Done(nil)
	w.begin(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.more.Broadcast()
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.more.Broadcast()
	})
	defer stop()
	for w.ending && ctx.Err() == nil {
		w.more.Wait()
	}
}

// close ends the goroutine.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.more.Broadcast()
	running := w.running
	w.mu.Unlock()
	if running {
		w.cancel()
		<-w.done
	}
}

// A batch are the entries of the next segment.
type batch struct {
	entries []Entry
	blobs   []Content
	pack    bytes.Buffer
	packed  []int // indexes of the entries in pack
	again   bool  // of one of them
	size    int64 // of blobs, in bytes
	memory  int64 // of the packs among them
	since   time.Time
}

const (
	batchSize = 256 << 20 // bytes of blobs
	// batchMemory limits the bytes of packs, which are in memory until the batch has been written.
	batchMemory = 32 << 20
	batchAge    = time.Minute
)

func (b *batch) full() bool {
	return b.size >= batchSize || b.memory >= batchMemory || len(b.entries) >= segmentEntries || len(b.entries) > 0 && time.Since(b.since) > batchAge
}

// take adds an offer to the batch, unless the place has it. Content that cannot be read any more is left out: the
// local cache has removed it.
func (w *writer) take(ctx context.Context, o offer) error {
	idx := w.shelf.index(ctx)
	if idx == nil {
		return errUnread
	}
	if !o.again && slices.ContainsFunc(idx.of(o.name), func(e Entry) bool { return o.counts(ctx, e) }) {
		return nil
	}
	e, small, err := describe(o)
	if err != nil {
		return nil
	}
	if e.Signature = o.signature; o.signature == nil && o.signer != nil {
		if e.Signature, err = signature(ctx, o.signer, e); err != nil {
			return err
		}
	}
	b := &w.batch
	if len(b.entries) == 0 {
		b.since = time.Now()
	}
	if small == nil {
		b.blobs = append(b.blobs, Content{Blob: e.blob(), Open: o.open, Again: o.again})
		b.size += e.Size
	} else {
		if b.pack.Len()+len(small) > maxPack {
			b.seal()
		}
		e.Offset = int64(b.pack.Len())
		b.pack.Write(small)
		b.packed = append(b.packed, len(b.entries))
		b.again = b.again || o.again
	}
	b.entries = append(b.entries, e)
	return nil
}

// errUnread is the error of a place whose index could not be read; that has been reported.
var errUnread = errors.New("its index could not be read")

// describe returns the entry of an offer, and its content if that is small.
func describe(o offer) (Entry, []byte, error) {
	now := time.Now().Unix()
	e := Entry{Name: o.name, Sum: o.blob.Digest, Size: o.blob.Size, Made: now, Used: now}
	if e.Size > maxContent {
		return e, nil, errTooLarge
	}
	if e.Size > maxSmall {
		return e, nil, nil
	}
	r, err := o.open()
	if err != nil {
		return e, nil, err
	}
	defer r.Close()
	sum := sha256.New()
	var head bytes.Buffer
	if e.Size, err = io.Copy(io.MultiWriter(sum, &head), io.LimitReader(r, maxSmall+1)); err != nil {
		return e, nil, err
	}
	small := e.Size <= maxSmall
	if !small {
		rest, err := io.Copy(sum, io.LimitReader(r, maxContent))
		if err != nil {
			return e, nil, err
		}
		if e.Size += rest; e.Size > maxContent {
			return e, nil, errTooLarge
		}
	}
	e.Sum = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	if !small {
		return e, nil, nil
	}
	return e, append([]byte{}, head.Bytes()...), nil
}

var errTooLarge = fmt.Errorf("it has more than %d bytes", int64(maxContent))

func signature(ctx context.Context, signer func() (sign.Signer, error), e Entry) ([]byte, error) {
	key, err := signer()
	if err != nil {
		return nil, fmt.Errorf("signing an entry: %w", err)
	}
	raw, err := sign.SignMessage(ctx, key, sign.Bytes(e.signedText()))
	if err != nil {
		return nil, fmt.Errorf("signing an entry: %w", err)
	}
	bundle, err := sign.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	return bundle.Signature(), nil
}

// seal ends the pack.
func (b *batch) seal() {
	if len(b.packed) == 0 {
		return
	}
	content := slices.Clone(b.pack.Bytes())
	sum := sha256.Sum256(content)
	blob := Blob{v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}, int64(len(content))}
	for _, i := range b.packed {
		b.entries[i].Pack = &blob
	}
	b.blobs = append(b.blobs, Content{Blob: blob, Again: b.again, Open: func() (io.ReadSeekCloser, error) { return InMemory(content), nil }})
	b.memory += blob.Size
	b.pack.Reset()
	b.packed, b.again = nil, false
}

// write writes the batch, and what was touched, as a segment.
func (w *writer) write(ctx context.Context) error {
	w.batch.seal()
	b := w.batch
	w.batch = batch{}
	w.mu.Lock()
	touched := w.touched
	w.touched = nil
	w.mu.Unlock()
	if len(b.entries)+len(touched) == 0 {
		return nil
	}
	idx := w.shelf.index(ctx)
	if idx == nil {
		return errUnread
	}
	blobs := map[v1.Hash]Content{}
	for _, c := range b.blobs {
		blobs[c.Digest] = c
	}
	var kept []Blob
	for _, e := range touched {
		if _, added := blobs[e.blob().Digest]; !added {
			kept = append(kept, e.blob())
		}
	}
	s := segment{Entries: slices.Concat(b.entries, touched)}
	raw, name, err := s.encode()
	if err != nil {
		return err
	}
	added := slices.SortedFunc(maps.Values(blobs), func(a, b Content) int { return compareBlobs(a.Blob, b.Blob) })
	if err := w.shelf.place.AddSegment(ctx, name, raw, added, compactBlobs(kept)); err != nil {
		return err
	}
	idx.mu.Lock()
	idx.segments = append(idx.segments, name)
	idx.mu.Unlock()
	for _, e := range b.entries {
		idx.add(e)
	}
	return nil
}

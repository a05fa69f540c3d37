package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/progress"
)

// Options specify the places of a cache and the keys of its entries.
type Options struct {
	// From are the places that are read, in order of precedence, and To those that are written.
	From, To []Place
	// Trusted are the keys that entries must be signed by. If there are none, proven entries need no signature, and
	// others do not count.
	Trusted []*sign.PublicKey
	// Signer returns what signs new entries. It is called once, when there is one. If it is nil and there are trusted
	// keys, nothing is added.
	Signer func() (sign.Signer, error)
}

// A Cache finds entries in several places, and adds new ones in the background. All its methods may be called from
// several goroutines. A nil *Cache has no entries and adds none.
type Cache struct {
	options Options
	from    []*shelf
	writers []*writer

	mu sync.Mutex
	// wrong are the names of entries that were wrong. What is made in their place is added again.
	wrong map[string]bool
}

// New returns a cache. It sends no request. Close ends it.
func New(o Options) *Cache {
	if o.Signer != nil {
		o.Signer = sync.OnceValues(o.Signer)
	}
	c := &Cache{options: o, wrong: map[string]bool{}}
	shelves := map[string]*shelf{}
	of := func(p Place) *shelf {
		if shelves[p.String()] == nil {
			shelves[p.String()] = &shelf{place: p, packs: map[string][]byte{}}
		}
		return shelves[p.String()]
	}
	for _, p := range o.From {
		c.from = append(c.from, of(p))
	}
	for _, p := range o.To {
		c.writers = append(c.writers, newWriter(of(p)))
	}
	return c
}

// A Found is an entry in one of the places.
type Found struct {
	Entry
	shelf *shelf
}

// Find looks up the content for a kind and a key. proven means that the caller checks what the content must be before
// using it. Another call after Reject returns another entry.
func (c *Cache) Find(ctx context.Context, kind, key string, proven bool) (*Found, bool) {
	if c == nil || !proven && len(c.options.Trusted) == 0 {
		return nil, false
	}
	name := nameOf(kind, key)
	for _, s := range c.from {
		idx := s.index(ctx)
		if idx == nil {
			continue
		}
		for _, e := range idx.of(name) {
			if c.counts(ctx, e) {
				return &Found{e, s}, true
			}
			idx.drop(e)
		}
	}
	return nil, false
}

// counts reports whether a trusted key has signed the entry, unless there are no trusted keys.
func (c *Cache) counts(ctx context.Context, e Entry) bool {
	if len(c.options.Trusted) == 0 {
		return true
	}
	if e.Signature == nil {
		return false
	}
	_, err := sign.NewMessageSignature(e.Signature).VerifyMessage(ctx, sign.Bytes(e.signedText()), sign.Verifiers(c.options.Trusted...))
	return err == nil
}

// CopyTo writes the content to w, and compares it with the SHA-256 that the entry states. After an error, w may have
// received other bytes.
func (f *Found) CopyTo(ctx context.Context, w io.Writer) error {
	return f.shelf.copy(ctx, f.Entry, w)
}

// Where names the place of the entry.
func (f *Found) Where() string { return f.shelf.place.String() }

// Reject says that the entry could not be read, or that its content is not what it must be, in which case err is a
// *wrongError. Find does not return it again.
func (c *Cache) Reject(ctx context.Context, f *Found, err error) {
	if ctx.Err() != nil {
		return
	}
	if idx := f.shelf.index(ctx); idx != nil {
		idx.drop(f.Entry)
	}
	if !isWrong(err) {
		f.shelf.failed(ctx, err)
		return
	}
	f.shelf.warnWrong(ctx, f.Name, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong[f.Name] = true
}

// An Opener opens content from its first byte. A cache calls it several times, also after the method that it was given to
// has returned. If it fails, the content is not added.
type Opener = func() (io.ReadSeekCloser, error)

// Use notes that the content of the entry was used, so that Prune keeps it, and adds it to the other places.
func (c *Cache) Use(ctx context.Context, f *Found, open Opener) {
	progress.Found(ctx, f.Where())
	for _, w := range c.writers {
		switch {
		case w.shelf != f.shelf:
			w.offer(offer{name: f.Name, open: open, blob: Blob{f.Sum, f.Size}, signature: f.Signature, counts: c.counts})
			w.begin(ctx)
		case time.Since(time.Unix(f.Used, 0)) > day:
			e := f.Entry
			e.Used = time.Now().Unix()
			w.touch(e)
		}
	}
}

// Offer adds content that was made or fetched to the places that do not have it, in the background. proven is that of
// Find.
func (c *Cache) Offer(ctx context.Context, kind, key string, proven bool, open Opener) {
	c.OfferBlob(ctx, kind, key, proven, Blob{}, open)
}

// OfferBlob is Offer for content whose digest and size are known, so that it need not be read for them.
func (c *Cache) OfferBlob(ctx context.Context, kind, key string, proven bool, blob Blob, open Opener) {
	for _, w := range c.offer(kind, key, proven, blob, open) {
		w.begin(ctx)
	}
}

// OfferLater adds content that is not proven, for callers that have no context to warn with. The content waits until other
// content is offered, or until Flush.
func (c *Cache) OfferLater(kind, key string, open Opener) {
	c.offer(kind, key, false, Blob{}, open)
}

// offer queues content, and returns the writers that have something to do.
func (c *Cache) offer(kind, key string, proven bool, blob Blob, open Opener) []*writer {
	if c == nil || c.options.Signer == nil && (!proven || len(c.options.Trusted) > 0) {
		return nil
	}
	name := nameOf(kind, key)
	c.mu.Lock()
	wrong := c.wrong[name]
	c.mu.Unlock()
	for _, w := range c.writers {
		w.offer(offer{name: name, open: open, blob: blob, signer: c.options.Signer, again: wrong, counts: c.counts})
	}
	return c.writers
}

// Flush waits until everything that was offered is in the places. Like every problem with a place, an error is only a
// warning.
func (c *Cache) Flush(ctx context.Context) {
	if c == nil {
		return
	}
	for _, s := range c.from {
		s.warnMore(ctx)
	}
	var wait sync.WaitGroup
	for _, w := range c.writers {
		wait.Go(func() { w.flush(ctx) })
	}
	wait.Wait()
}

// Close abandons what has not been flushed.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	for _, w := range c.writers {
		w.close()
	}
}

// errWrong returns a *wrongError.
func errWrong(format string, args ...any) error { return &wrongError{fmt.Errorf(format, args...)} }

// Wrong marks err as a fault of the content.
func Wrong(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &wrongError{err}
}

// Places returns the places of the cache, each once.
func (c *Cache) Places() []Place {
	if c == nil {
		return nil
	}
	var all []Place
	for _, p := range slices.Concat(c.options.From, c.options.To) {
		if !slices.ContainsFunc(all, func(o Place) bool { return o.String() == p.String() }) {
			all = append(all, p)
		}
	}
	return all
}

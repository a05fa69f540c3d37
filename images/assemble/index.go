package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/images/fstree"

	"github.com/slipway-build/slipway/internal/regular"
)

// index returns the headers of an archive, which the Assembler reads once.
func (a *Assembler) index(ctx context.Context, ar *fstree.Archive) ([]fstree.Header, error) {
	a.mu.Lock()
	once := a.indexes[ar.ID]
	if once == nil {
		once = &indexOnce{}
		a.indexes[ar.ID] = once
	}
	a.mu.Unlock()
	once.mu.Lock()
	defer once.mu.Unlock()
	if once.done {
		return once.headers, nil
	}
	headers, err := a.headers(ctx, ar)
	if err != nil {
		return nil, err
	}
	once.headers, once.done = headers, true
	return headers, nil
}

// An indexOnce is an index that is read once; a failure is not remembered.
type indexOnce struct {
	mu      sync.Mutex
	done    bool
	headers []fstree.Header
}

// A derivedStore also keeps what was found out from content, as *store.Store
// does: a file is written once and found again under its kind and key.
type derivedStore interface {
	Derived(ctx context.Context, kind, key string, write func(io.Writer) error) (string, error)
}

// headers returns the headers of ar. If the layer store can keep derived files,
// an archive is read once, and its index after that.
func (a *Assembler) headers(ctx context.Context, ar *fstree.Archive) ([]fstree.Header, error) {
	store, ok := a.layers.(derivedStore)
	if !ok {
		var headers []fstree.Header
		err := a.readArchive(ctx, ar, func(h *fstree.Header) error {
			headers = append(headers, *h)
			return nil
		})
		return headers, err
	}
	name, err := store.Derived(ctx, "tar-headers", fstree.IndexVersion+" "+ar.ID, func(w io.Writer) error {
		return a.readArchive(ctx, ar, fstree.NewIndexWriter(w).Write)
	})
	if err != nil {
		return nil, err
	}
	headers, err := readIndex(name)
	if err != nil {
		return nil, fmt.Errorf("reading the index of %s in %s: %w", ar.ID, name, err)
	}
	return headers, nil
}

// readIndex reads a file that an indexWriter wrote.
func readIndex(name string) ([]fstree.Header, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var index strings.Builder
	index.Grow(int(info.Size()))
	if _, err := io.Copy(&index, f); err != nil {
		return nil, err
	}
	return fstree.ParseHeaders(index.String())
}

// readArchive reads ar to its end, where readers verify, and calls each with
// every header, in order.
func (a *Assembler) readArchive(ctx context.Context, ar *fstree.Archive, each func(*fstree.Header) error) error {
	r, err := ar.Open(ctx)
	if err != nil {
		return err
	}
	err = a.readHeaders(ctx, r, each)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return err
}

// readHeaders reads a tar to its end and calls each with every header, in order.
// It stops at the limits of what an archive may hold.
func (a *Assembler) readHeaders(ctx context.Context, r io.Reader, each func(*fstree.Header) error) error {
	tr := tar.NewReader(r)
	var size int64
	for count := 0; ; count++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if count >= a.limits.Entries {
			return fmt.Errorf("it has more than %d entries, which is the limit", a.limits.Entries)
		}
		if size += h.Size; size > a.limits.Bytes || h.Size < 0 {
			return fmt.Errorf("it unpacks to more than %d bytes, which is the limit", a.limits.Bytes)
		}
		if err := each(fstree.NewHeader(h)); err != nil {
			return err
		}
	}
}

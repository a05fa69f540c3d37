package fstree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/regular"
)

// Limits bound the content of an archive, so that a small file cannot fill a disk.
// Zero means the default.
type Limits struct {
	// Bytes is the size of all files of an archive or layer, and of a download;
	// 64 GiB.
	Bytes int64
	// Entries is the number of headers of an archive or layer; 2 million.
	Entries int
}

// OrDefaults returns l with zeros replaced by the defaults.
func (l Limits) OrDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 30
	}
	if l.Entries <= 0 {
		l.Entries = 2_000_000
	}
	return l
}

// A DerivedStore keeps files that were derived from content, as *store.Store does.
type DerivedStore interface {
	// Derived returns the name of the file with this kind and key. If it does not exist yet, write
	// writes it.
	Derived(ctx context.Context, kind, key string, write func(io.Writer) error) (string, error)
}

// An Indexer reads the headers of archives, each archive once. It may be used by
// several goroutines.
type Indexer struct {
	store  DerivedStore
	limits Limits

	mu      sync.Mutex
	indexes map[string]*indexOnce
}

// NewIndexer returns an Indexer that keeps indexes in store, which may be nil.
func NewIndexer(store DerivedStore, limits Limits) *Indexer {
	return &Indexer{store: store, limits: limits.OrDefaults(), indexes: map[string]*indexOnce{}}
}

// Headers returns the headers of an archive in their order. They must not be changed.
// An archive beyond the limits is an error.
func (i *Indexer) Headers(ctx context.Context, ar *Archive) ([]Header, error) {
	i.mu.Lock()
	once := i.indexes[ar.ID]
	if once == nil {
		once = &indexOnce{}
		i.indexes[ar.ID] = once
	}
	i.mu.Unlock()
	once.mu.Lock()
	defer once.mu.Unlock()
	if once.done {
		return once.headers, nil
	}
	headers, err := i.headers(ctx, ar)
	if err != nil {
		return nil, err
	}
	once.headers, once.done = headers, true
	return headers, nil
}

// An indexOnce is an index that is read once. A failure is not kept.
type indexOnce struct {
	mu      sync.Mutex
	done    bool
	headers []Header
}

// headers returns the headers of ar. With a store, the archive is read once; after that, its index
// in the store is read.
func (i *Indexer) headers(ctx context.Context, ar *Archive) ([]Header, error) {
	if i.store == nil {
		var headers []Header
		err := i.limits.Read(ctx, ar, func(h *Header, _ io.Reader) error {
			headers = append(headers, *h)
			return nil
		})
		return headers, err
	}
	name, err := i.store.Derived(ctx, "tar-headers", IndexVersion+" "+ar.ID, func(w io.Writer) error {
		index := newIndexWriter(w)
		return i.limits.Read(ctx, ar, func(h *Header, _ io.Reader) error { return index.write(h) })
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
func readIndex(name string) ([]Header, error) {
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
	return ParseHeaders(index.String())
}

// Read calls each with every entry of ar, in order: its header, and its content, which each
// need not read. It reads ar to its end, where readers verify. An archive beyond the limits
// is an error.
func (l Limits) Read(ctx context.Context, ar *Archive, each func(*Header, io.Reader) error) error {
	r, err := ar.Open(ctx)
	if err != nil {
		return err
	}
	err = l.OrDefaults().readEntries(ctx, r, each)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return err
}

// readEntries calls each with every entry of a tar, in order, within the limits.
func (l Limits) readEntries(ctx context.Context, r io.Reader, each func(*Header, io.Reader) error) error {
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
		if count >= l.Entries {
			return fmt.Errorf("it has more than %d entries, which is the limit", l.Entries)
		}
		if size += h.Size; size > l.Bytes || h.Size < 0 {
			return fmt.Errorf("it unpacks to more than %d bytes, which is the limit", l.Bytes)
		}
		if err := each(newHeader(h), tr); err != nil {
			return err
		}
	}
}

// Members calls visit with each entry of an archive until visit returns false. The
// archive is read to its end in any case, where readers verify.
func Members(ctx context.Context, ar *Archive, visit func(index int, size int64, r io.Reader) (bool, error)) (err error) {
	r, err := ar.Open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := r.Close(); err == nil {
			err = closeErr
		}
	}()
	tr := tar.NewReader(r)
	for index := 0; ; index++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		more, err := visit(index, h.Size, tr)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	_, err = io.Copy(io.Discard, r)
	return err
}

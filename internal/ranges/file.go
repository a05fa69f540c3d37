package ranges

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/redact"
)

const (
	// blockSize is the size of a block, in bytes. The tail of an archive, with its index, fits into few of them.
	blockSize = 64 << 10
	// maxBlocks limits one request to 4 MiB.
	maxBlocks = 64
)

// IsURL reports whether a path is the address of a file of a web server.
func IsURL(path string) bool {
	scheme, rest, ok := strings.Cut(path, "://")
	return ok && rest != "" && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http"))
}

// A File is a file of a web server. Its methods may be called from several goroutines.
type File struct {
	ctx    context.Context // ReadAt takes none
	source *source
	size   int64

	mu   sync.Mutex
	temp *os.File
	used int64 // bytes of temp
	// kept has the offsets in temp of the blocks that were fetched.
	kept map[int64]int64
	// busy are the blocks that are being fetched. A channel is closed when its request has ended.
	busy map[int64]chan struct{}
	// ahead has, for each block at which a request ended, the number of blocks that it fetched. A reader that goes on
	// there gets twice as many.
	ahead map[int64]int64
}

// Open sends a request for the beginning of a file. An error that wraps fs.ErrNotExist says that the server does not
// have it. It is an error if the server does not support ranges. ctx must be valid while the file is used. The caller
// closes the file.
func Open(ctx context.Context, address string) (*File, error) {
	s, err := newSource(address)
	if err != nil {
		return nil, err
	}
	head, size, err := s.first(ctx)
	if err != nil {
		return nil, redact.Error(err)
	}
	f := &File{ctx: ctx, source: s, size: size, kept: map[int64]int64{}, busy: map[int64]chan struct{}{}, ahead: map[int64]int64{}}
	if f.temp, err = os.CreateTemp("", "slipway-ranges-*"); err != nil {
		return nil, err
	}
	if err := f.keep(0, head); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.ahead[1] = 1
	return f, nil
}

// ReadSmall returns the content of a file of at most limit bytes. An error that wraps fs.ErrNotExist says that the
// server does not have it.
func ReadSmall(ctx context.Context, address string, limit int64) ([]byte, error) {
	f, err := Open(ctx, address)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.size > limit {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", f.size, limit)
	}
	raw := make([]byte, f.size)
	_, err = io.ReadFull(io.NewSectionReader(f, 0, f.size), raw)
	return raw, err
}

// Name returns the address without secrets.
func (f *File) Name() string { return f.source.name }

// Validator returns what the server says by which the content of the file can be told from that of a later one, or "".
func (f *File) Validator() string { return cmp.Or(f.source.etag, f.source.modified) }

// Size returns the size of the file, in bytes.
func (f *File) Size() int64 { return f.size }

// Close removes what was fetched.
func (f *File) Close() error {
	name := f.temp.Name()
	return errors.Join(f.temp.Close(), fileop.Remove(name))
}

// ReadAt reads at an offset of the file (io.ReaderAt). Reads that follow one another fetch more and more ahead, up to
// 4 MiB. A read of 2 MiB or more fetches only its own blocks.
func (f *File) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, errors.New("reading at a negative offset")
	}
	for n < len(p) && offset < f.size {
		block := offset / blockSize
		at, err := f.block(block, (offset+int64(len(p)-n)-1)/blockSize)
		if err != nil {
			return n, err
		}
		begin := offset % blockSize
		have := min(blockSize, f.size-block*blockSize) - begin
		want := min(have, int64(len(p)-n))
		if _, err := f.temp.ReadAt(p[n:n+int(want)], at+begin); err != nil {
			return n, fmt.Errorf("reading %s: %w", f.temp.Name(), err)
		}
		n, offset = n+int(want), offset+want
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// block returns the offset in the temporary file of a block, which it fetches if necessary. The reader needs the blocks
// up to last.
func (f *File) block(block, last int64) (int64, error) {
	for {
		f.mu.Lock()
		if at, ok := f.kept[block]; ok {
			f.mu.Unlock()
			return at, nil
		}
		if other := f.busy[block]; other != nil {
			f.mu.Unlock()
			select {
			case <-other:
				continue
			case <-f.ctx.Done():
				return 0, context.Cause(f.ctx)
			}
		}
		count := f.plan(block, last)
		done := make(chan struct{})
		for i := range count {
			f.busy[block+i] = done
		}
		f.mu.Unlock()
		begin := block * blockSize
		raw, err := f.source.fetch(f.ctx, begin, min(f.size, (block+count)*blockSize)-begin)
		f.mu.Lock()
		if err == nil {
			err = f.keep(block, raw)
			if last-block+1 < maxBlocks/2 {
				f.ahead[block+count] = count // the end of a frame follows large reads
			}
		}
		for i := range count {
			delete(f.busy, block+i)
		}
		close(done)
		f.mu.Unlock()
		if err != nil {
			return 0, redact.Error(err)
		}
	}
}

// plan returns the number of blocks to fetch from block on. f.mu is held.
func (f *File) plan(block, last int64) int64 {
	count := last - block + 1
	if before := f.ahead[block]; before > 0 && count < maxBlocks/2 {
		delete(f.ahead, block)
		count = max(count, 2*before)
	}
	count = min(count, maxBlocks, (f.size+blockSize-1)/blockSize-block)
	for i := range count {
		_, kept := f.kept[block+i]
		if kept || f.busy[block+i] != nil {
			return i
		}
	}
	return count
}

// keep keeps the content of blocks. f.mu is held, or f is not shared yet.
func (f *File) keep(block int64, raw []byte) error {
	if _, err := f.temp.WriteAt(raw, f.used); err != nil {
		return fmt.Errorf("keeping what was fetched: %w", err)
	}
	for at := int64(0); at < int64(len(raw)); at += blockSize {
		f.kept[block+at/blockSize] = f.used + at
	}
	f.used += int64(len(raw))
	return nil
}

// nameOf returns an address without secrets.
func nameOf(u *url.URL) string {
	bare := *u
	bare.User = nil
	return redact.Text(bare.String())
}

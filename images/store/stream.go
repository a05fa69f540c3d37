package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/slipway-build/slipway/internal/streams"
)

// chunk is the number of bytes passed between goroutines at a time: large enough that passing costs
// nothing, small enough for a core's cache.
const chunk = 256 << 10

// depth is the number of chunks in flight between two goroutines.
const depth = 4

// An asyncWriter passes written data to w in a separate goroutine, so that hashing, compressing and
// writing each use a core.
type asyncWriter struct {
	full, free chan []byte
	made       int // number of chunks, at most depth+2
	buf        []byte
	failed     atomic.Bool
	done       chan struct{}
	err        error // of w; read it only after failed is set or done is closed
}

func newAsyncWriter(w io.Writer) *asyncWriter {
	a := &asyncWriter{
		full: make(chan []byte, depth),
		free: make(chan []byte, depth+2),
		done: make(chan struct{}),
	}
	go a.pass(w, a.full)
	return a
}

func (a *asyncWriter) pass(w io.Writer, full <-chan []byte) {
	defer close(a.done)
	for b := range full {
		if a.err == nil {
			if _, a.err = w.Write(b); a.err != nil {
				a.failed.Store(true)
			}
		}
		a.free <- b[:0]
	}
}

// Write returns an error of w with a delay; Close always returns it.
func (a *asyncWriter) Write(p []byte) (int, error) {
	if a.failed.Load() {
		return 0, a.err
	}
	n := len(p)
	for len(p) > 0 {
		if a.buf == nil {
			a.buf = a.empty()
		}
		room := min(len(p), cap(a.buf)-len(a.buf))
		a.buf = append(a.buf, p[:room]...)
		p = p[room:]
		if len(a.buf) == cap(a.buf) {
			a.full <- a.buf
			a.buf = nil
		}
	}
	return n, nil
}

// empty returns a chunk to fill: a reused one, or a new one.
func (a *asyncWriter) empty() []byte {
	select {
	case b := <-a.free:
		return b
	default:
	}
	if a.made == depth+2 {
		return <-a.free
	}
	a.made++
	return make([]byte, 0, chunk)
}

// Close waits until w has received everything, and returns w's error.
func (a *asyncWriter) Close() error {
	if a.full == nil {
		return a.err
	}
	if len(a.buf) > 0 {
		a.full <- a.buf
	}
	close(a.full)
	a.full = nil
	<-a.done
	return a.err
}

// A hasher computes SHA-256 in a separate goroutine.
type hasher struct {
	*asyncWriter
	hash hash.Hash
	size int64
}

func newHasher() *hasher { return newHasherAnd(io.Discard) }

// newHasherAnd also passes the bytes to w.
func newHasherAnd(w io.Writer) *hasher {
	h := sha256.New()
	return &hasher{asyncWriter: newAsyncWriter(io.MultiWriter(h, w)), hash: h}
}

func (h *hasher) Write(p []byte) (int, error) {
	h.size += int64(len(p))
	return h.asyncWriter.Write(p)
}

// finish ends the goroutine and returns the digest of everything written.
func (h *hasher) finish() (v1.Hash, int64) {
	h.Close()
	return sum(h.hash), h.size
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// A hashingFile writes and hashes a file concurrently.
type hashingFile struct {
	file     *os.File
	hasher   *hasher
	checksum *xxhash.Digest
}

func newHashingFile(f *os.File) *hashingFile {
	sum := xxhash.New()
	return &hashingFile{file: f, hasher: newHasherAnd(sum), checksum: sum}
}

func (h *hashingFile) Write(p []byte) (int, error) {
	h.hasher.Write(p)
	n, err := h.file.Write(p)
	if err != nil {
		// The path of a temporary file is of no use in a message.
		err = reason(err)
	}
	return n, err
}

// finish returns the digest, the size and the checksum of what was written. It must be called once,
// even after an error.
func (h *hashingFile) finish() (digest v1.Hash, size int64, checksum uint64) {
	digest, size = h.hasher.finish()
	return digest, size, h.checksum.Sum64()
}

// copy is io.Copy that stops when ctx is canceled. Its buffers are reused, since thousands of small
// blobs are read this way.
func (s *folder) copy(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	buf := s.buffers.Get().(*[copyBuffer]byte)
	defer s.buffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, streams.WithContext(ctx, r), buf[:chunk])
}

package files

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

// Chunk is the number of bytes passed between goroutines at a time: large enough that passing costs
// nothing, small enough for a core's cache.
const Chunk = 256 << 10

// depth is the number of chunks in flight between two goroutines.
const depth = 4

// An AsyncWriter passes written data to w in a separate goroutine, so that hashing, compressing and
// writing each use a core.
type AsyncWriter struct {
	full, free chan []byte
	made       int // number of chunks, at most depth+2
	buf        []byte
	failed     atomic.Bool
	done       chan struct{}
	err        error // of w; read it only after failed is set or done is closed
}

func NewAsyncWriter(w io.Writer) *AsyncWriter {
	a := &AsyncWriter{
		full: make(chan []byte, depth),
		free: make(chan []byte, depth+2),
		done: make(chan struct{}),
	}
	go a.pass(w, a.full)
	return a
}

func (a *AsyncWriter) pass(w io.Writer, full <-chan []byte) {
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
func (a *AsyncWriter) Write(p []byte) (int, error) {
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
func (a *AsyncWriter) empty() []byte {
	select {
	case b := <-a.free:
		return b
	default:
	}
	if a.made == depth+2 {
		return <-a.free
	}
	a.made++
	return make([]byte, 0, Chunk)
}

// Close waits until w has received everything, and returns w's error.
func (a *AsyncWriter) Close() error {
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

// A Hasher computes SHA-256 in a separate goroutine.
type Hasher struct {
	*AsyncWriter
	hash hash.Hash
	Size int64
}

func NewHasher() *Hasher {
	h := sha256.New()
	return &Hasher{AsyncWriter: NewAsyncWriter(h), hash: h}
}

func (h *Hasher) Write(p []byte) (int, error) {
	h.Size += int64(len(p))
	return h.AsyncWriter.Write(p)
}

// Finish ends the goroutine and returns the digest of everything written.
func (h *Hasher) Finish() (v1.Hash, int64) {
	h.Close()
	return sumOf(h.hash), h.Size
}

func sumOf(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// A HashingFile computes the digest and the checksum of what is written to a file. It does so in the calling goroutine:
// passing the bytes to another one takes more processor time, and several blobs are written at a time.
type HashingFile struct {
	file     *os.File
	hash     hash.Hash
	checksum *xxhash.Digest
	size     int64
}

// NewHashingFile returns a HashingFile for an empty file.
func NewHashingFile(f *os.File) *HashingFile {
	return &HashingFile{file: f, hash: sha256.New(), checksum: xxhash.New()}
}

func (h *HashingFile) Write(p []byte) (int, error) {
	n, err := h.file.Write(p)
	h.add(p[:n])
	if err != nil {
		// The path of a temporary file is of no use in a message.
		err = Reason(err)
	}
	return n, err
}

func (h *HashingFile) add(p []byte) {
	h.hash.Write(p)
	h.checksum.Write(p)
	h.size += int64(len(p))
}

// Existing returns a writer for the bytes that the file has already, from its beginning.
func (h *HashingFile) Existing() io.Writer { return existing{h} }

type existing struct{ *HashingFile }

func (e existing) Write(p []byte) (int, error) {
	e.add(p)
	return len(p), nil
}

// Size returns the number of bytes so far.
func (h *HashingFile) Size() int64 { return h.size }

// Sums returns the digest, the size and the checksum of the bytes so far.
func (h *HashingFile) Sums() (digest v1.Hash, mark Mark) {
	return sumOf(h.hash), Mark{Size: h.size, XXH64: h.checksum.Sum64()}
}

// Copy is io.Copy that stops when ctx is canceled. Its buffers are reused, since thousands of small
// blobs are read this way.
func (s *Folder) Copy(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	buf := s.buffers.Get().(*[copyBuffer]byte)
	defer s.buffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, streams.WithContext(ctx, r), buf[:Chunk])
}

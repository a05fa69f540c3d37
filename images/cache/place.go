package cache

import (
	"bytes"
	"context"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Place has the blobs and segments of a cache. Its methods may be called from several goroutines. The error for what
// does not exist wraps fs.ErrNotExist.
type Place interface {
	// String names the place in messages, without credentials.
	String() string

	// Segments returns the names of all segments: the SHA-256 of their content, in hex.
	Segments(ctx context.Context) ([]string, error)
	// Segment returns the content of a segment. It may be wrong.
	Segment(ctx context.Context, name string) ([]byte, error)
	// AddSegment adds a segment, and what it names: blobs are new, and added before it; kept are there already.
	AddSegment(ctx context.Context, name string, raw []byte, blobs []Content, kept []Blob) error
	// RemoveSegment removes a segment.
	RemoveSegment(ctx context.Context, name string) error

	// Open reads a blob. Its content may be wrong.
	Open(ctx context.Context, blob Blob) (io.ReadCloser, error)
	// Blobs returns when each blob was added. It returns nil if the place removes unused blobs itself, as registries do.
	Blobs(ctx context.Context) (map[v1.Hash]time.Time, error)
	// RemoveBlob removes a blob.
	RemoveBlob(ctx context.Context, digest v1.Hash) error
}

// A Content is a blob to add.
type Content struct {
	Blob
	Open func() (io.ReadSeekCloser, error)
	// Again means that a blob with this name has other content, which is replaced.
	Again bool
}

// InMemory returns a reader of b, for Content and Offer.
func InMemory(b []byte) io.ReadSeekCloser { return memory{bytes.NewReader(b)} }

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

package format

import (
	"cmp"
	"context"
	"io"
	"path/filepath"
	"strings"
)

// DeltaMagic begins a delta; see the package delta.
const DeltaMagic = "SlwDelta"

// A Virtual is a file that is not stored, but read from others.
type Virtual interface {
	io.ReaderAt
	io.Closer
	// Name returns the path of the file that says how it is read, or its URL without secrets.
	Name() string
	Size() int64
	// SHA256 returns the digest of the content, in hex.
	SHA256() string
}

// OpenVirtual returns v as a file, which closes v. called is the base name that it has where it is stored.
func OpenVirtual(v Virtual, called string) *File {
	w := &File{Name: v.Name(), parts: []part{v}, ends: []int64{v.Size()}}
	if called != "" && called != "." && called != ".." && !strings.ContainsAny(called, `/\:`) {
		w.stored = filepath.Join(filepath.Dir(w.Name), called)
	}
	return w
}

// StoredName returns the path under which lists of checksums have the file, and beside which its signatures are. A virtual
// file counts as stored beside the file that Name is the path of.
func (w *File) StoredName() string { return cmp.Or(w.stored, w.Name) }

// A DeltaOpener opens the archive that a delta makes. It closes the delta, or the archive does.
type DeltaOpener func(ctx context.Context, delta *File) (*File, error)

type deltaKey struct{}

func isDelta(f *File) bool {
	head := make([]byte, len(DeltaMagic))
	return ReadFullAt(f, head, 0) && string(head) == DeltaMagic
}

// WithDeltas returns a context in which Open opens, for a delta, the archive that it makes.
func WithDeltas(ctx context.Context, open DeltaOpener) context.Context {
	return context.WithValue(ctx, deltaKey{}, open)
}

package format

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/ranges"
)

// Open opens a file as OpenFile does, or the file at an http:// or https:// URL, which may be split, too. A file of a
// web server is read by ranges, while ctx is valid. For a delta, see WithDeltas.
func Open(ctx context.Context, file string) (*File, error) {
	f, err := openStored(ctx, file)
	if err != nil {
		return nil, err
	}
	if open, ok := ctx.Value(deltaKey{}).(DeltaOpener); ok && open != nil && isDelta(f) {
		return open(ctx, f)
	}
	return f, nil
}

func openStored(ctx context.Context, file string) (*File, error) {
	if !ranges.IsURL(file) {
		return OpenFile(file)
	}
	whole, _, isPart := PartOf(file)
	if !isPart {
		one, err := ranges.Open(ctx, file)
		if err == nil {
			return &File{Name: one.Name(), parts: []part{one}, ends: []int64{one.Size()}}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		w, partsErr := openWebParts(ctx, file)
		if errors.Is(partsErr, errNoParts) {
			return nil, err
		}
		return w, partsErr
	}
	return openWebParts(ctx, whole)
}

// Base returns the last element of the path of a file on disk, or of its URL without the query.
func Base(file string) string {
	if !ranges.IsURL(file) {
		return filepath.Base(file)
	}
	u, err := url.Parse(file)
	if err != nil || strings.Trim(u.Path, "/") == "" {
		return "the file of a web server"
	}
	return path.Base(u.Path)
}

// State identifies the content of a file of a web server, as far as the server does, or of a virtual file. It is empty for a
// file on disk.
func (w *File) State() string {
	state := ""
	for _, p := range w.parts {
		switch f := p.(type) {
		case *ranges.File:
			state += fmt.Sprintf(" %s %d %s", f.Name(), f.Size(), f.Validator())
		case Virtual:
			state += " " + f.SHA256()
		}
	}
	return state
}

// errNoParts says that a server has neither parts of a file nor their digests.
var errNoParts = fmt.Errorf("it has no parts: %w", fs.ErrNotExist)

// openWebParts opens the parts of a file of a web server.
func openWebParts(ctx context.Context, whole string) (_ *File, err error) {
	w := &File{}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	raw, err := ranges.ReadSmall(ctx, whole+ChecksumsSuffix, maxChecksums)
	switch {
	case err == nil:
		if w.sums, err = parsePartSums(raw, whole); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading its checksums: %w", err)
	}
	for n := 1; n <= MaxParts && (len(w.sums) == 0 || n <= len(w.sums)); n++ {
		p, err := ranges.Open(ctx, PartPath(whole, n))
		if errors.Is(err, fs.ErrNotExist) && len(w.sums) == 0 {
			if n == 1 {
				return nil, errNoParts
			}
			break // without checksums, nothing says how many parts there are
		}
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", n, err)
		}
		w.parts, w.ends = append(w.parts, p), append(w.ends, w.Size()+p.Size())
		w.Name, _, _ = PartOf(p.Name())
	}
	return w, w.checkSizes()
}

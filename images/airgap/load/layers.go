package load

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/streams"
)

// A Layer is a layer of an archive.
type Layer struct {
	airgap.PackedLayer
	Archive *airgap.Archive
}

// Layers returns the layers of images, each digest once, for which want is true.
func Layers(list []*Image, want func(v1.Hash) bool) []Layer {
	var out []Layer
	seen := map[v1.Hash]bool{}
	for _, img := range list {
		for _, l := range img.Packed.Layers {
			if !seen[l.Digest] {
				seen[l.Digest] = true
				if want(l.Digest) {
					out = append(out, Layer{l, img.Packed.Archive()})
				}
			}
		}
	}
	return out
}

// maxReaders limits the runs that are decompressed at the same time. Each needs a window, of at most 32 MiB in archives
// that we write. There are more readers than processors, since a reader waits for the runtime most of the time.
const maxReaders = 8

// A part is what one reader reads: the layers of a run, in the order of the tar.
type part struct {
	layers []Layer
	files  []airgap.File
	// alone is set for a layer that is read without decompressing others.
	alone bool
}

// Read reads layers, several at the same time, and calls take once for each, with its content as it is in the archive
// or the reason why it cannot be read. An archive that is damaged further on makes the content end with an error. take
// checks the digest.
func Read(ctx context.Context, layers []Layer, take func(l Layer, content io.Reader, err error)) {
	var parts []*part
	type runKey struct {
		archive *airgap.Archive
		number  int64
	}
	runs := map[runKey]*part{}
	for _, l := range layers {
		f, number, err := place(ctx, l)
		if err != nil {
			take(l, nil, err)
			continue
		}
		if f.Sparse() || l.Archive.Codec() == format.Tar {
			parts = append(parts, &part{[]Layer{l}, []airgap.File{f}, true})
			continue
		}
		p := runs[runKey{l.Archive, number}]
		if p == nil {
			p = &part{}
			runs[runKey{l.Archive, number}] = p
			parts = append(parts, p)
		}
		at := len(p.files)
		for at > 0 && f.Before(p.files[at-1]) {
			at--
		}
		p.files, p.layers = slices.Insert(p.files, at, f), slices.Insert(p.layers, at, l)
	}
	// take has the errors.
	_ = parallel.Each(ctx, len(parts), min(2*runtime.GOMAXPROCS(0), maxReaders), func(i int) error {
		parts[i].read(ctx, take)
		return nil
	})
}

// place returns the file of a layer, and the number of its run.
func place(ctx context.Context, l Layer) (airgap.File, int64, error) {
	f, err := l.Archive.File(ctx, l.File())
	if err != nil {
		return f, 0, err
	}
	if f.Size() != l.Size {
		return f, 0, l.Archive.Wrap(fmt.Errorf("layer %s has %d bytes instead of %d", l.Digest, f.Size(), l.Size))
	}
	if f.Sparse() || l.Archive.Codec() == format.Tar {
		return f, 0, nil
	}
	number, err := l.Archive.Run(f)
	return f, number, err
}

// openAlone opens a sparse file, or one of a plain tar, where it lies.
func openAlone(ctx context.Context, a *airgap.Archive, f airgap.File) (io.ReadCloser, error) {
	if f.Sparse() {
		return a.OpenAlone(ctx, f, 0)
	}
	return a.OpenPlain(f, 0, f.Size())
}

func (p *part) read(ctx context.Context, take func(Layer, io.Reader, error)) {
	a := p.layers[0].Archive
	if p.alone {
		r, err := openAlone(ctx, a, p.files[0])
		if err != nil {
			take(p.layers[0], nil, err)
			return
		}
		defer r.Close()
		take(p.layers[0], streams.Exactly(streams.WithContext(ctx, r), p.files[0].Size()), nil)
		return
	}
	run, err := a.OpenRun(p.files[0])
	if err == nil {
		defer run.Close()
	}
	for i, l := range p.layers {
		var content io.Reader
		if err == nil {
			content, err = run.Next(ctx, p.files[i])
		}
		if err != nil {
			take(l, nil, a.Wrap(fmt.Errorf("layer %s: %w", l.Digest, err)))
			continue
		}
		take(l, content, nil)
	}
}

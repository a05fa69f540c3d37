package slice

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/arrange"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A source is a layer of the slice in an archive.
type source struct {
	airgap.PackedLayer
	file   airgap.File
	bundle *bundle
}

// A bundle is the sources of one frame, or of an archive without an index. Sources of a plain tar, which need no
// decompressor, are bundles of their own.
type bundle struct {
	archive *airgap.Archive
	sources []*source // in the order of the tar
	framed  bool
	// sealed is set after reading, if all of the frame can be copied.
	sealed *sealedFrame

	mu sync.Mutex // held while sources are put into the store
}

// A reader reads the sources of a slice.
type reader struct {
	store    *store.Store
	original bool // layers keep their compression
	bundles  []*bundle
	sources  map[v1.Hash]*source

	mu    sync.Mutex
	infos map[v1.Hash]store.BlobInfo
	// needed are the layers that are not in a frame to copy.
	needed map[v1.Hash]bool
}

// newReader finds the sources of all layers of a choice.
func newReader(ctx context.Context, content *store.Store, c *choice, original bool) (*reader, error) {
	r := &reader{store: content, original: original, sources: map[v1.Hash]*source{}, infos: map[v1.Hash]store.BlobInfo{}, needed: map[v1.Hash]bool{}}
	type place struct {
		archive *airgap.Archive
		run     int64
	}
	bundles := map[place]*bundle{}
	for _, img := range c.found {
		for _, l := range img.Layers {
			if r.sources[l.Digest] != nil {
				continue
			}
			a := img.Archive()
			file, err := a.File(ctx, l.File())
			if err != nil {
				return nil, err
			}
			at := place{archive: a}
			if at.run, err = a.Run(file); err != nil {
				return nil, err
			}
			b := bundles[at]
			if b == nil || a.Codec() == format.Tar || file.Sparse() {
				_, framed := a.FrameOf(file)
				b = &bundle{archive: a, framed: framed}
				r.bundles = append(r.bundles, b)
				if a.Codec() != format.Tar && !file.Sparse() {
					bundles[at] = b
				}
			}
			s := &source{PackedLayer: l, file: file, bundle: b}
			b.sources, r.sources[l.Digest] = append(b.sources, s), s
		}
	}
	for _, b := range r.bundles {
		slices.SortFunc(b.sources, func(x, y *source) int {
			if x.file.Before(y.file) {
				return -1
			}
			return 1
		})
	}
	return r, nil
}

// readAll reads all sources, a bundle at a time in each of jobs goroutines, and learns what pack needs to know of them.
func (r *reader) readAll(ctx context.Context, jobs int) (err error) {
	task := progress.Start(ctx, fmt.Sprintf("read %d layers", len(r.sources)))
	defer func() { task.Done(err) }()
	var total int64
	for _, s := range r.sources {
		total += s.Size
	}
	task.SetTotal(total)
	group, groupCtx := store.NewGroup(ctx, jobs)
	for _, b := range r.bundles {
		group.Go(func() error {
			return b.read(groupCtx, func(s *source, body io.Reader) error {
				if err := r.learn(groupCtx, s, body); err != nil {
					return err
				}
				task.Add(int(s.Size))
				return nil
			})
		})
	}
	return group.Wait()
}

// learn reads a source, whose digest it verifies.
func (r *reader) learn(ctx context.Context, s *source, body io.Reader) error {
	one := &oneBlob{Store: r.store, source: s, body: body}
	var (
		info store.BlobInfo
		err  error
	)
	if r.original {
		info, err = one.InfoAndContent(ctx, s.Digest, nil)
	} else {
		info, err = arrange.Info(ctx, one, s.Digest)
	}
	if err != nil {
		return s.bundle.archive.Wrap(fmt.Errorf("layer %s: %w", s.Digest, err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.infos[s.Digest] = info
	return nil
}

// oneBlob is content with one blob, which can be read once.
type oneBlob struct {
	*store.Store
	source *source
	body   io.Reader
}

func (o *oneBlob) InfoAndContent(_ context.Context, h v1.Hash, w io.Writer) (store.BlobInfo, error) {
	want := v1.Descriptor{Digest: h, Size: o.source.Size}
	if h != o.source.DiffID {
		return store.ReadInfo(want, o.source.verified(o.body), w)
	}
	// The digest is the diff ID, which ReadInfo computes.
	info, err := store.ReadInfo(want, o.body, w)
	if err == nil {
		err = o.source.check(info.DiffID.Hex, info.UncompressedSize)
	}
	return info, err
}

// verified returns a reader of the body of a source. It ends with an error if the body has another size or digest.
func (s *source) verified(body io.Reader) io.Reader {
	return streams.Verified(body, s.check)
}

// check returns an error unless bytes with a SHA-256 and a size are those of the source.
func (s *source) check(sum string, size int64) error {
	switch {
	case size != s.Size:
		return fmt.Errorf("it has %d bytes instead of %d", size, s.Size)
	case sum != s.Digest.Hex:
		return fmt.Errorf("it is damaged: its bytes have the digest sha256:%s", sum)
	}
	return nil
}

// read calls do with each source of the bundle, in order. do reads the body to its end.
func (b *bundle) read(ctx context.Context, do func(s *source, body io.Reader) error) error {
	first := b.sources[0]
	switch {
	case b.framed:
		frame, _ := b.archive.FrameOf(first.file)
		return b.readFrame(ctx, frame, do)
	case b.archive.Codec() == format.Tar || first.file.Sparse():
		return b.readAlone(ctx, first, do)
	}
	run, err := b.archive.OpenRun(first.file)
	if err != nil {
		return err
	}
	defer run.Close()
	for _, s := range b.sources {
		body, err := run.Next(ctx, s.file)
		if err == nil {
			err = do(s, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAlone reads a source of a plain tar, or a sparse file.
func (b *bundle) readAlone(ctx context.Context, s *source, do func(s *source, body io.Reader) error) error {
	open := func() (io.ReadCloser, error) { return b.archive.OpenPlain(s.file, 0, s.file.Size()) }
	if s.file.Sparse() {
		open = func() (io.ReadCloser, error) { return b.archive.OpenAlone(ctx, s.file, 0) }
	}
	body, err := open()
	if err != nil {
		return err
	}
	defer body.Close()
	return do(s, streams.WithContext(ctx, streams.Exactly(body, s.file.Size())))
}

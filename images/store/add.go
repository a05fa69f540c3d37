package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/slipway-build/slipway/images/store/files"
	"github.com/slipway-build/slipway/internal/parallel"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"golang.org/x/sync/errgroup"
)

// A FileLayer is a layer whose blob is a file of a store. Each of its methods first fetches a layer
// of a registry if necessary.
type FileLayer interface {
	v1.Layer
	// Path returns the path of the blob's file, which is there and has the right size.
	Path(ctx context.Context) (string, error)
	// Open checks the content of the blob's file and opens it.
	Open(ctx context.Context) (*os.File, error)
	// Info returns what is known about the blob. See Store.Info.
	Info(ctx context.Context) (BlobInfo, error)
}

// AddImage adds an image to the store: its layers and config, then its manifest. Existing blobs are
// skipped, layers that are files are hard-linked where the file system allows, and everything else
// is verified while it is written.
func (s *Store) AddImage(ctx context.Context, img v1.Image) error {
	digest, err := img.Digest()
	if err != nil {
		return fmt.Errorf("adding image to %s: %w", s.files.Dir, err)
	}
	if err := s.addImage(ctx, img); err != nil {
		return fmt.Errorf("adding image %s to %s: %w", digest, s.files.Dir, err)
	}
	return nil
}

func (s *Store) addImage(ctx context.Context, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	g, groupCtx := errgroup.WithContext(ctx)
	// A layer may have to be decompressed or fetched, so use one per core.
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, l := range layers {
		g.Go(func() error { return s.AddLayer(groupCtx, l) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	if err := s.putBytes(ctx, m.Config, raw); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return s.addManifest(ctx, img)
}

// addManifest is called last, so that a visible manifest is always complete.
func (s *Store) addManifest(ctx context.Context, m partial.Describable) error {
	raw, err := m.(partial.WithRawManifest).RawManifest()
	if err != nil {
		return err
	}
	digest, err := m.Digest()
	if err != nil {
		return err
	}
	return s.putBytes(ctx, v1.Descriptor{Digest: digest, Size: int64(len(raw))}, raw)
}

// AddLayer adds the blob of a layer to the store, as AddImage does.
func (s *Store) AddLayer(ctx context.Context, l v1.Layer) error {
	digest, err := l.Digest()
	if err != nil {
		return err
	}
	size, err := l.Size()
	if err != nil {
		return err
	}
	want := v1.Descriptor{Digest: digest, Size: size}
	// Images that are added at the same time share layers.
	_, err = parallel.Share(ctx, &s.files.Calls, "add "+digest.String(), func() (struct{}, error) {
		return struct{}{}, s.addLayerOnce(ctx, want, l)
	})
	return err
}

func (s *Store) addLayerOnce(ctx context.Context, want v1.Descriptor, l v1.Layer) error {
	if s.holds(ctx, want.Digest, want.Size) {
		if !s.files.Output {
			return nil
		}
		err := s.checkOutput(ctx, want)
		if err == nil {
			return nil
		}
		files.WarnOf(ctx, err)
	}
	if file, ok := l.(FileLayer); ok {
		return s.addFile(ctx, want, file)
	}
	r, err := l.Compressed()
	if err != nil {
		return fmt.Errorf("layer %s: %w", want.Digest, err)
	}
	defer r.Close()
	return s.Put(ctx, want, r)
}

// checkOutput checks a layer that an output already has. The layer is read only if its file has
// changed since it was last read; its record is always read, which drops a damaged one with a
// warning.
func (s *Store) checkOutput(ctx context.Context, want v1.Descriptor) error {
	s.knownInfo(ctx, want.Digest)
	path := s.Path(want.Digest)
	info, err := files.StatRegular(path)
	if err != nil {
		return err
	}
	if digest, err := s.FileDigest(ctx, path, info); err == nil && digest == want.Digest {
		return nil
	}
	return s.Check(ctx, want.Digest)
}

// addFile links the blob of another store, or copies it if linking is impossible. A layer of this store is only fetched:
// its content is checked when it is used.
func (s *Store) addFile(ctx context.Context, want v1.Descriptor, from FileLayer) error {
	if path, err := from.Path(ctx); err != nil || path == s.Path(want.Digest) {
		return err
	}
	f, err := from.Open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.link(ctx, want, f.Name()); err != nil {
		if err := s.Put(ctx, want, f); err != nil {
			return err
		}
	}
	// Copy the other store's information about the blob.
	if l, ok := from.(*layer); ok {
		if info, ok := l.store.knownInfo(ctx, want.Digest); ok {
			return files.Remember(s.files, blobKind, want.Digest.String(), info)
		}
		if b, ok := l.store.knownStored(ctx, want.Digest); ok {
			s.stored.Store(want.Digest, b)
		}
	}
	return nil
}

// link makes path a blob of this store. Linking can fail for many reasons (another file system,
// FAT, permissions), so on any error the caller copies.
func (s *Store) link(ctx context.Context, want v1.Descriptor, path string) error {
	if s.files.ReadOnly {
		return fs.ErrPermission
	}
	// Link only read-only files: in another program's layout, blobs may be modified.
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() != want.Size || info.Mode().Perm() != 0o444 {
		return fs.ErrInvalid
	}
	blob := s.Path(want.Digest)
	err = os.Link(path, blob)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
			return err
		}
		err = os.Link(path, blob)
	}
	if errors.Is(err, fs.ErrExist) && s.holds(ctx, want.Digest, want.Size) {
		return nil
	}
	return err
}

// AddIndex adds an index to the store, after everything that it lists.
func (s *Store) AddIndex(ctx context.Context, idx v1.ImageIndex) error {
	digest, err := idx.Digest()
	if err != nil {
		return fmt.Errorf("adding index to %s: %w", s.files.Dir, err)
	}
	if err := s.addIndex(ctx, idx, map[v1.Hash]bool{}); err != nil {
		return fmt.Errorf("adding index %s to %s: %w", digest, s.files.Dir, err)
	}
	return nil
}

// addIndex adds an index and what it lists, except for the digests in added.
func (s *Store) addIndex(ctx context.Context, idx v1.ImageIndex, added map[v1.Hash]bool) error {
	m, err := idx.IndexManifest()
	if err != nil {
		return err
	}
	// Sequentially: the layers of each image are added in parallel, and several Windows versions
	// share theirs.
	for _, d := range m.Manifests {
		if added[d.Digest] {
			continue
		}
		added[d.Digest] = true
		if err := s.addEntry(ctx, idx, d, added); err != nil {
			return fmt.Errorf("entry %s: %w", d.Digest, err)
		}
	}
	return s.addManifest(ctx, idx)
}

func (s *Store) addEntry(ctx context.Context, idx v1.ImageIndex, d v1.Descriptor, added map[v1.Hash]bool) error {
	switch {
	case d.MediaType.IsIndex():
		child, err := idx.ImageIndex(d.Digest)
		if err != nil {
			return err
		}
		return s.addIndex(ctx, child, added)
	case d.MediaType.IsImage():
		child, err := idx.Image(d.Digest)
		if err != nil {
			return err
		}
		return s.addImage(ctx, child)
	}
	// An index may list anything; the indexes of this package and of remote return such a blob as a
	// layer.
	if with, ok := idx.(interface {
		Layer(v1.Hash) (v1.Layer, error)
	}); ok {
		l, err := with.Layer(d.Digest)
		if err != nil {
			return err
		}
		return s.AddLayer(ctx, l)
	}
	return fmt.Errorf("media type %q is not an image or an index", d.MediaType)
}

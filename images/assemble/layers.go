package assemble

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/slipway-build/slipway/images/fstree"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/slipway-build/slipway/images/layer"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/progress"
	"golang.org/x/sync/errgroup"
)

// makeLayers builds the layers of steps, in parallel.
func (asm *assembly) makeLayers(ctx context.Context, steps []*step) ([]v1.Layer, error) {
	made := make([]v1.Layer, len(steps))
	group, ctx := errgroup.WithContext(ctx)
	// Hashing and compressing are CPU-bound.
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range steps {
		group.Go(func() error {
			var err error
			if made[i], err = asm.makeLayer(ctx, s); err != nil {
				return fmt.Errorf("making the layer of %s: %w", s.title, err)
			}
			return nil
		})
	}
	return made, group.Wait()
}

// makeLayer builds the layer of one step, unless the store has a layer of the same
// files.
func (asm *assembly) makeLayer(ctx context.Context, s *step) (l v1.Layer, err error) {
	task := progress.Start(ctx, fmt.Sprintf("layer %s", s.title))
	defer func() { task.Done(err) }()
	ctx = task.Context(ctx)
	ar, err := asm.describe(ctx, s)
	if err != nil {
		return nil, err
	}
	task.SetTotal(ar.Size())
	key := ar.Key()
	if asm.build.NoCache {
		key = ""
	}
	wrote := false
	l, err = asm.layers.Layer(ctx, key, asm.build.Format.Compression, func(w io.Writer) error {
		wrote = true
		spooled, remove, err := asm.spool(ctx, ar)
		if err != nil {
			return err
		}
		defer remove()
		return spooled.Write(ctx, io.MultiWriter(w, task))
	})
	if err != nil {
		return nil, err
	}
	if !wrote || task.From() != "" { // a layer of a shared cache is compared with what would be written
		task.SetCached()
	}
	task.SetDigest(l.Digest())
	return l, nil
}

// describe returns the archive of a step. It hashes the files on disk.
func (asm *assembly) describe(ctx context.Context, s *step) (*layer.Archive, error) {
	entries := make([]layer.Entry, len(s.changes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range s.changes {
		c := &s.changes[i]
		e := &entries[i]
		*e = layer.Entry{
			Path: c.Path, Type: c.Type, Mode: c.Mode, UID: c.UID, GID: c.GID, ModTime: c.ModTime,
			Major: c.Major, Minor: c.Minor, Xattrs: c.Xattrs, Whiteout: c.Whiteout,
		}
		switch {
		case c.HardLink != "":
			e.Type, e.Link = tar.TypeLink, c.HardLink
		case c.Type == tar.TypeSymlink:
			e.Link = c.Link
		case c.Content != nil:
			e.Size = c.Size
			group.Go(func() error {
				known, err := asm.identify(ctx, c.Content)
				if err != nil {
					return fmt.Errorf("reading %q: %w", c.Path, err)
				}
				known.source = c.Content
				e.Content = known
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return layer.Describe(s.form, entries)
}

// spool copies the members of other archives in ar into a temporary file, because those
// archives can only be read from front to back. It returns ar with the contents in that
// file. Call remove to delete the file.
func (asm *assembly) spool(ctx context.Context, ar *layer.Archive) (spooled *layer.Archive, remove func(), err error) {
	wanted := map[string]*wantedMembers{}
	var order []*wantedMembers
	entries := ar.Entries()
	for i := range entries {
		m := memberOf(&entries[i])
		if m == nil {
			continue
		}
		w := wanted[m.Archive.ID]
		if w == nil {
			w = &wantedMembers{archive: m.Archive, at: map[int]int64{}}
			wanted[m.Archive.ID] = w
			order = append(order, w)
		}
		w.at[m.Index] = -1
	}
	if len(order) == 0 {
		return ar, func() {}, nil
	}
	f, err := os.CreateTemp(asm.tempDir, "slipway-layer-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() {
		f.Close()
		fileop.Remove(f.Name())
	}
	if err := asm.spoolTo(ctx, f, order); err != nil {
		remove()
		return nil, nil, err
	}
	return ar.WithContents(func(e *layer.Entry) layer.Content {
		m := memberOf(e)
		if m == nil {
			return e.Content
		}
		offset, size := wanted[m.Archive.ID].at[m.Index], e.Size
		return &known{id: e.Content.ID(), open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(f, offset, size)), nil
		}}
	}), remove, nil
}

// memberOf returns the member of an archive that is the content of e, or nil.
func memberOf(e *layer.Entry) *fstree.Member {
	if k, ok := e.Content.(*known); ok {
		m, _ := k.source.(*fstree.Member)
		return m
	}
	return nil
}

// wantedMembers lists the members of one archive to spool.
type wantedMembers struct {
	archive *fstree.Archive
	// at maps each member's index to its offset in the temporary file.
	at map[int]int64
}

func (asm *assembly) spoolTo(ctx context.Context, f *os.File, order []*wantedMembers) error {
	var offset int64
	for _, w := range order {
		left := len(w.at)
		err := fstree.Members(ctx, w.archive, func(index int, size int64, r io.Reader) (bool, error) {
			if _, ok := w.at[index]; !ok {
				return true, nil
			}
			n, err := io.Copy(f, r)
			if err != nil {
				return false, err
			}
			w.at[index] = offset
			offset += n
			left--
			return left > 0, nil
		})
		if err != nil {
			return fmt.Errorf("reading %s: %w", w.archive.ID, err)
		}
		if left > 0 {
			return fmt.Errorf("reading %s: %d files of its index are missing", w.archive.ID, left)
		}
	}
	return nil
}

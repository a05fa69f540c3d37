package delta

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// With returns a context in which a delta is opened as the archive NEW that it makes of old, wherever an
// archive is opened by its path; opened is called then. NEW is not written: copied runs are read from OLD, and all others
// from a temporary file in dir. Before anything is read, the SHA-256 of OLD and NEW are checked, as Apply does.
func With(ctx context.Context, old Olds, dir string, opened func()) context.Context {
	return format.WithDeltas(ctx, func(ctx context.Context, f *format.File) (_ *format.File, err error) {
		opened()
		defer f.Close()
		task := progress.Start(ctx, "open "+format.Base(f.Name))
		defer func() { task.Done(err) }()
		// A file of OLD must not be a delta itself.
		n, err := openNew(format.WithDeltas(ctx, nil), f, old, dir, task)
		if err != nil {
			return nil, err
		}
		return format.OpenVirtual(n, n.id.Name), nil
	})
}

// A newFile is NEW, which is not stored.
type newFile struct {
	pieces
	id    FileID
	delta string // its path
	given *oldFile
	rest  *scratch // all runs that are not copied
}

func (n *newFile) Name() string { return n.delta }

func (n *newFile) Size() int64 { return n.size }

func (n *newFile) SHA256() string { return n.id.SHA256 }

func (n *newFile) Close() error {
	if n.rest != nil {
		n.rest.close()
	}
	return n.given.Close()
}

// openNew opens NEW. It writes temporary files into dir.
func openNew(ctx context.Context, f *format.File, olds Olds, dir string, task *progress.Task) (_ *newFile, err error) {
	d, err := readUsable(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	final := filepath.Join(dir, "new")
	given, old, err := d.openOld(ctx, olds, final, task)
	if err != nil {
		return nil, err
	}
	n := &newFile{id: d.New, delta: f.Name, given: given}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	contents, err := d.makeContents(ctx, old, final)
	if err != nil {
		return nil, err
	}
	defer contents.close()
	if n.rest, err = newScratch(final); err != nil {
		return nil, err
	}
	w, err := n.rest.temp.OpenAt(0)
	if err != nil {
		return nil, err
	}
	err = d.rebuild(ctx, old, contents.made, w, io.Discard, task)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	n.compose(d, old)
	return n, nil
}

// compose composes NEW of OLD and the rest.
func (n *newFile) compose(d *delta, old *oldFile) {
	var done, at int64 // in NEW, and in the rest
	for _, r := range d.runs() {
		n.add(n.rest.r, at, r.offset-done)
		at += r.offset - done
		if r.copied != nil {
			n.add(old, r.copied.Old, r.size)
		} else {
			n.add(n.rest.r, at, r.size)
			at += r.size
		}
		done = r.offset + r.size
	}
}

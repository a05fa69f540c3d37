package delta

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A FileID says which file is meant.
type FileID struct {
	// Name is the file's, without folders, for people alone.
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // of all bytes, in hex
}

// A Result says what a delta is made of.
type Result struct {
	Old, New FileID
	// Size is the delta's own, in bytes.
	Size int64
	// Copied is how many bytes of New are OLD's, in this many runs, and Added how
	// many the delta brings; it holds them compressed.
	Copied, Added int64
	Copies        int
}

// Write writes a delta: what Apply needs, besides the file old, to make the file new,
// byte for byte. Any two files will do; archives that Pack wrote have whole frames
// in common, so that the delta of two releases is about as large as the layers
// that changed. Both are in the same codec, or have nothing in common. Either may
// lie in parts.
//
// The delta is tried before it gets its name. It depends on the two files and their
// names alone. docs/airgap-delta.md describes its form.
func Write(ctx context.Context, old, new, delta string) (_ Result, err error) {
	task := progress.Start(ctx, "compare "+filepath.Base(new))
	defer func() { task.Done(err) }()
	d, err := diff(ctx, old, new, delta, task)
	if err != nil {
		return Result{}, fmt.Errorf("writing delta %s: %w", delta, err)
	}
	return d.result(), nil
}

func diff(ctx context.Context, oldPath, newPath, deltaPath string, task *progress.Task) (_ *delta, err error) {
	old, err := openNamed(oldPath)
	if err != nil {
		return nil, err
	}
	defer old.Close()
	new, err := openNamed(newPath)
	if err != nil {
		return nil, err
	}
	defer new.Close()
	if err := errors.Join(notOver(deltaPath, old), notOver(deltaPath, new), sameCodec(old, new)); err != nil {
		return nil, err
	}
	// OLD is read once, NEW to know it, to compare it and to try the delta.
	task.SetTotal(old.Size() + 3*new.Size())
	d := &delta{}
	var known *knownChunks
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		known, err = readChunks(groupCtx, old, task)
		return err
	})
	group.Go(func() (err error) {
		d.New, err = fileID(groupCtx, new, task)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	d.Old = known.id
	if d.Copies, err = known.match(ctx, new, task); err != nil {
		return nil, err
	}
	known = nil // whose memory is as much as what follows needs

	temp, err := atomicfile.Create(deltaPath, 0)
	if err != nil {
		return nil, err
	}
	defer temp.Discard()
	if err := d.write(ctx, temp, new); err != nil {
		return nil, err
	}
	if err := try(ctx, temp.Path(), d, old, task); err != nil {
		return nil, fmt.Errorf("trying it: %w", err)
	}
	return d, temp.Commit()
}

// try makes NEW of OLD and the delta, without keeping it.
func try(ctx context.Context, path string, d *delta, old io.ReaderAt, task *progress.Task) error {
	f, err := format.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	written, err := readDelta(ctx, f, f.Size())
	if err != nil {
		return err
	}
	d.size = written.size
	return written.rebuild(ctx, old, io.Discard, task)
}

// Apply makes the file new of the file old and a delta that Diff wrote, byte for
// byte. The delta is checked first, then that old is the file it was made for, by
// its SHA-256; until then nothing is written. What is written gets its name, in
// place of what is there, when its SHA-256 is that of the file that Diff saw. Old
// may lie in parts, and may be replaced by new.
func Apply(ctx context.Context, old, delta, new string) (_ Result, err error) {
	task := progress.Start(ctx, "apply "+filepath.Base(delta))
	defer func() { task.Done(err) }()
	d, err := apply(ctx, old, delta, new, task)
	if err != nil {
		return Result{}, fmt.Errorf("applying delta %s: %w", delta, err)
	}
	return d.result(), nil
}

func apply(ctx context.Context, oldPath, deltaPath, newPath string, task *progress.Task) (*delta, error) {
	f, err := openNamed(deltaPath)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := readDelta(ctx, f, f.Size())
	if err != nil {
		return nil, err
	}
	if err := notOver(newPath, f); err != nil {
		return nil, err
	}
	task.SetTotal(d.Old.Size + d.New.Size)
	old, err := openNamed(oldPath)
	if err != nil {
		return nil, err
	}
	defer old.Close()
	if err := d.checkOld(ctx, old, task); err != nil {
		return nil, err
	}
	temp, err := atomicfile.Create(newPath, d.New.Size)
	if err != nil {
		return nil, err
	}
	defer temp.Discard()
	w, err := temp.OpenAt(0)
	if err != nil {
		return nil, err
	}
	err = d.rebuild(ctx, old, w, task)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	// Windows does not replace a file that is open.
	old.Close()
	if err := temp.Commit(); err != nil {
		return nil, err
	}
	return d, format.RemoveParts(newPath, 0)
}

// checkOld makes sure that a file is the one that the delta was made for.
func (d *delta) checkOld(ctx context.Context, old *format.File, task *progress.Task) error {
	if size := old.Size(); size != d.Old.Size && size != d.New.Size {
		return fmt.Errorf("%s is not the file that the delta was made for: it has %d bytes instead of the %d of %q",
			old.Name, size, d.Old.Size, d.Old.Name)
	}
	id, err := fileID(ctx, old, task)
	if err != nil {
		return err
	}
	switch id.SHA256 {
	case d.Old.SHA256:
		return nil
	case d.New.SHA256:
		return fmt.Errorf("%s is already %q, which the delta makes; nothing to do", old.Name, d.New.Name)
	}
	return fmt.Errorf("%s is not the file that the delta was made for, or is damaged: its SHA-256 is %s instead of the %s of %q",
		old.Name, id.SHA256, d.Old.SHA256, d.Old.Name)
}

// fileID takes the SHA-256 of a file.
func fileID(ctx context.Context, f *format.File, task *progress.Task) (FileID, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, streams.WithContext(ctx, task.Reader(io.NewSectionReader(f, 0, f.Size()))))
	if err != nil {
		return FileID{}, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	return FileID{filepath.Base(f.Name), n, hex.EncodeToString(sum.Sum(nil))}, nil
}

// openNamed says which of several files could not be opened.
func openNamed(path string) (*format.File, error) {
	f, err := format.OpenFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, fileop.WithoutPath(err))
	}
	return f, nil
}

// notOver refuses to replace a file that is being read.
func notOver(path string, f *format.File) error {
	there, err := os.Stat(path)
	if err != nil {
		return nil // there is nothing that would be replaced
	}
	for _, file := range f.Files {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if os.SameFile(there, info) {
			return fmt.Errorf("%s would overwrite %s, which is read; choose another name", path, file.Name())
		}
	}
	return nil
}

// sameCodec refuses two archives of which no delta comes, since compressed bytes of
// different codecs have nothing in common.
func sameCodec(old, new *format.File) error {
	oldCodec, oldErr := format.CodecOfFile(old, old.Size())
	newCodec, newErr := format.CodecOfFile(new, new.Size())
	if oldErr == nil && newErr == nil && oldCodec != newCodec {
		return fmt.Errorf("%s is a .%s and %s a .%s, which have no bytes in common; compare archives of the same codec",
			old.Name, oldCodec, new.Name, newCodec)
	}
	return nil
}

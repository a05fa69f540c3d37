package delta

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/airgap/delta/match"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/parts"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A FileID identifies a file, or a layer, by its content.
type FileID struct {
	// Name is the base name of the file, or the name of an image that has the layer. It is not compared.
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // of all bytes, in hex
}

// A Result describes a delta.
type Result struct {
	// Old are the old files or layers, in the order in which the delta joins them.
	Old []FileID
	New FileID
	// Size is the size of the delta, in bytes.
	Size int64
	// Copied is the number of bytes of New that are copied from Old, in Copies runs. Made is the number of those that
	// are made of content of Old. Added is the number of bytes that the delta contains, before compression.
	Copied, Made, Added int64
	Copies              int
}

// Options say how a delta is made.
type Options struct {
	// Portable makes a delta that needs no encoder: compressed bytes that changed are in the delta as they are.
	Portable bool
}

// Write writes a delta to path. With old and the delta, Apply restores the file new. Any files have a delta, and each may
// be split, or on a web server. Archives of different codecs have no bytes in common, and are an error, as is a delta for
// layers that have nothing in common with new.
//
// The delta depends only on the content, names and order of the files or layers. Write applies it before it
// renames it to path.
func Write(ctx context.Context, old Olds, new, path string, opts Options) (_ Result, err error) {
	task := progress.Start(ctx, "compare "+format.Base(new))
	defer func() { task.Done(err) }()
	d, err := diff(ctx, old, new, path, opts, task, func(d *delta, old *oldFile, new *format.File) error {
		return d.commit(ctx, old, new, path, task)
	})
	if err != nil {
		return Result{}, fmt.Errorf("writing delta %s: %w", path, err)
	}
	return d.result(), nil
}

// diff makes a delta, which finish writes. If finish fails because of the content of a file, it is called again.
func diff(ctx context.Context, olds Olds, newPath, deltaPath string, opts Options, task *progress.Task, finish func(d *delta, old *oldFile, new *format.File) error) (_ *delta, err error) {
	new, err := openNamed(ctx, newPath)
	if err != nil {
		return nil, err
	}
	defer new.Close()
	if err := notOver(deltaPath, new); err != nil {
		return nil, err
	}
	old, err := opts.openOld(ctx, olds, new, deltaPath, task)
	if err != nil {
		return nil, err
	}
	defer old.Close()
	// OLD is read once, and NEW three times: for its digest, to compare it, and to try the delta.
	task.SetTotal(old.Size() + 3*new.Size())
	d := &delta{layers: old.isLayers()}
	var chunks *match.Chunks
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		chunks, d.Old, err = old.read(groupCtx, task)
		return err
	})
	group.Go(func() (err error) {
		d.New, err = fileID(groupCtx, new, task)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	file := match.File{ReaderAt: new, Name: new.Name, Size: new.Size(), Ends: frameEnds(new), Err: new.Err}
	if d.Copies, err = chunks.Runs(ctx, file, maxCopies, task); err != nil {
		return nil, err
	}
	chunks = nil // release the memory before compressing
	plain := *d
	complete := func() error {
		needed, err := d.needed(old)
		if err != nil {
			return err
		}
		return finish(d, needed, new)
	}
	closeContent, err := d.addContent(ctx, old, new, deltaPath, opts.Portable)
	defer closeContent()
	tried := err == nil
	if tried {
		err = complete()
	}
	if err == nil || tried && len(d.Made) == 0 || !ofContent(ctx, err) {
		return d, err
	}
	// A delta of version 1 decompresses nothing, so that damage in OLD or NEW is no matter.
	progress.Warn(ctx, fmt.Sprintf("%s holds changed layers whole, because their files cannot be compared: %v", filepath.Base(deltaPath), err))
	task.SetTotal(old.Size() + 4*new.Size())
	*d = plain
	return d, complete()
}

// openOld opens OLD, to make a delta at deltaPath.
func (o Options) openOld(ctx context.Context, olds Olds, new *format.File, deltaPath string, task *progress.Task) (*oldFile, error) {
	if olds.Layers != nil {
		if codec, err := format.CodecOfFile(new, new.Size()); err == nil && codec != format.Tar && o.Portable {
			return nil, fmt.Errorf("%s is a .%s: a portable delta for layers would contain all of it, since its compressed bytes are not in the layers; compare a .tar, or leave out --portable", new.Name, codec)
		}
		for _, path := range olds.Files {
			if there, err := os.Stat(path); err == nil {
				if same, err := os.Stat(deltaPath); err == nil && os.SameFile(there, same) {
					return nil, errOver(deltaPath, path)
				}
			}
		}
		return openLayers(ctx, olds.Layers, nil, deltaPath, task)
	}
	old, err := openOld(ctx, olds.Files)
	if err != nil {
		return nil, err
	}
	for _, f := range old.files {
		if err := errors.Join(notOver(deltaPath, f), sameCodec(f, new)); err != nil {
			old.Close()
			return nil, err
		}
	}
	return old, nil
}

// ofContent reports whether err says that content is damaged: the work was not interrupted, and no file failed.
func ofContent(ctx context.Context, err error) bool {
	return context.Cause(ctx) == nil && !errors.As(err, new(syscall.Errno))
}

// commit writes the delta to path, once it has tried it.
func (d *delta) commit(ctx context.Context, old *oldFile, new *format.File, path string, task *progress.Task) error {
	temp, err := atomicfile.Create(path, 0)
	if err != nil {
		return err
	}
	defer temp.Discard()
	if err := d.write(ctx, temp, new); err != nil {
		return err
	}
	if err := try(ctx, temp.Path(), path, d, old, task); err != nil {
		return fmt.Errorf("trying it: %w", err)
	}
	return temp.Commit()
}

// try applies the delta at path and discards the result.
func try(ctx context.Context, path, final string, d *delta, old io.ReaderAt, task *progress.Task) error {
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
	contents, err := written.makeContents(ctx, old, final)
	if err != nil {
		return err
	}
	defer contents.close()
	return written.rebuild(ctx, old, contents.made, io.Discard, io.Discard, task)
}

// Apply writes the file new from old, in any order, and the delta at path. It checks the
// delta, and then the SHA-256 of each file or layer of old, before it writes anything. The result is renamed to
// new, and replaces an existing file, once its SHA-256 is that of the file for which the delta was
// made. Each file of old may be split, and may be the same path as new. They and path may be URLs. No file
// that is written is larger than split, if that is not 0; see the package parts.
func Apply(ctx context.Context, old Olds, path, new string, split int64) (_ Result, err error) {
	task := progress.Start(ctx, "apply "+format.Base(path))
	defer func() { task.Done(err) }()
	d, err := apply(ctx, old, path, new, split, task)
	if err != nil {
		return Result{}, fmt.Errorf("applying delta %s: %w", redact.Text(path), err)
	}
	return d.result(), nil
}

func apply(ctx context.Context, olds Olds, deltaPath, newPath string, split int64, task *progress.Task) (*delta, error) {
	f, err := openNamed(ctx, deltaPath)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := readUsable(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := notOver(newPath, f); err != nil {
		return nil, err
	}
	given, old, err := d.openOld(ctx, olds, newPath, task)
	if err != nil {
		return nil, err
	}
	defer given.Close()
	contents, err := d.makeContents(ctx, old, newPath)
	if err != nil {
		return nil, err
	}
	defer contents.close()
	made, err := parts.Create(newPath, d.New.Size, split)
	if err != nil {
		return nil, err
	}
	defer made.Discard()
	w, err := made.OpenAt(0)
	if err != nil {
		return nil, err
	}
	err = d.rebuild(ctx, old, contents.made, w, w, task)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	// Windows cannot replace an open file.
	given.Close()
	return d, made.Commit(ctx)
}

// readUsable reads a delta that this program can apply.
func readUsable(ctx context.Context, f *format.File) (*delta, error) {
	d, err := readDelta(ctx, f, f.Size())
	if err != nil {
		return nil, cmp.Or(f.Err(), err)
	}
	return d, d.checkEncoders()
}

// fileID reads a file and returns its FileID.
func fileID(ctx context.Context, f *format.File, task *progress.Task) (FileID, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, streams.WithContext(ctx, task.Reader(io.NewSectionReader(f, 0, f.Size()))))
	if err != nil {
		return FileID{}, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	return FileID{format.Base(f.Name), n, hex.EncodeToString(sum.Sum(nil))}, nil
}

// openNamed opens a file, on disk or on a web server. Its errors name the file.
func openNamed(ctx context.Context, path string) (*format.File, error) {
	f, err := format.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", redact.Text(path), fileop.WithoutPath(err))
	}
	return f, nil
}

// notOver returns an error if writing to path would replace f, which is being read.
func notOver(path string, f *format.File) error {
	there, err := os.Stat(path)
	if err != nil {
		return nil // path does not exist
	}
	for _, file := range f.Files {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if os.SameFile(there, info) {
			return errOver(path, file.Name())
		}
	}
	return nil
}

func errOver(path, file string) error {
	return fmt.Errorf("%s would overwrite %s, which is read; choose another name", path, file)
}

// sameCodec returns an error for two archives of different codecs, which have no bytes in common.
func sameCodec(old, new *format.File) error {
	oldCodec, oldErr := format.CodecOfFile(old, old.Size())
	newCodec, newErr := format.CodecOfFile(new, new.Size())
	if oldErr == nil && newErr == nil && oldCodec != newCodec {
		return fmt.Errorf("%s is a .%s and %s a .%s, which have no bytes in common; compare archives of the same codec",
			old.Name, oldCodec, new.Name, newCodec)
	}
	return nil
}

package parts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// An Archive is an archive that is being written, as one file or in parts. Each byte is written once.
type Archive struct {
	// path is the path by which it can be read until it is committed, and final the one after that.
	path, final string
	size        int64
	// each is the size of all parts but the last one; 0 if there are no parts.
	each  int64
	files []*atomicfile.File
}

// Create creates an archive of size bytes. No file is larger than split, if that is not 0.
func Create(final string, size, split int64) (_ *Archive, err error) {
	a := &Archive{final: final, size: size}
	if split == 0 || size <= split {
		temp, err := atomicfile.Create(final, size)
		if err != nil {
			return nil, err
		}
		a.path, a.files = temp.Path(), []*atomicfile.File{temp}
		return a, nil
	}
	count := (size + split - 1) / split
	if count > format.MaxParts {
		return nil, fmt.Errorf("parts of %d bytes would be %d parts of %d bytes in all; at most %d are written, so let a part have %d bytes or more",
			split, count, size, format.MaxParts, (size+format.MaxParts-1)/format.MaxParts)
	}
	a.each = split
	defer func() {
		if err != nil {
			a.Discard()
		}
	}()
	// The temporary files are called like the parts of a temporary file, so that they can be read
	// before they are committed.
	fileop.SweepTemporary(final)
	f, err := os.CreateTemp(filepath.Dir(final), "."+filepath.Base(final)+".*.tmp.part001")
	if err != nil {
		return nil, err
	}
	a.path, _, _ = format.PartOf(f.Name())
	for n := 1; ; n++ {
		a.files = append(a.files, atomicfile.Adopt(f.Name(), format.PartPath(final, n)))
		if err := errors.Join(f.Truncate(min(split, size-int64(n-1)*split)), f.Close()); err != nil {
			return nil, err
		}
		if int64(n) == count {
			return a, nil
		}
		if f, err = os.OpenFile(format.PartPath(a.path, n+1), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, err
		}
	}
}

// Path returns the path by which the archive can be read until it is committed.
func (a *Archive) Path() string { return a.path }

// Size returns the size of the archive, in bytes.
func (a *Archive) Size() int64 { return a.size }

// Parts returns the final paths of the parts, or nil if there are no parts.
func (a *Archive) Parts() []string {
	if a.each == 0 {
		return nil
	}
	var parts []string
	for n := range a.files {
		parts = append(parts, format.PartPath(a.final, n+1))
	}
	return parts
}

// Checksums returns the final path of the file of digests, or "" if there are no parts.
func (a *Archive) Checksums() string {
	if a.each == 0 {
		return ""
	}
	return a.final + format.ChecksumsSuffix
}

// OpenAt opens the archive for writing at offset. Several goroutines may write at the same time.
func (a *Archive) OpenAt(offset int64) (io.WriteCloser, error) {
	if a.each == 0 {
		return a.files[0].OpenAt(offset)
	}
	return &writer{archive: a, next: int(offset / a.each), offset: offset % a.each}, nil
}

// A writer writes to one part after the other.
type writer struct {
	archive *Archive
	next    int   // index of the part after the open one
	offset  int64 // where to begin in that part
	file    *os.File
	room    int64 // left in the open part, in bytes
}

// part makes sure that a part with room is open.
func (w *writer) part() error {
	if w.room > 0 {
		return nil
	}
	if err := w.Close(); err != nil {
		return err
	}
	if w.next == len(w.archive.files) {
		return fmt.Errorf("more than the expected %d bytes were written", w.archive.size)
	}
	f, err := w.archive.files[w.next].OpenAt(w.offset)
	if err != nil {
		return err
	}
	w.file, w.room = f, w.archive.each-w.offset
	w.next, w.offset = w.next+1, 0
	return nil
}

func (w *writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if err := w.part(); err != nil {
			return written, err
		}
		n, err := w.file.Write(p[:min(int64(len(p)), w.room)])
		written, w.room, p = written+n, w.room-int64(n), p[n:]
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// ReadFrom copies each part on its own (io.ReaderFrom), so that the kernel copies from files.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{w}, r)
	}
	var written int64
	for limited.N > 0 {
		if err := w.part(); err != nil {
			return written, err
		}
		want := min(limited.N, w.room)
		n, err := w.file.ReadFrom(&io.LimitedReader{R: limited.R, N: want})
		written, limited.N, w.room = written+n, limited.N-n, w.room-n
		if err != nil || n < want {
			return written, err
		}
	}
	return written, nil
}

// Close closes the open part.
func (w *writer) Close() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	return f.Close()
}

// Commit gives the files their final names, and replaces an existing archive, whether it is one file or split.
//
// It removes the first part of a replaced archive first, and renames the first part last. So a split archive
// never looks complete while it is not, even if the process is killed.
func (a *Archive) Commit(ctx context.Context) error {
	if a.each == 0 {
		if err := a.files[0].Commit(); err != nil {
			return err
		}
		return format.RemoveParts(a.final, 0)
	}
	sums, err := a.sum(ctx)
	if err != nil {
		return fmt.Errorf("taking the digests of parts: %w", err)
	}
	defer sums.Discard()
	if err := fileop.RemoveIfThere(format.PartPath(a.final, 1)); err != nil {
		return err
	}
	if err := format.RemoveParts(a.final, len(a.files)); err != nil {
		return err
	}
	if err := sums.Commit(); err != nil {
		return err
	}
	for i := len(a.files) - 1; i >= 0; i-- {
		if err := a.files[i].Commit(); err != nil {
			return err
		}
	}
	return fileop.RemoveIfThere(a.final)
}

// sum writes the file of digests, without committing it.
func (a *Archive) sum(ctx context.Context) (_ *atomicfile.File, err error) {
	list, err := atomicfile.Create(a.Checksums(), 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			list.Discard()
		}
	}()
	var text []byte
	whole := sha256.New()
	for _, part := range a.files {
		f, err := regular.Open(part.Path())
		if err != nil {
			return nil, err
		}
		one := sha256.New()
		_, err = io.Copy(io.MultiWriter(one, whole), streams.WithContext(ctx, f))
		f.Close()
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%x  %s\n", one.Sum(nil), filepath.Base(part.Final()))
	}
	text = fmt.Appendf(text, "%x  %s\n", whole.Sum(nil), filepath.Base(a.final))
	w, err := list.OpenAt(0)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	return list, errors.Join(err, w.Close())
}

// Discard removes the temporary files. After commit it does nothing.
func (a *Archive) Discard() {
	for _, t := range a.files {
		t.Discard()
	}
}

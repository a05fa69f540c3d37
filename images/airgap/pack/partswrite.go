package pack

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

// A spool is a file that is being written, in parts if it is larger than one may
// be. Each byte is written once, into its part.
type spool struct {
	// path is where it can be read before it is committed; final is where it will
	// be.
	path, final string
	size        int64
	// each is the size of all parts but the last; 0 if there are none.
	each  int64
	files []*atomicfile.File
}

// newSpool creates a file of size bytes, for which there must be room. If split is
// not 0, no file gets more bytes than that.
func newSpool(final string, size, split int64) (_ *spool, err error) {
	s := &spool{final: final, size: size}
	if split == 0 || size <= split {
		temp, err := atomicfile.Create(final, size)
		if err != nil {
			return nil, err
		}
		s.path, s.files = temp.Path(), []*atomicfile.File{temp}
		return s, nil
	}
	count := (size + split - 1) / split
	if count > format.MaxParts {
		return nil, fmt.Errorf("parts of %d bytes would be %d parts of %d bytes in all; at most %d are written, so let a part have %d bytes or more",
			split, count, size, format.MaxParts, (size+format.MaxParts-1)/format.MaxParts)
	}
	s.each = split
	defer func() {
		if err != nil {
			s.discard()
		}
	}()
	// The temporary parts have the names of parts of one temporary file, so that
	// they can be read before they are committed.
	fileop.SweepTemporary(final)
	f, err := os.CreateTemp(filepath.Dir(final), "."+filepath.Base(final)+".*.tmp.part001")
	if err != nil {
		return nil, err
	}
	s.path, _, _ = format.PartOf(f.Name())
	for n := 1; ; n++ {
		s.files = append(s.files, atomicfile.Adopt(f.Name(), format.PartPath(final, n)))
		if err := errors.Join(f.Truncate(min(split, size-int64(n-1)*split)), f.Close()); err != nil {
			return nil, err
		}
		if int64(n) == count {
			return s, nil
		}
		if f, err = os.OpenFile(format.PartPath(s.path, n+1), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, err
		}
	}
}

// parts are the files that there will be, or nil if there is one alone.
func (s *spool) parts() []string {
	if s.each == 0 {
		return nil
	}
	var parts []string
	for n := range s.files {
		parts = append(parts, format.PartPath(s.final, n+1))
	}
	return parts
}

// checksums is the file of the digests of parts, or empty if there are none.
func (s *spool) checksums() string {
	if s.each == 0 {
		return ""
	}
	return s.final + format.ChecksumsSuffix
}

// at opens the file for writing at offset. Several may write at once, in places of
// their own.
func (s *spool) at(offset int64) (io.WriteCloser, error) {
	if s.each == 0 {
		return s.files[0].OpenAt(offset)
	}
	return &spoolWriter{spool: s, next: int(offset / s.each), offset: offset % s.each}, nil
}

// A spoolWriter writes one part after the other.
type spoolWriter struct {
	spool  *spool
	next   int   // the part after the one that is open
	offset int64 // where in that part to begin
	file   *os.File
	room   int64 // in the part that is open
}

// part makes sure that a part is open which has room. What is written at the end
// of a part, if anything, belongs to the next one.
func (w *spoolWriter) part() error {
	if w.room > 0 {
		return nil
	}
	if err := w.Close(); err != nil {
		return err
	}
	if w.next == len(w.spool.files) {
		return fmt.Errorf("more than the expected %d bytes were written", w.spool.size)
	}
	f, err := w.spool.files[w.next].OpenAt(w.offset)
	if err != nil {
		return err
	}
	w.file, w.room = f, w.spool.each-w.offset
	w.next, w.offset = w.next+1, 0
	return nil
}

func (w *spoolWriter) Write(p []byte) (int, error) {
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

// ReadFrom hands each part what it takes (io.ReaderFrom), so that what comes from a
// file is copied by the kernel, as it is into one file.
func (w *spoolWriter) ReadFrom(r io.Reader) (int64, error) {
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

// Close closes the part that is open.
func (w *spoolWriter) Close() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	return f.Close()
}

// commit gives the files their final names, in place of what is there under them,
// be it a file or parts.
//
// The first part is the last to get its name, and that of an earlier split the
// first to go: whatever ends the program meanwhile, there is never a file in parts
// that looks whole and is not.
func (s *spool) commit(ctx context.Context) error {
	if s.each == 0 {
		if err := s.files[0].Commit(); err != nil {
			return err
		}
		return format.RemoveParts(s.final, 0)
	}
	sums, err := s.sum(ctx)
	if err != nil {
		return fmt.Errorf("taking the digests of parts: %w", err)
	}
	defer sums.Discard()
	if err := fileop.RemoveIfThere(format.PartPath(s.final, 1)); err != nil {
		return err
	}
	if err := format.RemoveParts(s.final, len(s.files)); err != nil {
		return err
	}
	if err := sums.Commit(); err != nil {
		return err
	}
	for i := len(s.files) - 1; i >= 0; i-- {
		if err := s.files[i].Commit(); err != nil {
			return err
		}
	}
	return fileop.RemoveIfThere(s.final)
}

// sum writes the digests of the parts and of the whole.
func (s *spool) sum(ctx context.Context) (_ *atomicfile.File, err error) {
	list, err := atomicfile.Create(s.checksums(), 0)
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
	for _, part := range s.files {
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
	text = fmt.Appendf(text, "%x  %s\n", whole.Sum(nil), filepath.Base(s.final))
	w, err := list.OpenAt(0)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	return list, errors.Join(err, w.Close())
}

// discard removes the files, unless they were committed.
func (s *spool) discard() {
	for _, t := range s.files {
		t.Discard()
	}
}

package airgap

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

// A scanner reads the headers of a tar, one after the other.
type scanner struct {
	tar *tar.Reader
	// pos returns how much of the tar was read. end is the end of the last file.
	pos func() int64
	end int64
	// entries is the number of entries that were read.
	entries int
	rest    io.Reader // what follows pos
	close   func()
	// cancelled returns the cause of the context of the current call of next.
	cancelled func() error
}

func (a *Archive) newScanner() (*scanner, error) {
	if a.codec == format.Tar {
		section := io.NewSectionReader(a.file, 0, a.size)
		return &scanner{
			// tar.Reader seeks over content.
			tar: tar.NewReader(section),
			pos: func() int64 {
				n, _ := section.Seek(0, io.SeekCurrent)
				return n
			},
			rest:  section,
			close: func() {},
		}, nil
	}
	c, err := a.newCursor(0, a.size, 0)
	if err != nil {
		return nil, err
	}
	s := &scanner{pos: func() int64 { return c.pos }, close: func() { c.r.Close() }}
	s.rest = streams.Func(func(p []byte) (int, error) {
		if err := s.cancelled(); err != nil {
			return 0, err
		}
		n, err := c.r.Read(p)
		c.pos += int64(n)
		return n, err
	})
	s.tar = tar.NewReader(s.rest)
	return s, nil
}

// next finds one more file of a, whose lock is held. At the end of the tar it removes the scanner from a.
func (s *scanner) next(ctx context.Context, a *Archive) error {
	s.cancelled = func() error { return context.Cause(ctx) }
	if err := s.cancelled(); err != nil {
		return err
	}
	h, err := s.tar.Next()
	if err == io.EOF {
		err := s.finish()
		a.scanner = nil
		if cancelled := s.cancelled(); cancelled != nil {
			return cancelled
		}
		if len(a.entries) == 0 {
			return errors.New("it is an empty tar")
		}
		if err != nil {
			progress.Warn(ctx, fmt.Sprintf("archive %s: %v", a.path, err))
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("after %d files: %w", len(a.entries), streams.NoEOF(err))
	}
	if err := format.CheckName(h.Name); err != nil && h.Typeflag != tar.TypeXGlobalHeader {
		return err
	}
	s.entries++
	s.end = s.pos() + format.BodySize(h)
	m := file{Entry: format.Entry{Name: format.CleanName(h.Name), Offset: s.pos(), Size: h.Size}}
	if format.IsSparse(h) {
		m.sparse = s.entries
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
	case tar.TypeSymlink:
		// Old versions of docker save make a link for a layer that several images have.
		m.link = format.LinkTarget(m.Name, h.Linkname)
	case tar.TypeLink:
		m.link = format.CleanName(h.Linkname)
	default: // a folder
		if err := format.CheckType(m.Name, h.Typeflag); err != nil {
			progress.Warn(ctx, fmt.Sprintf("archive %s: %v", a.path, err))
		}
		return nil
	}
	if m.link != "" {
		if before, ok := a.known(m.Name); ok {
			before.differs = before.differs || before.link != m.link
			return nil
		}
		return a.add(m)
	}
	head := make([]byte, min(h.Size, sniff.HeadLen))
	if _, err := io.ReadFull(s.tar, head); err != nil {
		return fmt.Errorf("file %q: %w", m.Name, streams.NoEOF(err))
	}
	m.compression = sniff.CompressionOf(head)
	content, err := s.keep(m, head)
	if err != nil {
		return fmt.Errorf("file %q: %w", m.Name, streams.NoEOF(err))
	}
	if before, ok := a.known(m.Name); ok {
		a.again(before, m, head, content)
		return nil
	}
	if err := a.add(m); err != nil {
		return err
	}
	if content != nil {
		a.passed.small.put(m.Name, content)
	}
	return nil
}

// finish reads to the end of the archive. Its error does not affect files; verify calls it a problem.
func (s *scanner) finish() error {
	defer s.close()
	tail, buf := int64(0), make([]byte, 64<<10)
	for {
		n, err := s.rest.Read(buf)
		tail += int64(n - bytes.Count(buf[:n], []byte{0}))
		switch {
		case err == io.EOF && tail > 0:
			return format.TailError(tail)
		case err == io.EOF && s.pos() < s.end+format.TarEnd:
			return format.ErrNoEnd
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("after the end of the tar: %w", streams.NoEOF(err))
		}
	}
}

// known returns the file with a name that was found before. a.mu is held.
func (a *Archive) known(name string) (*file, bool) {
	i, ok := a.byName[name]
	if !ok {
		return nil, false
	}
	return &a.entries[i], true
}

// again handles a file with a name that was found before. A copy is accepted: RKE2 puts a second manifest.json
// in front, and Bazel writes a layer once for each image. JSON files are compared. Other files of the same size
// are taken for copies; they are layers, whose digests are verified when they are read.
func (a *Archive) again(before *file, m file, head, content []byte) {
	first, kept := a.passed.small.get(m.Name)
	if before.link != "" || before.Size != m.Size || format.MayBeJSON(head) && (!kept || content == nil || !bytes.Equal(first, content)) {
		before.differs = true
	}
}

// keptJSON is the size of the largest JSON file that is kept, in bytes. Without it, an archive that is not
// seekable would be read again from its beginning.
const keptJSON = 4 << 20

// keep returns the content of a file that may be JSON and is not too large, or nil.
func (s *scanner) keep(m file, head []byte) ([]byte, error) {
	if !format.MayBeJSON(head) || m.Size > keptJSON {
		return nil, nil
	}
	content := bytes.NewBuffer(append(make([]byte, 0, m.Size), head...))
	if _, err := io.Copy(content, s.tar); err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}

package airgap

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// A scanner goes through the headers of a tar, one after the other.
type scanner struct {
	tar *tar.Reader
	// pos is how much of the tar has been read.
	pos   func() int64
	close func()
	// cancelled says whether the call of next that is under way should end.
	cancelled func() error
}

func (a *Archive) newScanner() (*scanner, error) {
	if a.codec == format.Tar {
		section := io.NewSectionReader(a.file, 0, a.size)
		return &scanner{
			// It seeks over bodies.
			tar: tar.NewReader(section),
			pos: func() int64 {
				n, _ := section.Seek(0, io.SeekCurrent)
				return n
			},
			close: func() {},
		}, nil
	}
	c, err := a.newCursor(0, a.size, 0)
	if err != nil {
		return nil, err
	}
	s := &scanner{pos: func() int64 { return c.pos }, close: func() { c.r.Close() }}
	s.tar = tar.NewReader(streams.Func(func(p []byte) (int, error) {
		if err := s.cancelled(); err != nil {
			return 0, err
		}
		n, err := c.r.Read(p)
		c.pos += int64(n)
		return n, err
	}))
	return s, nil
}

// next makes one more file known to a, whose lock is held. At the end it takes
// itself away.
func (s *scanner) next(ctx context.Context, a *Archive) error {
	s.cancelled = func() error { return context.Cause(ctx) }
	if err := s.cancelled(); err != nil {
		return err
	}
	h, err := s.tar.Next()
	if err == io.EOF {
		s.close()
		a.scanner = nil
		if len(a.entries) == 0 {
			return fmt.Errorf("it is an empty tar")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("after %d files: %w", len(a.entries), streams.NoEOF(err))
	}
	m := member{Entry: format.Entry{Name: format.CleanName(h.Name), Offset: s.pos(), Size: h.Size}}
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeSymlink:
		// Old versions of docker save link layers that several images share.
		m.link = format.LinkTarget(m.Name, h.Linkname)
	case tar.TypeLink:
		m.link = format.CleanName(h.Linkname)
	default:
		return nil // folders are of no interest, and nothing else belongs here
	}
	if m.link != "" {
		if before, ok := a.known(m.Name); ok && before.link == m.link {
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
		return a.again(before, m, head, content)
	}
	if err := a.add(m); err != nil {
		return err
	}
	if content != nil {
		a.passed.small.put(m.Name, content)
	}
	return nil
}

// known is the file that was found under a name before. a.mu is held.
func (a *Archive) known(name string) (member, bool) {
	i, ok := a.byName[name]
	if !ok {
		return member{}, false
	}
	return a.entries[i], true
}

// again decides about a file whose name was seen before. The same content twice is
// accepted: RKE2 puts manifest.json first and leaves the one behind it, and Bazel
// writes a layer once for each image. The content of JSON files is compared here.
// Other files of one size may differ; they are layers, which are verified by their
// digests when they are read.
func (a *Archive) again(before, m member, head, content []byte) error {
	first, kept := a.passed.small.get(m.Name)
	if before.link != "" || before.Size != m.Size || format.MayBeJSON(head) && (!kept || content == nil || !bytes.Equal(first, content)) {
		return format.DuplicateError(m.Name)
	}
	return nil
}

// keptJSON is the largest JSON file that a scanner keeps: in an archive that cannot be
// sought in, coming back to it means to begin again.
const keptJSON = 4 << 20

// keep reads a file that may be one of the archive's JSON files.
func (s *scanner) keep(m member, head []byte) ([]byte, error) {
	if !format.MayBeJSON(head) || m.Size > keptJSON {
		return nil, nil
	}
	content := bytes.NewBuffer(append(make([]byte, 0, m.Size), head...))
	if _, err := io.Copy(content, s.tar); err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}

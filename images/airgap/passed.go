package airgap

import (
	"context"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/slipway-build/slipway/internal/streams"
)

const (
	// smallFile is the size of the largest file that is kept, in bytes: a manifest, a config, or a
	// layer that shares a frame with many other ones.
	smallFile = 1 << 20
	// smallTotal is the size of all files that are kept of one archive, in bytes.
	smallTotal = 64 << 20
)

// passed keeps the small files of a compressed archive that were decompressed on the way to another file.
// Thousands of manifests and configs share a frame. Without it, the frame would be decompressed from its
// beginning for each of them.
type passed struct {
	mu sync.Mutex // held while the cursor moves
	// cursor is after the last file that was read, or nil.
	cursor *cursor
	small  smallFiles
}

// read returns the content of a small file of a compressed archive. The caller must not change it.
func (p *passed) read(ctx context.Context, a *Archive, m file) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if content, ok := p.small.get(m.Name); ok {
		return content, nil
	}
	if err := p.approach(a, m); err != nil {
		return nil, err
	}
	content, err := p.advance(ctx, a, m)
	if err != nil {
		p.close()
		return nil, err
	}
	return content, nil
}

// approach makes sure that the cursor can reach m.
func (p *passed) approach(a *Archive, m file) error {
	begin, _, pos, err := a.runOf(m)
	if err != nil {
		return err
	}
	if p.cursor != nil && a.onTheWay(p.cursor, m, pos) {
		return nil
	}
	p.close()
	p.cursor, err = a.newCursor(begin, a.end(), pos)
	return err
}

// advance reads to the end of m, and keeps the small files on the way.
func (p *passed) advance(ctx context.Context, a *Archive, m file) (content []byte, err error) {
	for _, next := range a.filesFrom(p.cursor.pos, m) {
		if next.Size > smallFile || next.sparse > 0 {
			continue
		}
		content = make([]byte, next.Size)
		err = a.reach(ctx, p.cursor, next, next.Offset)
		if err == nil {
			_, err = io.ReadFull(p.cursor.r, content)
		}
		if err != nil {
			if next.Name != m.Name {
				err = fmt.Errorf("file %q before it: %w", next.Name, streams.NoEOF(err))
			}
			return nil, streams.NoEOF(err)
		}
		p.cursor.pos += next.Size
		p.small.put(next.Name, content)
	}
	return content, nil
}

// close closes the cursor.
func (p *passed) close() {
	if p.cursor != nil {
		p.cursor.r.Close()
		p.cursor = nil
	}
}

// forget discards everything.
func (p *passed) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
	p.small.clear()
}

// filesFrom returns the files from offset pos of the tar up to m, in order.
func (a *Archive) filesFrom(pos int64, m file) []file {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := sort.Search(len(a.entries), func(i int) bool { return a.headerOf(a.entries[i]) >= pos })
	var list []file
	for _, next := range a.entries[first:] {
		if next.Offset > m.Offset {
			break
		}
		if next.link == "" {
			list = append(list, next)
		}
	}
	return list
}

// smallFiles keeps files by name, up to smallTotal bytes.
type smallFiles struct {
	mu    sync.Mutex
	files map[string][]byte
	order []string // names in the order of put
	bytes int64
}

func (s *smallFiles) get(name string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.files[name]
	return content, ok
}

// put adds a file, and removes the oldest ones to make room.
func (s *smallFiles) put(name string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[name]; ok {
		return
	}
	if s.files == nil {
		s.files = map[string][]byte{}
	}
	s.files[name] = content
	s.order = append(s.order, name)
	s.bytes += int64(len(content))
	for s.bytes > smallTotal {
		s.bytes -= int64(len(s.files[s.order[0]]))
		delete(s.files, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *smallFiles) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files, s.order, s.bytes = nil, nil, 0
}

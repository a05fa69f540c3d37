package content

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"io"
	"path"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/gearhash"
	"github.com/slipway-build/slipway/internal/streams"
)

// A member is a file in a layer.
type member struct {
	path   string // clean; empty for a part that is not a tar
	body   Range
	sum    [sha256.Size]byte
	sketch sketch
}

// maxMembers is the maximum number of members of a content. The bytes after them resemble nothing. It bounds the
// memory, of which a member needs about 400 bytes.
const maxMembers = 1 << 20

// A sketch has the smallest hashes of the content of a member (Broder, "On the resemblance and containment of
// documents", 1997), in ascending order. The more two members have in common, the more hashes they share.
type sketch []uint32

const (
	// sketchSize is the maximum number of hashes of a sketch.
	sketchSize = 48
	// sketched is the number of bytes for each of which a sketch has a hash, and minSketch what it has at least.
	sketched  = 512
	minSketch = 4
)

// members returns the members of a part of a content, in their order. A tar that is damaged ends with its last
// valid member.
func members(ctx context.Context, content io.ReaderAt, part Part, room int) ([]member, error) {
	buf := make([]byte, 32<<10)
	in := &counter{r: streams.WithContext(ctx, io.NewSectionReader(content, part.At, part.Size))}
	if !part.Layer {
		m := member{body: part.Range}
		err := m.read(in, buf)
		return []member{m}, err
	}
	var all []member
	for t := tar.NewReader(in); len(all) < room; {
		h, err := t.Next()
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err != nil {
			break // the end, or damage
		}
		if h.Typeflag != tar.TypeReg || h.Size == 0 || format.IsSparse(h) || h.Size > part.Size-in.n {
			continue
		}
		m := member{path: path.Clean("/" + h.Name), body: Range{part.At + in.n, h.Size}}
		if err := m.read(t, buf); err != nil {
			break
		}
		all = append(all, m)
	}
	return all, context.Cause(ctx)
}

// A counter counts the bytes that are read. It hides that r can seek, so that the count is the position of archive/tar.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// read reads the body of the member. buf is scratch space.
func (m *member) read(r io.Reader, buf []byte) error {
	var (
		sum  = sha256.New()
		hash uint64
		at   int64
		most = int(min(max(m.body.Size/sketched, minSketch), sketchSize))
	)
	for {
		n, err := r.Read(buf)
		sum.Write(buf[:n])
		for i, b := range buf[:n] {
			hash = gearhash.Roll(hash, b)
			if at+int64(i) >= gearhash.Window-1 {
				m.sketch.add(uint32(hash>>32), most)
			}
		}
		at += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	sum.Sum(m.sum[:0])
	m.sketch = slices.Clip(m.sketch)
	return nil
}

// add adds a hash if it is one of the smallest, of which there are at most most.
func (s *sketch) add(hash uint32, most int) {
	full := len(*s) == most
	if full && hash >= (*s)[most-1] {
		return
	}
	i, found := slices.BinarySearch(*s, hash)
	if found {
		return
	}
	if full {
		*s = (*s)[:most-1]
	}
	*s = slices.Insert(*s, i, hash)
}

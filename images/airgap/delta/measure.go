package delta

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// A Measurement says how large a delta is, and what its bytes are for.
type Measurement struct {
	Result
	// Added has the added bytes, by the parts of the file NEW that they are. Compressed bytes are divided among the
	// parts of a block of the compressor in proportion to their sizes.
	Added []Share
	// Patched has the patches, by the parts of the tar of NEW that they make. A patch is divided among parts in
	// proportion to their sizes.
	Patched []Share
	// Rest is the number of all other bytes: the recipe, the head and the digest.
	Rest int64
}

// A Share is bytes of a delta for a part of NEW.
type Share struct {
	At, Size int64 // of the part
	Bytes    int64 // of the delta
}

// Measure makes the delta that Write would write, and returns its exact size. It does not write the delta, and does not
// try it. It needs the temporary files that Write needs, in the folder for temporary files.
func Measure(ctx context.Context, old Olds, new string, opts Options) (_ Measurement, err error) {
	task := progress.Start(ctx, "measure the delta of "+format.Base(new))
	defer func() { task.Done(err) }()
	dir, err := os.MkdirTemp("", "slipway-measure-*")
	if err != nil {
		return Measurement{}, err
	}
	defer func() { err = errors.Join(err, fileop.RemoveAll(dir)) }()
	m := &meter{}
	d, err := diff(ctx, old, new, filepath.Join(dir, "delta"), opts, task, func(d *delta, _ *oldFile, new *format.File) error {
		*m = meter{new: new}
		if err := d.encode(ctx, m, new, m); err != nil {
			return err
		}
		m.charge()
		task.Add(int(new.Size())) // Write would try the delta
		return nil
	})
	if err != nil {
		return Measurement{}, fmt.Errorf("measuring the delta of %s: %w", redact.Text(new), err)
	}
	d.size = m.written
	out := Measurement{Result: d.result(), Added: m.added, Patched: d.patched(), Rest: m.written}
	for _, s := range slices.Concat(out.Added, out.Patched) {
		out.Rest -= s.Bytes
	}
	return out, nil
}

// A meter counts the bytes of a delta, and learns for which parts of NEW they are from the order in which NEW is read.
type meter struct {
	new     *format.File
	written int64
	// read are the parts that were read since charged bytes were written.
	read    []Share
	charged int64
	added   []Share
}

func (m *meter) Write(p []byte) (int, error) {
	m.written += int64(len(p))
	return len(p), nil
}

func (m *meter) ReadAt(p []byte, offset int64) (int, error) {
	m.charge()
	n, err := m.new.ReadAt(p, offset)
	m.read = append(m.read, Share{At: offset, Size: int64(n)})
	return n, err
}

// charge divides the bytes that were written since the last time among the parts that were read.
func (m *meter) charge() {
	if m.written == m.charged {
		return
	}
	m.added = append(m.added, Divide(m.written-m.charged, m.read)...)
	m.read, m.charged = nil, m.written
}

// Divide divides bytes among parts, in proportion to their sizes, and leaves out parts without bytes. The shares add up
// to size, unless there are none.
func Divide(size int64, parts []Share) []Share {
	var total int64
	for _, p := range parts {
		total += p.Size
	}
	var out []Share
	var done, before int64
	for _, p := range parts {
		done += p.Size
		if p.Size == 0 {
			continue
		}
		high, low := bits.Mul64(uint64(size), uint64(done))
		now, _ := bits.Div64(high, low, uint64(total))
		out = append(out, Share{p.At, p.Size, int64(now) - before})
		before = int64(now)
	}
	return out
}

// patched returns the patches by parts of the tar of NEW.
func (d *delta) patched() (all []Share) {
	var (
		begin, end int64 // of the step, in the content of NEW
		done       int64 // the end of the last run that was made
		next       int   // the run after it
	)
	for _, s := range d.Content {
		begin, end = end, end+s.Size
		var parts, sizes []Share
		for next < len(d.Made) && done < end {
			m := d.Made[next]
			to := min(end, m.From+m.Content)
			part := Share{At: m.tar, Size: m.Content} // for the window of the run
			if from := max(begin, m.From); from < to {
				part = Share{At: m.tar + from - m.From, Size: to - from}
			}
			parts, sizes = append(parts, part), append(sizes, Share{Size: to - max(begin, done)})
			if m.From+m.Content > end {
				break
			}
			done = m.From + m.Content
			next++
		}
		if s.Patch == 0 {
			continue
		}
		for i, share := range Divide(s.Patch, sizes) {
			parts[i].Bytes = share.Bytes
		}
		all = append(all, parts...)
	}
	return all
}

package verify

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/streams"
	"github.com/slipway-build/slipway/progress"
)

const (
	// aloneSize is the size of the smallest file that is read in a goroutine of its own, in bytes.
	aloneSize = 64 << 10
	// parallelWindow is the largest zstd window of layers that are read in parallel, in bytes. Larger ones are not common,
	// and would take too much memory.
	parallelWindow = 8 << 20
	// At most maxFiles files, or maxFrames zstd frames with windows of format.MaxWindow, are read at a time. That bounds memory.
	maxFiles  = 16
	maxFrames = 4
)

// errUnusual is the error for an archive that cannot be read in parallel.
var errUnusual = errors.New("it has to be read from its beginning")

// inParallel reads an archive on all cores: the files of a plain tar, or the frames of an index. It returns the same as
// pass. If anything is wrong with the archive, or if it cannot be read in parallel, it returns nil without an error, so
// that the report does not depend on the order of goroutines.
func (r *Report) inParallel(ctx context.Context, f io.ReaderAt, idx *format.Index, sum bool, task *progress.Task) (*contents, error) {
	if r.Codec != format.Tar && (idx == nil || len(idx.Frames) == 0) {
		return nil, nil
	}
	c := newContents()
	group, groupCtx := errgroup.WithContext(ctx)
	p := &parallelPass{report: r, file: f, task: task, readers: min(runtime.GOMAXPROCS(0), maxFiles)}
	if r.Codec == format.Zstd {
		p.readers = min(p.readers, maxFrames)
	}
	group.Go(func() error {
		if r.Codec == format.Tar {
			return p.readFiles(groupCtx, c)
		}
		return p.readFrames(groupCtx, idx, c)
	})
	if sum {
		group.Go(func() error {
			whole := sha256.New()
			_, err := io.CopyBuffer(whole, streams.WithContext(groupCtx, io.NewSectionReader(f, 0, r.Size)), make([]byte, copyBuffer))
			c.sum = hex.EncodeToString(whole.Sum(nil))
			return err
		})
	}
	if group.Wait() != nil {
		return nil, context.Cause(ctx)
	}
	return c, nil
}

// A parallelPass reads an archive in several goroutines.
type parallelPass struct {
	report  *Report
	file    io.ReaderAt
	task    *progress.Task
	readers int // number of goroutines
}

// isLarge reports whether a file or a frame is so large a part of an archive that other readers would wait for it.
func (p *parallelPass) isLarge(size, all int64) bool { return size > all/int64(p.readers) }

// section returns a reader of a part of the archive.
func (p *parallelPass) section(ctx context.Context, offset, size int64) io.Reader {
	return streams.WithContext(ctx, p.task.Reader(io.NewSectionReader(p.file, offset, size)))
}

// A walker reads the headers and the small files of a plain tar. It skips other files by seeking, as tar.Reader does.
type walker struct {
	*io.SectionReader
	counted io.Reader // reads from the same place
}

func (w *walker) Read(p []byte) (int, error) { return w.counted.Read(p) }

// Offset implements tarSource.
func (w *walker) Offset() int64 {
	at, _ := w.Seek(0, io.SeekCurrent) // which does not fail
	return at
}

// readFiles reads a plain tar.
func (p *parallelPass) readFiles(ctx context.Context, c *contents) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.readers)
	w := &walker{SectionReader: io.NewSectionReader(p.file, 0, p.report.Size)}
	w.counted = streams.WithContext(ctx, p.task.Reader(w.SectionReader))
	err := c.readTar(w, func(file *content, h *tar.Header, body io.Reader) error {
		if file.Size < aloneSize || h.Typeflag != tar.TypeReg || format.IsSparse(h) || file.Name == proof.StatementFile {
			return c.readFile(file, h, body)
		}
		how := c.how(file)
		how.parallel, how.ahead = true, p.isLarge(file.Size, p.report.Size)
		group.Go(func() error { return file.read(p.section(ctx, file.Offset, file.Size), how) })
		return nil
	})
	if err != nil {
		group.Go(func() error { return err }) // which ends the others
	}
	return group.Wait()
}

// readFrames reads the frames of an archive. Each has whole files.
func (p *parallelPass) readFrames(ctx context.Context, idx *format.Index, c *contents) error {
	decoders := make(chan *frameReader, p.readers)
	for range p.readers {
		d := &frameReader{codec: p.report.Codec, shared: true}
		defer d.Close()
		decoders <- d
	}
	parts := make([]*contents, len(idx.Frames))
	for i := range parts {
		parts[i] = newContents()
		parts[i].json = c.json
	}
	read := func(ctx context.Context, i int) error {
		d := <-decoders
		defer func() { decoders <- d }()
		return p.readFrame(ctx, d, idx, i, parts[i])
	}
	// The statement says which files after it are not kept.
	statement := frameOf(idx, proof.StatementFile)
	if statement >= 0 {
		if err := read(ctx, statement); err != nil {
			return err
		}
		for _, part := range parts[statement+1:] {
			part.unread = parts[statement].unread
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.readers)
	for i := range parts {
		if i != statement {
			group.Go(func() error { return read(ctx, i) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.join(parts, statement)
}

// frameOf returns the number of the frame that has a file by the index, or -1.
func frameOf(idx *format.Index, name string) int {
	i := slices.IndexFunc(idx.Entries, func(e format.Entry) bool { return e.Name == name })
	if i < 0 {
		return -1
	}
	return slices.IndexFunc(idx.Frames, func(s format.Span) bool { return idx.Entries[i].Offset < s.TarOffset+s.TarSize })
}

// readFrame reads frame i into part.
func (p *parallelPass) readFrame(ctx context.Context, d *frameReader, idx *format.Index, i int, part *contents) error {
	span, last := idx.Frames[i], idx.Frames[len(idx.Frames)-1]
	all := last.TarOffset + last.TarSize
	d.begin(p.section(ctx, span.Offset, span.Size), idx.Frames[i:i+1], i)
	decoded := io.NopCloser(d)
	if p.isLarge(span.TarSize, all) {
		decoded = streams.ReadAhead(decoded)
	}
	defer decoded.Close()
	return part.readTar(&countedReader{decoded, span.TarOffset}, func(file *content, _ *tar.Header, body io.Reader) error {
		how := part.how(file)
		how.parallel, how.ahead = true, p.isLarge(file.Size, all)
		return part.readAs(file, body, how)
	})
}

// join adds the files of frames, of which one has the statement of the proof. It returns errUnusual if the frames, read
// one after the other, would have other files.
func (c *contents) join(parts []*contents, statement int) error {
	for i, part := range parts {
		if part.size != part.end && i < len(parts)-1 {
			return errUnusual // the tar ends, or the last file goes on in the next frame
		}
		for _, f := range part.files {
			if f.Name == proof.StatementFile && i != statement {
				return errUnusual
			}
			if err := c.add(f); err != nil {
				return err
			}
		}
	}
	last := parts[len(parts)-1]
	c.size, c.end, c.tail, c.noEnd = last.size, last.end, last.tail, last.noEnd
	return nil
}

package airgap

import (
	"bytes"
	"context"
	"io"
	"os"
)

// A frame is a run of whole files of the tar (header, body, padding), compressed
// so that it can be decoded without what is before it. An archive is a sequence
// of frames.
type frame struct {
	// chunks are the compressed bytes, in order.
	chunks []chunk
	// entries are the files, with offsets from the beginning of the
	// uncompressed frame, whose size is tarSize.
	entries []entry
	tarSize int64
}

// A chunk is a piece of an archive whose size is known before it is written.
type chunk struct {
	size int64
	// copy writes the chunk to w.
	copy func(ctx context.Context, w io.Writer) error
}

func (f frame) size() int64 {
	var n int64
	for _, c := range f.chunks {
		n += c.size
	}
	return n
}

// bytesChunk is a chunk in memory.
func bytesChunk(b []byte) chunk {
	return chunk{size: int64(len(b)), copy: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}
}

// fileChunk is a whole file.
func fileChunk(path string) (chunk, error) {
	info, err := os.Stat(path)
	if err != nil {
		return chunk{}, err
	}
	size := info.Size()
	return chunk{size: size, copy: func(ctx context.Context, w io.Writer) error {
		r, err := os.Open(path)
		if err != nil {
			return err
		}
		defer r.Close()
		return copyFile(ctx, w, r, size)
	}}, nil
}

// copyStep is how much is copied between two looks at the context.
const copyStep = 64 << 20

// copyFile copies size bytes of a file to w. On Linux, where w is a file or
// spread over several, this is copy_file_range, which neither side's bytes leave
// the kernel for, and which shares blocks where the file system can.
func copyFile(ctx context.Context, w io.Writer, r *os.File, size int64) error {
	for size > 0 {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := io.CopyN(w, r, min(size, copyStep))
		size -= n
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// smallFrame frames files that are in memory; compress makes a frame of bytes.
func smallFrame(files []file, compress func([]byte) ([]byte, error)) (frame, error) {
	var (
		f frame
		b bytes.Buffer
	)
	for _, file := range files {
		header, err := tarHeader(file.name, int64(len(file.content)))
		if err != nil {
			return frame{}, err
		}
		b.Write(header)
		f.entries = append(f.entries, entry{Name: file.name, Offset: int64(b.Len()), Size: int64(len(file.content))})
		b.Write(file.content)
		b.Write(zeros[:padding(int64(len(file.content)))])
	}
	return finishSmall(f, b.Bytes(), compress)
}

// endFrame frames the end of the tar.
func endFrame(compress func([]byte) ([]byte, error)) (frame, error) {
	return finishSmall(frame{}, zeros[:], compress)
}

func finishSmall(f frame, content []byte, compress func([]byte) ([]byte, error)) (frame, error) {
	compressed, err := compress(content)
	if err != nil {
		return frame{}, err
	}
	f.tarSize = int64(len(content))
	f.chunks = []chunk{bytesChunk(compressed)}
	return f, nil
}

// describe fills in the entries of a frame of layers, and its tarSize.
func describe(run []layer) (frame, [][]byte, error) {
	var (
		f       frame
		headers [][]byte
	)
	for _, l := range run {
		header, err := tarHeader(l.name(), l.size)
		if err != nil {
			return frame{}, nil, err
		}
		headers = append(headers, header)
		f.tarSize += int64(len(header))
		f.entries = append(f.entries, entry{Name: l.name(), Offset: f.tarSize, Size: l.size})
		f.tarSize += l.size + padding(l.size)
	}
	return f, headers, nil
}

package delta

import (
	"archive/tar"
	"context"
	"io"
	"path"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// A layout says where the files of an archive are. A plain tar is one frame.
type layout struct {
	file    *format.File
	codec   format.Codec
	frames  []format.Span
	entries []format.Entry
}

// layoutOf returns the layout of an archive, or nil if f is not one, or has no index.
func layoutOf(ctx context.Context, f *format.File) *layout {
	codec, err := format.CodecOfFile(f, f.Size())
	if err != nil {
		return nil
	}
	if codec == format.Tar {
		return &layout{f, codec, []format.Span{{Size: f.Size(), TarSize: f.Size()}}, tarEntries(ctx, f)}
	}
	idx, err := format.ReadIndex(f, f.Size(), codec)
	if err != nil {
		return nil
	}
	return &layout{f, codec, idx.Frames, idx.Entries}
}

// frameEnds returns the ends of the frames of an archive, or none for another file.
func frameEnds(f *format.File) (ends []int64) {
	codec, err := format.CodecOfFile(f, f.Size())
	if err != nil {
		return nil // not an archive
	}
	// Without a valid index, only the content decides.
	if idx, err := format.ReadIndex(f, f.Size(), codec); err == nil {
		for _, frame := range idx.Frames {
			ends = append(ends, frame.Offset+frame.Size)
		}
	}
	return ends
}

// tarEntries returns the files of a tar up to its end or to damage.
func tarEntries(ctx context.Context, f *format.File) (all []format.Entry) {
	r := io.NewSectionReader(f, 0, f.Size())
	seeker := struct {
		io.Reader
		io.Seeker
	}{streams.WithContext(ctx, r), r}
	for t := tar.NewReader(seeker); len(all) < format.MaxEntries; {
		h, err := t.Next()
		if err != nil {
			break
		}
		if at, err := r.Seek(0, io.SeekCurrent); err == nil && h.Typeflag == tar.TypeReg && !format.IsSparse(h) && h.Size <= f.Size()-at {
			all = append(all, format.Entry{Name: h.Name, Offset: at, Size: h.Size})
		}
	}
	return all
}

// frameOf returns the index of the frame with an offset in the tar.
func (l *layout) frameOf(offset int64) int {
	low, high := 0, len(l.frames)
	for low+1 < high {
		if mid := (low + high) / 2; l.frames[mid].TarOffset <= offset {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// An entryKey identifies the content of a file of an archive: its name is its digest.
type entryKey struct {
	name string
	size int64
}

// keyOf returns the key of a file, or false if its name is not a digest.
func keyOf(e format.Entry) (entryKey, bool) {
	return entryKey{path.Base(e.Name), e.Size}, format.IsHexDigest(path.Base(e.Name))
}

// offsets returns the offsets of the files whose names are digests.
func (l *layout) offsets() map[entryKey]int64 {
	all := make(map[entryKey]int64, len(l.entries))
	for _, e := range l.entries {
		if key, ok := keyOf(e); ok {
			all[key] = e.Offset
		}
	}
	return all
}

// isTar reports whether the size bytes of r from at on are a tar.
func isTar(r io.ReaderAt, at, size int64) bool {
	head := make([]byte, min(size, sniff.HeadLen))
	return format.ReadFullAt(r, head, at) && sniff.IsTar(head)
}

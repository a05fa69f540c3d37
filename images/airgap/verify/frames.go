package verify

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// checkWindows checks the window of every zstd frame. Nodes refuse a frame with a window over format.MaxWindow.
func (r *Report) checkWindows(f io.ReaderAt) {
	frames, wide := 0, 0
	var first string
	err := eachZstdFrame(f, r.Size, func(offset int64, h zstd.Header) {
		if h.Skippable {
			return
		}
		frames++
		window := h.WindowSize
		if h.SingleSegment {
			window = h.FrameContentSize // the window is all content
		}
		if window > format.MaxWindow {
			if wide++; wide == 1 {
				first = fmt.Sprintf("%d bytes at byte %d", window, offset)
			}
		}
	})
	if err != nil {
		r.problem("%v", err)
	}
	if wide > 0 {
		r.problem("%d of %d zstd frames need a window of more than %d bytes, which RKE2's reader refuses; the first one %s. Compress with --long=25 at most",
			wide, frames, format.MaxWindow, first)
	}
}

// eachZstdFrame calls do for each frame of a file (RFC 8878, section 3.1). It reads only the headers of frames and
// blocks.
func eachZstdFrame(f io.ReaderAt, size int64, do func(offset int64, h zstd.Header)) error {
	for offset := int64(0); offset < size; {
		head := make([]byte, min(size-offset, zstd.HeaderMaxSize))
		var h zstd.Header
		if !format.ReadFullAt(f, head, offset) || h.Decode(head) != nil {
			return fmt.Errorf("no zstd frame begins at byte %d, where the one before ends", offset)
		}
		do(offset, h)
		next := offset + int64(h.HeaderSize)
		if h.Skippable {
			next += int64(h.SkippableSize)
		} else {
			for last := false; !last; {
				var b [3]byte
				if !format.ReadFullAt(f, b[:], next) {
					return fmt.Errorf("the zstd frame at byte %d has no end", offset)
				}
				block := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
				last = block&1 != 0
				next += int64(len(b))
				if block>>1&3 == 1 {
					next++ // RLE: one byte
				} else {
					next += int64(block >> 3)
				}
			}
			if h.HasCheckSum {
				next += 4
			}
		}
		if next > size {
			return fmt.Errorf("the zstd frame at byte %d is cut off", offset)
		}
		offset = next
	}
	return nil
}

// checkIndexTail compares the bytes after the last frame with the encoded index, which includes the seek table of
// zstd.
func (r *Report) checkIndexTail(f io.ReaderAt, idx *format.Index) {
	var end int64
	if n := len(idx.Frames); n > 0 {
		end = idx.Frames[n-1].Offset + idx.Frames[n-1].Size
	}
	want, err := idx.Encode(r.Codec)
	if err != nil {
		r.problem("the archive's index: %v", err)
		return
	}
	got := make([]byte, len(want))
	if r.Size-end != int64(len(want)) || !format.ReadFullAt(f, got, end) || !bytes.Equal(got, want) {
		r.problem("the bytes after the last frame, from byte %d on, are not the archive's index", end)
	}
}

// checkEntries compares the entries of the index with the files of the tar, without folders.
func (r *Report) checkEntries(c *contents, idx *format.Index) {
	files := slices.DeleteFunc(slices.Clone(c.files), func(f *content) bool { return f.typeflag == tar.TypeDir })
	for i := range max(len(files), len(idx.Entries)) {
		switch {
		case i >= len(files):
			r.problem("the archive's index names file %s, which is missing", idx.Entries[i].Name)
		case i >= len(idx.Entries):
			r.problem("the archive's index does not name file %s", files[i].Name)
		case files[i].Entry != idx.Entries[i]:
			is, said := files[i].Entry, idx.Entries[i]
			r.problem("the archive's index says that file %d is %s, %d bytes at byte %d of the tar; it is %s, %d bytes at byte %d",
				i+1, said.Name, said.Size, said.Offset, is.Name, is.Size, is.Offset)
		default:
			continue
		}
		return // further differences follow from this one
	}
}

package zstd

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestStoredFramesAreDecoded(t *testing.T) {
	for _, size := range []int{1, 511, maxBlock - 1, maxBlock, maxBlock + 1, 5*maxBlock + 7} {
		content := noise(uint64(size), size)
		for _, step := range []int{1000, maxBlock, size} {
			var out bytes.Buffer
			w := NewStoredWriter(&out, int64(size))
			for rest := content; len(rest) > 0; {
				n := min(step, len(rest))
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if got := int64(out.Len()); got != StoredSize(int64(size)) {
				t.Errorf("%d bytes: the frame has %d bytes; StoredSize says %d", size, got, StoredSize(int64(size)))
			}
			var h zstd.Header
			if err := h.Decode(out.Bytes()); err != nil || h.WindowSize > maxBlock || h.FrameContentSize != uint64(size) || !h.HasCheckSum {
				t.Errorf("%d bytes: the header is %+v, %v", size, h, err)
			}
			d, err := zstd.NewReader(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := d.DecodeAll(out.Bytes(), nil); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, written %d at a time: decoded to %d bytes, %v", size, step, len(got), err)
			}
			d.Close()
		}
	}
}

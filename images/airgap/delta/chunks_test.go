package delta

import (
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
)

// Chunks end at the ends of frames, so that a short frame between changed ones is found.
func TestChunksEndWhereFramesEnd(t *testing.T) {
	path := airgaptest.Pack(t, airgaptest.NewStore(t), release(t, 1, 1000), pack.Options{Level: "fastest"})[format.Zstd]
	f, err := format.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	idx, err := format.ReadIndex(f, f.Size(), format.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int64]bool{}
	chunks := newChunker(f, chunkSizesFor(f.Size()))
	for pos := int64(0); pos < f.Size(); {
		chunk, err := chunks.next(pos)
		if err != nil {
			t.Fatal(err)
		}
		pos += int64(len(chunk))
		ends[pos] = true
	}
	for i, frame := range idx.Frames {
		if !ends[frame.Offset+frame.Size] {
			t.Errorf("no chunk ends where frame %d does", i)
		}
	}
}

// Chunks have sizes within the limits, and cover the file.
func TestChunkSizes(t *testing.T) {
	for _, size := range []int64{0, 1 << 20, 1 << 30, 20 << 30, 2 << 40, 1 << 62} {
		s := chunkSizesFor(size)
		if s.min < 64 || s.max > 8<<20 || s.min*32 != s.max {
			t.Errorf("chunks of a file of %d bytes have from %d to %d", size, s.min, s.max)
		}
	}
	f, err := format.OpenFile(write(t, imagetest.Noise(7, 5_000_000)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := chunkSizesFor(f.Size())
	chunks, n := newChunker(f, s), 0
	for pos := int64(0); pos < f.Size(); n++ {
		chunk, err := chunks.next(pos)
		if err != nil {
			t.Fatal(err)
		}
		if pos += int64(len(chunk)); len(chunk) > s.max || len(chunk) < s.min && pos < f.Size() {
			t.Fatalf("a chunk has %d bytes", len(chunk))
		}
	}
	if mean := int(f.Size()) / n; mean < 4<<10 || mean > 6<<10 {
		t.Errorf("chunks have %d bytes in the mean", mean)
	}
}

package match

import (
	"bytes"
	"slices"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

func fileOf(b []byte, ends ...int64) File {
	return File{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Ends: ends, Err: func() error { return nil }}
}

// Chunks end at the ends of frames, so that a short frame between changed ones is found.
func TestChunksEndWhereFramesEnd(t *testing.T) {
	frame := imagetest.Noise(1, 700)
	old := slices.Concat(imagetest.Noise(2, 50_000), frame, imagetest.Noise(3, 50_000))
	new := slices.Concat(imagetest.Noise(4, 333_333), frame, imagetest.Noise(5, 9000))
	chunks := Of(fileOf(old, 50_000, 50_700, 100_700))
	var read bytes.Buffer
	if err := chunks.Read(t.Context(), 100_700, &read); err != nil || !bytes.Equal(read.Bytes(), old) {
		t.Fatalf("%v, %d bytes", err, read.Len())
	}
	task := progress.Start(t.Context(), "match")
	runs, err := chunks.Runs(t.Context(), fileOf(new, 333_333, 334_033), 1000, task)
	if want := (Run{Old: 50_000, New: 333_333, Size: 700}); err != nil || len(runs) != 1 || runs[0] != want {
		t.Errorf("%v, %v; want %v", runs, err, want)
	}
	if runs, err := chunks.Runs(t.Context(), fileOf(new, 333_333, 334_033), 100, task); err != nil || len(runs) != 0 {
		t.Errorf("%v, %v: a run of less than a hundredth of NEW", runs, err)
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
	f := fileOf(imagetest.Noise(7, 5_000_000))
	s := chunkSizesFor(f.Size)
	chunks, n := &chunker{file: f, sizes: s}, 0
	for pos := int64(0); pos < f.Size; n++ {
		chunk, err := chunks.next(pos)
		if err != nil {
			t.Fatal(err)
		}
		if pos += int64(len(chunk)); len(chunk) > s.max || len(chunk) < s.min && pos < f.Size {
			t.Fatalf("a chunk has %d bytes", len(chunk))
		}
	}
	if mean := int(f.Size) / n; mean < 4<<10 || mean > 6<<10 {
		t.Errorf("chunks have %d bytes in the mean", mean)
	}
}

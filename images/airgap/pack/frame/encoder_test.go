package frame

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
)

// The keys of cached frames contain the versions of the compressors.
func TestEncoderVersionsAreThoseOfGoMod(t *testing.T) {
	mod, err := os.ReadFile("../../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`klauspost/\w+ v[\d.]+`).FindAllString(gzipVersion, -1) {
		if !regexp.MustCompile(`github\.com/` + regexp.QuoteMeta(m) + `\s`).Match(mod) {
			t.Errorf("go.mod does not require %s; another version may make other bytes", m)
		}
	}
}

// An encoder that has made other frames makes the same frame as a new one, however its input is
// split.
func TestEncodersLeaveNoTrace(t *testing.T) {
	content := []byte(imagetest.Words(1, 3<<20))
	for name, level := range levels {
		if level.library == 0 {
			continue
		}
		t.Run(string(name), func(t *testing.T) {
			enc, err := format.LibraryEncoder(level.library)
			if err != nil {
				t.Fatal(err)
			}
			frame := func(step int) []byte {
				var out bytes.Buffer
				enc.ResetContentSize(&out, int64(len(content)))
				for rest := content; len(rest) > 0; {
					n := min(step, len(rest))
					if _, err := enc.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := enc.Close(); err != nil {
					t.Fatal(err)
				}
				return out.Bytes()
			}
			first := frame(len(content))
			for _, step := range []int{100_003, 4096, 1 << 20} {
				if !bytes.Equal(frame(step), first) {
					t.Errorf("in pieces of %d the frame has other bytes", step)
				}
			}
			var h zstd.Header
			if err := h.Decode(first); err != nil {
				t.Fatal(err)
			}
			if h.WindowSize > format.MaxWindow || !h.HasFCS || h.FrameContentSize != uint64(len(content)) {
				t.Errorf("the frame has a window of %d bytes and a content size of %d", h.WindowSize, h.FrameContentSize)
			}
		})
	}
}

// Layers that together have at most format.SingleSegment bytes of the tar are one segment. So is a single
// layer.
func TestSegments(t *testing.T) {
	file := func(size int64) tarFile {
		return tarFile{Layer: Layer{Size: size}, header: make([]byte, format.BlockSize)}
	}
	var small []tarFile
	for range format.SingleSegment / format.BlockSize / 2 {
		small = append(small, file(1))
	}
	for name, c := range map[string]struct {
		files []tarFile
		want  int
	}{
		"as many as are one segment": {small, 1},
		"one more":                   {append(slices.Clip(small), file(1)), len(small) + 1},
		"a large layer":              {[]tarFile{file(100 << 20)}, 1},
		"two large layers":           {[]tarFile{file(100 << 20), file(33 << 20)}, 8},
	} {
		got := segments(c.files)
		if len(got) != c.want {
			t.Errorf("%s: %d segments, want %d", name, len(got), c.want)
		}
		var at int64
		for _, s := range got {
			if s.From != at {
				t.Errorf("%s: a segment begins at %d, want %d", name, s.From, at)
			}
			at += s.Size
		}
	}
}

package airgap

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// The versions of the compressors are part of what cached frames are found by.
func TestEncoderVersionsAreThoseOfGoMod(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`klauspost/\w+ v[\d.]+`).FindAllString(gzipVersion, -1) {
		if !regexp.MustCompile(`github\.com/` + regexp.QuoteMeta(m) + `\s`).Match(mod) {
			t.Errorf("go.mod does not require %s; another version may make other bytes", m)
		}
	}
}

// An encoder that made other frames before makes the same frame as a new one,
// however its input comes in pieces.
func TestEncodersLeaveNoTrace(t *testing.T) {
	content := []byte(words(1, 3<<20))
	for name, level := range levels {
		t.Run(name, func(t *testing.T) {
			enc, err := libraryEncoder(level)
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

func TestSniff(t *testing.T) {
	tests := map[string]struct {
		head  []byte
		codec format.Codec
		bad   bool
	}{
		"zstd":            {head: []byte{0x28, 0xb5, 0x2f, 0xfd, 0}, codec: format.Zstd},
		"skippable frame": {head: []byte{0x5b, 0x2a, 0x4d, 0x18, 0}, codec: format.Zstd},
		"gzip":            {head: []byte{0x1f, 0x8b, 8}, codec: format.Gzip},
		"bzip2":           {head: []byte("BZh9"), codec: format.Bzip2},
		"tar":             {head: mustHeader(t, "manifest.json", 3), codec: format.Tar},
		"lz4":             {head: []byte{0x04, 0x22, 0x4d, 0x18}, bad: true},
		"xz":              {head: []byte{0xfd, '7', 'z', 'X', 'Z', 0}, bad: true},
		"text":            {head: bytes.Repeat([]byte("hello "), 100), bad: true},
		"nothing":         {bad: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			codec, err := format.CodecOfHead(tt.head)
			if codec != tt.codec || (err != nil) != tt.bad {
				t.Errorf("codecOfHead: %q, %v", codec, err)
			}
		})
	}
}

func mustHeader(t testing.TB, name string, size int64) []byte {
	t.Helper()
	h, err := format.TarHeader(name, size)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

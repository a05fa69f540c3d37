package verify

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// emptyFrame returns a zstd frame without content that declares a window (RFC 8878, section
// 3.1.1.1).
func emptyFrame(window byte) []byte {
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, window, 0x01, 0x00, 0x00}
}

// singleSegment returns a zstd frame whose window is all of its content.
func singleSegment(size uint32) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0}, size), 0x01, 0x00, 0x00)
}

func TestVerifyReportsWindowsThatNodesRefuse(t *testing.T) {
	// A window descriptor has five bits for the exponent above 2^10, and three for eighths of it.
	const limit = 15 << 3
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 0x02, 0, 0, 0, 'x', 'y'}
	for _, c := range []struct {
		name   string
		frames [][]byte
		want   string // part of the problem; "" means none
	}{
		{"32 MiB", [][]byte{emptyFrame(limit)}, ""},
		{"an eighth more", [][]byte{emptyFrame(limit + 1)}, "1 of 1 zstd frames"},
		{"64 MiB behind a good one", [][]byte{emptyFrame(limit), emptyFrame(16 << 3)}, "1 of 2 zstd frames need a window of more than 33554432 bytes, which RKE2's reader refuses; the first one 67108864 bytes at byte 9"},
		{"all content at once, 32 MiB", [][]byte{singleSegment(format.MaxWindow)}, ""},
		{"all content at once, a byte more", [][]byte{singleSegment(format.MaxWindow + 1)}, "33554433 bytes at byte 0"},
		{"behind a frame that is skipped", [][]byte{skippable, singleSegment(format.MaxWindow + 1)}, "1 of 1 zstd frames"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := bytes.Join(c.frames, nil)
			r := &Report{Size: int64(len(all))}
			r.checkWindows(bytes.NewReader(all))
			got := strings.Join(r.Problems, "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("the problem is %q, want %q", got, c.want)
			}
		})
	}
}

package imagetest

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// Words returns text that can be compressed, but not to nothing.
func Words(seed, n int) string {
	var b strings.Builder
	state := uint32(seed*2654435761 + 1)
	for b.Len() < n {
		state = state*1664525 + 1013904223
		b.WriteString([]string{"slipway ", "archive ", "frame ", "layer ", "node ", "window ", "digest ", "registry "}[state>>29])
		if state>>20&7 == 0 {
			b.WriteString(hex.EncodeToString([]byte{byte(state >> 8), byte(state >> 16)}))
		}
	}
	return b.String()[:n]
}

// Noise returns n bytes that cannot be compressed.
func Noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed))).Read(b)
	return b
}

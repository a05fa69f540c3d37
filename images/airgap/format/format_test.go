package format_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
)

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
			codec, err := format.CodecOfFile(bytes.NewReader(tt.head), int64(len(tt.head)))
			if codec != tt.codec || (err != nil) != tt.bad {
				t.Errorf("CodecOfFile: %q, %v", codec, err)
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

func TestWholeFileReadsLikeOne(t *testing.T) {
	dir := t.TempDir()
	want := []byte(imagetest.Words(1, 10_000))
	for n := range 4 {
		if err := os.WriteFile(format.PartPath(filepath.Join(dir, "x"), n+1), want[n*2999:min(len(want), (n+1)*2999)], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w, err := format.OpenFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := iotest.TestReader(io.NewSectionReader(w, 0, w.Size()), want); err != nil {
		t.Error(err)
	}
}

package store_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
)

// BenchmarkLayer makes layers of 200 MB.
func BenchmarkLayer(b *testing.B) {
	var content bytes.Buffer
	if err := tarball(&content, 1, 200<<20); err != nil {
		b.Fatal(err)
	}
	for _, c := range []images.Compression{{Algorithm: "none"}, {Algorithm: "gzip"}, {Algorithm: "gzip", Level: 1}, {Algorithm: "zstd"}} {
		b.Run(fmt.Sprintf("%s-%d", c.Algorithm, c.Level), func(b *testing.B) {
			s, err := store.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			b.SetBytes(int64(content.Len()))
			b.ReportAllocs()
			for b.Loop() {
				_, err := s.Layer(b.Context(), "", c, func(w io.Writer) error {
					_, err := w.Write(content.Bytes())
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRemembered finds a layer that was made before.
func BenchmarkRemembered(b *testing.B) {
	s, err := store.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for b.Loop() {
		if _, err := s.Layer(b.Context(), "key", images.Compression{}, func(w io.Writer) error { return tarball(w, 1, 1<<20) }); err != nil {
			b.Fatal(err)
		}
	}
}

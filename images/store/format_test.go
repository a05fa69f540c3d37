package store_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/sniff"
)

// For blobs of layers from other programs, the compression is detected from the bytes, and data
// around the compressed content is ignored.
func TestInfoOfBlobsInEveryForm(t *testing.T) {
	tar := imagetest.Tar(t, imagetest.Files{"a": "content"}.Entries()...)
	named := imagetest.Tar(t, imagetest.Files{"BZh9": "content"}.Entries()...)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zipped := func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, err := w.Write(b)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	skipped := []byte("\x5e\x2a\x4d\x18\x03\x00\x00\x00abc")
	for name, c := range map[string]struct {
		blob, tar []byte
		want      sniff.Compression
	}{
		"plain":                        {tar, tar, sniff.None},
		"plain, named like bzip2":      {named, named, sniff.None},
		"gzip":                         {zipped(tar), tar, sniff.Gzip},
		"gzip with padding":            {append(zipped(tar), make([]byte, 1000)...), tar, sniff.Gzip},
		"gzip of two members":          {append(zipped(tar[:700]), zipped(tar[700:])...), tar, sniff.Gzip},
		"zstd":                         {encoder.EncodeAll(tar, nil), tar, sniff.Zstd},
		"zstd behind a skipped frame":  {encoder.EncodeAll(tar, bytes.Clone(skipped)), tar, sniff.Zstd},
		"zstd before a skipped frame":  {append(encoder.EncodeAll(tar, nil), skipped...), tar, sniff.Zstd},
		"zstd between two empty frame": {append(encoder.EncodeAll(tar, encoder.EncodeAll(nil, nil)), encoder.EncodeAll(nil, nil)...), tar, sniff.Zstd},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			digest, size, err := v1.SHA256(bytes.NewReader(c.blob))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Put(t.Context(), v1.Descriptor{Digest: digest, Size: size}, bytes.NewReader(c.blob)); err != nil {
				t.Fatal(err)
			}
			var content bytes.Buffer
			info, err := s.InfoAndContent(t.Context(), digest, &content)
			if err != nil {
				t.Fatal(err)
			}
			diffID, _, err := v1.SHA256(bytes.NewReader(c.tar))
			if err != nil {
				t.Fatal(err)
			}
			if info.Compression != c.want || info.DiffID != diffID || !bytes.Equal(content.Bytes(), c.tar) {
				t.Errorf("%+v, %d bytes of content; want %s, %s", info, content.Len(), c.want, diffID)
			}
		})
	}
}

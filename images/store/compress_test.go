package store

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/slipway-build/slipway/images"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// An encoder that is used again makes the same bytes as a new one, also after a failure.
func TestEncodersAreUsedAgain(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	content := make([]byte, 3<<20)
	_, _ = random.Read(content[:1<<20])
	copy(content[1<<20:], bytes.Repeat([]byte("layers "), 300_000))
	compress := func(w io.Writer, c images.Compression, content []byte) error {
		z, err := compressor(w, c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = z.Write(content)
		return errors.Join(err, z.Close())
	}
	for _, c := range []images.Compression{{Algorithm: "gzip"}, {Algorithm: "gzip", Level: 1}, {Algorithm: "zstd"}} {
		var want bytes.Buffer
		idle.Clear()
		if err := compress(&want, c, content); err != nil {
			t.Fatal(err)
		}
		for round := range 3 {
			if err := compress(io.Discard, c, content[1000:2000]); err != nil {
				t.Fatal(err)
			}
			if err := compress(fullDisk{}, c, content); err == nil {
				t.Errorf("%+v: no error", c)
			}
			var got bytes.Buffer
			if err := compress(&got, c, content); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%+v, round %d: %d bytes differ from the %d of a new encoder", c, round, got.Len(), want.Len())
			}
		}
	}
}

package deflate

import (
	"bytes"
	stdlib "compress/flate"
	"io"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/klauspost/pgzip"

	"github.com/slipway-build/slipway/images/imagetest"
)

func TestVersionsAreThoseOfGoMod(t *testing.T) {
	mod, err := os.ReadFile("../../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{libraryVersion, pgzipVersion} {
		if !regexp.MustCompile(`github\.com/` + regexp.QuoteMeta(version) + `\s`).Match(mod) {
			t.Errorf("go.mod does not require %s; another version may make other bytes", version)
		}
	}
}

// Every encoder makes the same stream again, which has its content.
func TestEncoders(t *testing.T) {
	content := []byte(imagetest.Words(1, 300_000))
	names := Names(false)
	for _, name := range names {
		encode := func(step int) []byte {
			var out bytes.Buffer
			w, err := Open(name, &out)
			if err != nil {
				t.Fatal(err)
			}
			for part := range slices.Chunk(content, step) {
				if _, err := w.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
		stream := encode(len(content))
		if got, err := io.ReadAll(stdlib.NewReader(bytes.NewReader(stream))); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: the stream has other content: %v", name, err)
		}
		if !bytes.Equal(stream, encode(32<<10)) {
			t.Errorf("%s: the stream depends on the sizes of writes", name)
		}
		if !Known(name) {
			t.Errorf("%s is not known", name)
		}
	}
	if slices.Sort(names); len(slices.Compact(names)) != len(encoders) {
		t.Error("two encoders have one name")
	}
	if got := Names(true); len(got) != 9 {
		t.Errorf("the encoders of zlib are %q", got)
	}
	if _, err := Open("go1.5 level 6", io.Discard); err == nil || Known("go1.5 level 6") {
		t.Error("an unknown encoder is opened")
	}
}

// A stream of pgzip is its gzip member without header and trailer.
func TestParallelStreams(t *testing.T) {
	content := []byte(imagetest.Words(1, 3_000_000))
	var member, stream bytes.Buffer
	z, err := pgzip.NewWriterLevel(&member, 6)
	if err != nil {
		t.Fatal(err)
	}
	w, err := parallel(1<<20, 6)(&stream)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{z, w} {
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if want := member.Bytes()[headerSize : member.Len()-trailerSize]; !bytes.Equal(stream.Bytes(), want) {
		t.Errorf("%d bytes instead of %d, or other ones", stream.Len(), len(want))
	}
}

func TestGoVersion(t *testing.T) {
	for version, want := range map[string]string{"go1.26.1": "go1.26", "go1.26": "go1.26", "devel go1.27-abc": "devel go1.27-abc"} {
		if got := goVersion(version); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

package store_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images"
)

// tarball writes a tar of one file of n bytes. The bytes depend on seed.
func tarball(w io.Writer, seed uint64, n int) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(n)}); err != nil {
		return err
	}
	if err := words(t, seed, n); err != nil {
		return err
	}
	return t.Close()
}

// words writes n bytes that compress about as well as programs. The bytes depend on seed.
func words(w io.Writer, seed uint64, n int) error {
	r := rand.New(rand.NewPCG(seed, 1))
	buf := make([]byte, 0, 64<<10)
	for n > 0 {
		buf = buf[:0]
		for len(buf) < 60<<10 {
			if r.IntN(4) > 0 {
				buf = fmt.Appendf(buf, "word-%d ", r.IntN(500))
			} else {
				buf = append(buf, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()))
			}
		}
		buf = buf[:min(n, len(buf))]
		if _, err := w.Write(buf); err != nil {
			return err
		}
		n -= len(buf)
	}
	return nil
}

func TestALayerIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	var made atomic.Int32
	write := func(w io.Writer) error {
		made.Add(1)
		return tarball(w, 1, 3<<20)
	}
	first := open(t, dir)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := first.Layer(t.Context(), "key", images.Compression{}, write); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// Another run, with an explicit default.
	l, err := open(t, dir).Layer(t.Context(), "key", images.Compression{Algorithm: "gzip", Level: 6}, write)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Layer(l); err != nil {
		t.Error(err)
	}
	if n := made.Load(); n != 1 {
		t.Errorf("the layer was made %d times", n)
	}
	wantNoLeftovers(t, first)
}

func TestALayerWhoseBlobIsGoneIsMadeAgain(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"vanished": os.Remove,
		"cut":      func(path string) error { return os.Truncate(path, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			made := 0
			write := func(w io.Writer) error { made++; return tarball(w, 2, 1<<20) }
			for range 2 {
				l, err := s.Layer(t.Context(), "key", images.Compression{}, write)
				if err != nil {
					t.Fatal(err)
				}
				if err := validate.Layer(l); err != nil {
					t.Fatal(err)
				}
				h, _ := l.Digest()
				os.Chmod(s.Path(h), 0o644)
				if err := harm(s.Path(h)); err != nil {
					t.Fatal(err)
				}
			}
			if made != 2 {
				t.Errorf("made %d times, want 2", made)
			}
		})
	}
}

func TestAWriterThatFailsLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	failure := errors.New("the file vanished")
	_, err := s.Layer(t.Context(), "key", images.Compression{}, func(w io.Writer) error {
		if err := tarball(w, 3, 5<<20); err != nil {
			return err
		}
		return failure
	})
	if err != failure {
		t.Errorf("got %v, want the writer's own error", err)
	}
	wantNoLeftovers(t, s)
	made := false
	if _, err := s.Layer(t.Context(), "key", images.Compression{}, func(w io.Writer) error { made = true; return nil }); err != nil || !made {
		t.Errorf("after the failure: made %v, error %v", made, err)
	}
}

// wantWhole reads a layer, and compares it with its digests. Its compression may be one that
// validate.Layer does not support.
func wantWhole(t *testing.T, l v1.Layer) {
	t.Helper()
	for _, c := range []struct {
		name string
		open func() (io.ReadCloser, error)
		want func() (v1.Hash, error)
	}{
		{"compressed", l.Compressed, l.Digest},
		{"uncompressed", l.Uncompressed, l.DiffID},
	} {
		r, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, _, err := v1.SHA256(r)
		if err != nil {
			t.Fatal(err)
		}
		want, err := c.want()
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s bytes have the digest %s, want %s", c.name, got, want)
		}
	}
}

func TestLayersAreTheSameOnEveryMachine(t *testing.T) {
	compressions := []images.Compression{
		{Algorithm: "none"}, {Algorithm: "gzip"}, {Algorithm: "zstd"},
		{Algorithm: "gzip", Level: 1}, {Algorithm: "gzip", Level: 9},
		{Algorithm: "zstd", Level: 1}, {Algorithm: "zstd", Level: 8}, {Algorithm: "zstd", Level: 19},
	}
	if testing.Short() {
		compressions = compressions[:3]
	}
	for _, c := range compressions {
		t.Run(fmt.Sprintf("%s level %d", c.Algorithm, c.Level), func(t *testing.T) {
			seen := map[v1.Hash][]int{}
			for _, procs := range []int{1, 2, 8} {
				before := runtime.GOMAXPROCS(procs)
				l, err := open(t, t.TempDir()).Layer(t.Context(), "", c, func(w io.Writer) error { return tarball(w, 4, 5<<20) })
				runtime.GOMAXPROCS(before)
				if err != nil {
					t.Fatal(err)
				}
				wantWhole(t, l)
				h, _ := l.Digest()
				seen[h] = append(seen[h], procs)
			}
			if len(seen) != 1 {
				t.Errorf("the digest depends on GOMAXPROCS: %v", seen)
			}
		})
	}
}

package store_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
)

func TestRecordsAreRemembered(t *testing.T) {
	dir := t.TempDir()
	for key, value := range map[string]string{"a": "one", "../b\x00/ä\n": "two\nlines", "": ""} {
		if err := open(t, dir).SetRecord("test", key, []byte(value)); err != nil {
			t.Fatal(err)
		}
		got, ok := open(t, dir).Record(t.Context(), "test", key)
		if !ok || string(got) != value {
			t.Errorf("record %q is %q, %v; want %q", key, got, ok, value)
		}
	}
	if _, ok := open(t, dir).Record(t.Context(), "other", "a"); ok {
		t.Error("kinds are mixed up")
	}
}

func TestTruncatedRecordIsIgnored(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.SetRecord("test", "key", []byte("some value")); err != nil {
		t.Fatal(err)
	}
	cut := 0
	filepath.WalkDir(filepath.Join(s.Dir(), ".slipway", "records"), func(path string, e fs.DirEntry, err error) error {
		if !e.IsDir() {
			cut++
			return os.Truncate(path, 14)
		}
		return err
	})
	if got, ok := s.Record(t.Context(), "test", "key"); ok || cut != 1 {
		t.Errorf("of %d cut records one is read as %q", cut, got)
	}
}

func TestInfoIsTheSameComputedOrCached(t *testing.T) {
	for _, algorithm := range []string{"gzip", "zstd", "none"} {
		t.Run(algorithm, func(t *testing.T) {
			made := open(t, t.TempDir())
			l, err := made.Layer(t.Context(), "key", images.Compression{Algorithm: algorithm}, func(w io.Writer) error { return tarball(w, 5, 3<<20) })
			if err != nil {
				t.Fatal(err)
			}
			d := descriptor(t, l)
			want, err := made.Info(t.Context(), d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			found := open(t, t.TempDir())
			f, err := made.Open(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := found.Put(t.Context(), d, f); err != nil {
				t.Fatal(err)
			}
			for _, when := range []string{"read", "remembered"} {
				got, err := found.Info(t.Context(), d.Digest)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s info differs (-made +found):\n%s", when, diff)
				}
			}
			if string(want.Compression) != algorithm || want.UncompressedSize < 3<<20 {
				t.Errorf("info is %+v", want)
			}
		})
	}
}

// InfoAndContent writes all bytes of a layer if it reads the layer, and otherwise none.
func TestInfoAndContentWritesAllOrNothing(t *testing.T) {
	var content bytes.Buffer
	if err := tarball(&content, 5, 3<<20); err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []string{"gzip", "zstd", "none"} {
		t.Run(algorithm, func(t *testing.T) {
			made := open(t, t.TempDir())
			l, err := made.Layer(t.Context(), "key", images.Compression{Algorithm: algorithm}, func(w io.Writer) error {
				_, err := w.Write(content.Bytes())
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			found, d := open(t, t.TempDir()), descriptor(t, l)
			f, err := made.Open(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := found.Put(t.Context(), d, f); err != nil {
				t.Fatal(err)
			}
			for _, want := range [][]byte{content.Bytes(), nil} {
				var got bytes.Buffer
				info, err := found.InfoAndContent(t.Context(), d.Digest, &got)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want) || info.UncompressedSize != int64(content.Len()) {
					t.Errorf("%d bytes came instead of %d; info is %+v", got.Len(), len(want), info)
				}
			}
		})
	}
}

func TestCheckFindsAndRemovesDamage(t *testing.T) {
	s := open(t, t.TempDir())
	l, err := s.Layer(t.Context(), "key", images.Compression{}, func(w io.Writer) error { return tarball(w, 6, 1<<20) })
	if err != nil {
		t.Fatal(err)
	}
	d := descriptor(t, l)
	if err := s.Check(t.Context(), d.Digest); err != nil {
		t.Errorf("a good blob: %v", err)
	}
	raw, err := os.ReadFile(s.Path(d.Digest))
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.Chmod(s.Path(d.Digest), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path(d.Digest), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), d.Digest); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged blob: %v", err)
	}
	if s.Has(d.Digest) {
		t.Error("the damaged blob is still there")
	}
}

func TestDerivedFilesAreMadeOnce(t *testing.T) {
	dir := t.TempDir()
	made := 0
	var mu sync.Mutex
	write := func(w io.Writer) error {
		mu.Lock()
		made++
		mu.Unlock()
		return words(w, 1, 1<<20)
	}
	s := open(t, dir)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Derived(t.Context(), "frame", "key", write); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	path, err := open(t, dir).Derived(t.Context(), "frame", "key", write)
	if err != nil {
		t.Fatal(err)
	}
	if made != 1 {
		t.Errorf("made %d times, want once", made)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Derived(t.Context(), "frame", "key", write); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 1<<20 || made != 2 {
		t.Errorf("a file that was cut has size %d after %d makings (%v)", info.Size(), made, err)
	}
	failure := errors.New("no")
	if _, err := s.Derived(t.Context(), "frame", "other", func(io.Writer) error { return failure }); err != failure {
		t.Errorf("got %v, want the writer's own error", err)
	}
	wantNoLeftovers(t, s)
}

func TestFileDigest(t *testing.T) {
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	digest := func(t *testing.T, s *store.Store, path string) v1.Hash {
		t.Helper()
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.FileDigest(t.Context(), path, info)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	write := func(t *testing.T, path, content string, modified time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	sha := func(content string) v1.Hash {
		h, _, _ := v1.SHA256(strings.NewReader(content))
		return h
	}

	t.Run("is the SHA-256", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, "content", old)
		if got, want := digest(t, open(t, t.TempDir()), path), sha("content"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("follows a change that keeps size and time", func(t *testing.T) {
		// The file was written just now, whatever its time: on Linux, its inode shows that; on
		// other systems, its time is new.
		path := filepath.Join(t.TempDir(), "file")
		dir := t.TempDir()
		now := time.Now()
		write(t, path, "content", now)
		digest(t, open(t, dir), path)
		write(t, path, "CONTENT", now)
		if got, want := digest(t, open(t, dir), path), sha("CONTENT"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("refuses a file that changes while it is read", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, "content", old)
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, "more content", old)
		_, err = open(t, t.TempDir()).FileDigest(t.Context(), path, info)
		if err == nil || !strings.Contains(err.Error(), "changed while it was read") || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("is remembered for a file that has settled", func(t *testing.T) {
		// This file is older than the test: the test binary, under a link whose name we can choose.
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		info := settled(t, exe)
		dir := t.TempDir()
		first, err := open(t, dir).FileDigest(t.Context(), exe, info)
		if err != nil {
			t.Fatal(err)
		}
		// With a context that has ended, reading fails.
		ctx := ended(t)
		second, err := open(t, dir).FileDigest(ctx, exe, info)
		if err != nil || second != first {
			t.Errorf("the second run got %s, %v; want %s without reading", second, err, first)
		}
	})
	t.Run("survives a line that a crash cut", func(t *testing.T) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		info := settled(t, exe)
		dir := t.TempDir()
		want, err := open(t, dir).FileDigest(t.Context(), exe, info)
		if err != nil {
			t.Fatal(err)
		}
		memo := filepath.Join(dir, ".slipway", "files")
		fi, err := os.Stat(memo)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(memo, fi.Size()-5); err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, dir).FileDigest(t.Context(), exe, info); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	})
}

// A file that has just changed may change again within the same tick of the file system's clock.
// Its digest is not remembered.
func TestDigestsOfNewFilesAreNotRemembered(t *testing.T) {
	s := open(t, t.TempDir())
	path := filepath.Join(t.TempDir(), "file")
	for range 20 {
		began := time.Now()
		if err := os.WriteFile(path, []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.FileDigest(t.Context(), path, info); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > time.Second {
			continue // on a very busy machine, the file was old when it was read
		}
		if raw, err := os.ReadFile(filepath.Join(s.Dir(), ".slipway", "files")); len(raw) > 0 {
			t.Errorf("remembered: %s, %v", raw, err)
		}
		return
	}
	t.Skip("the machine is too busy")
}

package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
)

func blob(t *testing.T, seed uint64, size int) (v1.Descriptor, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := words(&b, seed, size); err != nil {
		t.Fatal(err)
	}
	h, n, err := v1.SHA256(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return v1.Descriptor{Digest: h, Size: n}, b.Bytes()
}

func resume(t *testing.T, s *store.Store, want v1.Descriptor, from int64) *store.Partial {
	t.Helper()
	p, err := s.Resume(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		t.Fatal("Resume reports an existing blob")
	}
	if p.Size() != from {
		t.Fatalf("resumes at %d, want %d", p.Size(), from)
	}
	return p
}

func TestADownloadIsResumedByTheNextRun(t *testing.T) {
	dir := t.TempDir()
	want, content := blob(t, 1, 1<<20)
	s := open(t, dir)
	p := resume(t, s, want, 0)
	p.Write(content[:300_000])
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	p = resume(t, s, want, 300_000)
	p.Write(content[300_000:])
	if err := p.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(s.Path(want.Digest))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the blob differs (%v)", err)
	}
	if p, err := s.Resume(t.Context(), want); p != nil || err != nil {
		t.Errorf("for an existing blob, Resume returned %v, %v", p, err)
	}
	if rest, err := os.ReadDir(dir + "/.slipway/partial"); err != nil || len(rest) > 0 {
		t.Errorf("left in partial: %v, %v", rest, err)
	}
}

func TestCommitOfWrongContent(t *testing.T) {
	want, content := blob(t, 2, 1<<20)
	wrong := bytes.Clone(content)
	wrong[1000] ^= 1
	for _, c := range []struct {
		name    string
		content []byte
		resumes int64
	}{
		{"short content stays to be resumed", content[:500_000], 500_000},
		{"wrong content is thrown away", wrong, 0},
		{"too much is thrown away", append(bytes.Clone(content), 'x'), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			p := resume(t, s, want, 0)
			p.Write(c.content)
			err := p.Commit()
			var e *store.ContentError
			if !errors.As(err, &e) {
				t.Errorf("Commit returned %v, want a ContentError", err)
			}
			p.Close()
			if s.Has(want.Digest) {
				t.Error("it became a blob")
			}
			p = resume(t, s, want, c.resumes)
			p.Write(content[p.Size():])
			if err := p.Commit(); err != nil {
				t.Error(err)
			}
			p.Close()
		})
	}
}

func TestResetStartsAgain(t *testing.T) {
	s := open(t, t.TempDir())
	want, content := blob(t, 3, 100_000)
	p := resume(t, s, want, 0)
	p.Write([]byte("not what was asked for"))
	if err := p.Reset(); err != nil {
		t.Fatal(err)
	}
	p.Write(content)
	if err := p.Commit(); err != nil {
		t.Error(err)
	}
	p.Close()
}

// fetchSlowly fetches a blob while another process waits for it.
func fetchSlowly(args []string) error {
	s, err := store.Open(args[0])
	if err != nil {
		return err
	}
	content := []byte(strings.Repeat("slow ", 1000))
	h, n, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		return err
	}
	p, err := s.Resume(context.Background(), v1.Descriptor{Digest: h, Size: n})
	if err != nil {
		return err
	}
	fmt.Println(h)
	// Until the parent closes the input.
	os.Stdin.Read(make([]byte, 1))
	if _, err := p.Write(content); err != nil {
		return err
	}
	if err := p.Commit(); err != nil {
		return err
	}
	return p.Close()
}

func TestProcessesFetchABlobOnce(t *testing.T) {
	dir := t.TempDir()
	c := child(t, "fetch slowly", dir)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 72)
	if _, err := stdout.Read(line); err != nil {
		t.Fatal(err)
	}
	h, err := v1.NewHash(strings.TrimSpace(string(line)))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	// A caller whose context ends does not wait.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Resume(ctx, v1.Descriptor{Digest: h, Size: 5000}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
	stdin.Close()
	p, err := s.Resume(t.Context(), v1.Descriptor{Digest: h, Size: 5000})
	if err != nil || p != nil {
		t.Errorf("after the other process: %v, %v; want nil", p, err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// The caller that fetched the blob removes the file of the lock while others open it. Windows refuses such an
// opening for a moment.
func TestCallersFetchABlobOnce(t *testing.T) {
	s := open(t, t.TempDir())
	fetched := make([]atomic.Int32, 20)
	var all sync.WaitGroup
	for i := range fetched {
		want, content := blob(t, uint64(i)+1, 1000)
		for range 8 {
			all.Go(func() {
				p, err := s.Resume(t.Context(), want)
				if err != nil {
					t.Error(err)
				}
				if err != nil || p == nil {
					return
				}
				fetched[i].Add(1)
				p.Write(content)
				if err := errors.Join(p.Commit(), p.Close()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for i := range fetched {
		if n := fetched[i].Load(); n != 1 {
			t.Errorf("blob %d was fetched %d times", i, n)
		}
	}
}

package store_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images/store"
)

// filled returns a store with blobs that were last used 1, 2, 3, … days ago.
func filled(t *testing.T, days int) (*store.Store, []v1.Descriptor) {
	t.Helper()
	s := open(t, t.TempDir())
	var blobs []v1.Descriptor
	for day := 1; day <= days; day++ {
		want, content := blob(t, uint64(day), 10_000)
		p := resume(t, s, want, 0)
		p.Write(content)
		if err := p.Commit(); err != nil {
			t.Fatal(err)
		}
		p.Close()
		lastUsed(t, s.Path(want.Digest), day)
		blobs = append(blobs, want)
	}
	return s, blobs
}

func lastUsed(t *testing.T, path string, days int) {
	t.Helper()
	then := time.Now().Add(-time.Duration(days)*24*time.Hour - time.Minute)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

// left returns the ages of the remaining blobs, without using them.
func left(s *store.Store, blobs []v1.Descriptor) (days []int) {
	for i, b := range blobs {
		if _, err := os.Stat(s.Path(b.Digest)); err == nil {
			days = append(days, i+1)
		}
	}
	return days
}

func TestPrune(t *testing.T) {
	for _, c := range []struct {
		name  string
		opts  store.PruneOptions
		use   int // a blob to use first
		left  []int
		freed int64
	}{
		{"nothing asked, nothing removed", store.PruneOptions{}, 0, []int{1, 2, 3, 4, 5}, 0},
		{"by age", store.PruneOptions{OlderThan: 3 * 24 * time.Hour}, 0, []int{1, 2}, 30_000},
		{"by size, the least recently used first", store.PruneOptions{MaxSize: 20_000}, 0, []int{1, 2}, 30_000},
		{"what was used stays", store.PruneOptions{MaxSize: 20_000}, 5, []int{1, 5}, 30_000},
		{"all", store.PruneOptions{All: true}, 0, nil, 50_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, blobs := filled(t, 5)
			if c.use > 0 {
				if !s.Has(blobs[c.use-1].Digest) {
					t.Fatal("blob is missing")
				}
			}
			freed, err := s.Prune(t.Context(), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := left(s, blobs); !equal(got, c.left) {
				t.Errorf("remaining: %v, want %v", got, c.left)
			}
			if freed != c.freed {
				t.Errorf("freed %d bytes, want %d", freed, c.freed)
			}
		})
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestPruneKeepsTaggedContent(t *testing.T) {
	s, _ := filled(t, 1)
	idx := mustIndex(t)
	if err := s.AddIndex(t.Context(), idx); err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(t.Context(), "docker.io/acme/tool:v1", descriptor(t, idx)); err != nil {
		t.Fatal(err)
	}
	loose := randomImage(t, 100, 1)
	if err := s.AddImage(t.Context(), loose); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(t.Context(), store.PruneOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	back, err := s.Index(descriptor(t, idx).Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(back); err != nil {
		t.Error(err)
	}
	if s.Has(descriptor(t, loose).Digest) {
		t.Error("an image without a name is still there")
	}
}

func TestPruneKeepsContentInUseByAnotherProcess(t *testing.T) {
	s, blobs := filled(t, 2)
	if !s.Has(blobs[0].Digest) { // just used
		t.Fatal("blob is missing")
	}
	c := child(t, "write forever", s.Dir())
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(out).ReadString('\n')
	go io.Copy(io.Discard, out)
	_, err = s.Prune(t.Context(), store.PruneOptions{All: true})
	c.Process.Kill()
	c.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got := left(s, blobs); !equal(got, []int{1}) {
		t.Errorf("remaining: %v, want the blobs used within the hour", got)
	}
	// In the only process, it is removed.
	if _, err := s.Prune(t.Context(), store.PruneOptions{MaxSize: 1}); err != nil {
		t.Fatal(err)
	}
	if got := left(s, blobs); got != nil {
		t.Errorf("remaining: %v, want none", got)
	}
}

func TestPruneForgetsRemovedFiles(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, err := s.FileDigest(t.Context(), exe, settled(t, exe)); err != nil {
		t.Fatal(err)
	}
	memo := filepath.Join(dir, ".slipway", "files")
	line, err := os.ReadFile(memo)
	if err != nil {
		t.Fatal(err)
	}
	// A line whose file has another state now is from an earlier write.
	if _, err := s.Prune(t.Context(), store.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(memo)
	if err != nil || string(kept) != string(line) {
		t.Errorf("a file that did not change was forgotten: %q, %v", kept, err)
	}
	if _, err := s.Prune(t.Context(), store.PruneOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	if rest, err := os.ReadFile(memo); err != nil || len(rest) > 0 {
		t.Errorf("left are %q, %v", rest, err)
	}
}

// Small files outlive large ones, but not forever.
func TestPruneKeepsSmallFilesLonger(t *testing.T) {
	for _, c := range []struct {
		days int // since the small blob was used; the large one was used a day ago
		left []int
	}{{5, []int{1}}, {40, []int{2}}} {
		s := open(t, t.TempDir())
		var blobs []v1.Descriptor
		for i, size := range []int{10_000, 2 << 20} {
			want, content := blob(t, uint64(i), size)
			if err := s.Put(t.Context(), want, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			lastUsed(t, s.Path(want.Digest), []int{c.days, 1}[i])
			blobs = append(blobs, want)
		}
		if _, err := s.Prune(t.Context(), store.PruneOptions{MaxSize: 2<<20 + 9_000}); err != nil {
			t.Fatal(err)
		}
		if got := left(s, blobs); !equal(got, c.left) {
			t.Errorf("a small blob of %d days: remaining %v, want %v", c.days, got, c.left)
		}
	}
}

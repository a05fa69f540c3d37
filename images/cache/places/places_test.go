package places

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// all calls test with each kind of place.
func all(t *testing.T, test func(t *testing.T, place cache.Place)) {
	t.Run("folder", func(t *testing.T) { test(t, NewFolder(t.TempDir())) })
	t.Run("bucket", func(t *testing.T) { test(t, newTestBucket(t, nil)) })
	t.Run("registry", func(t *testing.T) { test(t, newTestRepository(t, imagetest.Registry(t))) })
	t.Run("docker-registry", func(t *testing.T) { test(t, newTestRepository(t, imagetest.DistributionRegistry(t))) })
	t.Run("distribution 3", func(t *testing.T) { test(t, newTestRepository(t, imagetest.Distribution3Registry(t))) })
}

func newTestRepository(t *testing.T, host string) *Repository {
	content, err := store.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { content.Close() })
	repo, err := name.NewRepository(host+"/team/cache", name.Insecure)
	must(t, err)
	return NewRepository(repo, registry.New(registry.Options{Store: content}))
}

// newTestBucket returns a bucket of an S3 server in memory. fail, unless it is nil, is asked before each request; if it
// returns true, it has answered.
func newTestBucket(t *testing.T, fail func(http.ResponseWriter, *http.Request) bool) *Bucket {
	backend := s3mem.New()
	must(t, backend.CreateBucket("caches"))
	fake := gofakes3.New(backend).Server()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail == nil || !fail(w, r) {
			fake.ServeHTTP(w, r)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	// Without TLS, the client sends signed chunks, which this server does not understand.
	server.StartTLS()
	t.Cleanup(server.Close)
	b, err := NewBucket(S3Options{Bucket: "caches", Prefix: "acme/main", Endpoint: server.URL, Region: "us-east-1",
		AccessKey: "key", SecretKey: "secret", transport: server.Client().Transport})
	must(t, err)
	return b
}

// warnings returns a context, and the warnings that were reported with it so far.
func warnings(t *testing.T) (context.Context, func() []string) {
	display := progress.New(progress.None, io.Discard, progress.Options{})
	t.Cleanup(func() { display.Close() })
	return progress.With(t.Context(), display), display.Warnings
}

func opener(content string) func() (io.ReadSeekCloser, error) {
	return func() (io.ReadSeekCloser, error) { return cache.InMemory([]byte(content)), nil }
}

// read returns the content that a new machine finds.
func read(ctx context.Context, t *testing.T, place cache.Place, key string) string {
	t.Helper()
	c := cache.New(cache.Options{From: []cache.Place{place}})
	defer c.Close()
	found, ok := c.Find(ctx, "frame", key, true)
	if !ok {
		return ""
	}
	var b bytes.Buffer
	must(t, found.CopyTo(ctx, &b))
	return b.String()
}

func TestWhatOneMachineAddsAnotherFinds(t *testing.T) {
	all(t, func(t *testing.T, place cache.Place) {
		ctx, warned := warnings(t)
		contents := map[string]string{"empty": "", "small": "a few bytes", "large": imagetest.Words(1, 200<<10), "edge": strings.Repeat("x", 64<<10)}
		if got := read(ctx, t, place, "small"); got != "" {
			t.Fatalf("a place that nobody has written has %q", got)
		}
		c := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
		for key, content := range contents {
			c.Offer(ctx, "frame", key, true, opener(content))
		}
		c.Flush(ctx)
		c.Close()
		for key, content := range contents {
			if got := read(ctx, t, place, key); got != content {
				t.Errorf("%s has %d bytes, want %d", key, len(got), len(content))
			}
		}
		entries, err := cache.List(ctx, place)
		must(t, err)
		if len(entries) != len(contents) {
			t.Errorf("it has %d entries, want %d", len(entries), len(contents))
		}
		if w := warned(); len(w) > 0 {
			t.Error(w)
		}
	})
}

// What a place has is not sent again.
func TestOnlyWhatIsMissingIsAdded(t *testing.T) {
	all(t, func(t *testing.T, place cache.Place) {
		ctx, _ := warnings(t)
		for range 3 {
			c := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
			c.Offer(ctx, "frame", "key", true, opener(imagetest.Words(1, 100<<10)))
			c.Flush(ctx)
			c.Close()
		}
		names, err := place.Segments(ctx)
		must(t, err)
		if len(names) != 1 {
			t.Errorf("three runs wrote %d segments, want 1", len(names))
		}
	})
}

// Many machines write at the same time. Nothing is lost, and segments do not pile up.
func TestWritersDoNotWaitForOneAnother(t *testing.T) {
	all(t, func(t *testing.T, place cache.Place) {
		ctx, warned := warnings(t)
		const rounds, machines = 6, 5
		for round := range rounds {
			var wait sync.WaitGroup
			for machine := range machines {
				wait.Go(func() {
					c := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
					defer c.Close()
					c.Offer(ctx, "frame", "shared by all", true, opener("the same"))
					c.Offer(ctx, "frame", fmt.Sprint(round, machine), true, opener(imagetest.Words(round*100+machine, 70<<10)))
					c.Flush(ctx)
				})
			}
			wait.Wait()
		}
		for round := range rounds {
			for machine := range machines {
				if got := read(ctx, t, place, fmt.Sprint(round, machine)); got != imagetest.Words(round*100+machine, 70<<10) {
					t.Errorf("what machine %d wrote in round %d has %d bytes", machine, round, len(got))
				}
			}
		}
		summary, err := cache.Summarize(ctx, place)
		must(t, err)
		if _, inProcess := place.(*Repository); summary.Segments > 25 && !(inProcess && strings.HasSuffix(t.Name(), "/registry")) || summary.Entries != rounds*machines+1 {
			t.Errorf("%d segments with %d entries", summary.Segments, summary.Entries)
		}
		if w := warned(); len(w) > 0 {
			t.Error(w)
		}
	})
}

func TestPruneRemovesTheLeastRecentlyUsed(t *testing.T) {
	all(t, func(t *testing.T, place cache.Place) {
		ctx, _ := warnings(t)
		for i := range 4 {
			c := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
			c.Offer(ctx, "frame", fmt.Sprint(i), true, opener(imagetest.Words(i, 100<<10)))
			c.Flush(ctx)
			c.Close()
		}
		pruned, err := cache.Prune(ctx, place, cache.PruneOptions{MaxSize: 250 << 10})
		must(t, err)
		if pruned.Kept != 2 || pruned.Removed != 2 || pruned.Freed < 200<<10 {
			t.Errorf("pruned %+v", pruned)
		}
		left := 0
		for i := range 4 {
			if read(ctx, t, place, fmt.Sprint(i)) != "" {
				left++
			}
		}
		if left != 2 {
			t.Errorf("%d entries are left, want 2", left)
		}
		if blobs, err := place.Blobs(ctx); err != nil || blobs != nil && len(blobs) != 2 {
			t.Errorf("%d blobs are left (%v), want 2", len(blobs), err)
		}
		_, err = cache.Prune(ctx, place, cache.PruneOptions{All: true})
		must(t, err)
		if summary, err := cache.Summarize(ctx, place); err != nil || summary.Entries != 0 || summary.Size != 0 {
			t.Errorf("after --all, it has %+v (%v)", summary, err)
		}
	})
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	all(t, func(t *testing.T, place cache.Place) {
		missing := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
		if _, err := place.Segment(t.Context(), missing.Hex); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("segment: %v", err)
		}
		if _, err := place.Open(t.Context(), cache.Blob{Digest: missing, Size: 1}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("blob: %v", err)
		}
	})
}

// A server that answers 503 now and then, or is slow, costs time.
func TestAServerInTroubleIsAskedAgain(t *testing.T) {
	var mu sync.Mutex
	n := 0
	bucket := newTestBucket(t, func(w http.ResponseWriter, _ *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if n++; n%3 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		time.Sleep(time.Millisecond)
		return false
	})
	ctx, warned := warnings(t)
	c := cache.New(cache.Options{From: []cache.Place{bucket}, To: []cache.Place{bucket}})
	defer c.Close()
	c.Offer(ctx, "frame", "key", true, opener(imagetest.Words(1, 100<<10)))
	c.Flush(ctx)
	if got := read(ctx, t, bucket, "key"); got != imagetest.Words(1, 100<<10) {
		t.Errorf("it has %d bytes", len(got))
	}
	if w := warned(); len(w) > 0 {
		t.Error(w)
	}
}

// A server that refuses to write is a warning, and what it has is used.
func TestAReadOnlyServerIsAWarning(t *testing.T) {
	readOnly := false
	bucket := newTestBucket(t, func(w http.ResponseWriter, r *http.Request) bool {
		if readOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	ctx, warned := warnings(t)
	for i := range 2 {
		c := cache.New(cache.Options{From: []cache.Place{bucket}, To: []cache.Place{bucket}})
		c.Offer(ctx, "frame", fmt.Sprint(i), true, opener("content"))
		c.Flush(ctx)
		c.Close()
		readOnly = true
	}
	if got := read(ctx, t, bucket, "0"); got != "content" {
		t.Errorf("it has %q", got)
	}
	if w := warned(); len(w) != 1 || !strings.Contains(w[0], "s3://caches/acme/main cannot be written") {
		t.Errorf("warnings %q", w)
	}
}

// A server that has gone is a warning, and ends within the attempts of the client.
func TestAServerThatIsGoneIsAWarning(t *testing.T) {
	bucket := newTestBucket(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	ctx, warned := warnings(t)
	c := cache.New(cache.Options{From: []cache.Place{bucket}, To: []cache.Place{bucket}})
	defer c.Close()
	for i := range 5 {
		if _, ok := c.Find(ctx, "frame", fmt.Sprint(i), true); ok {
			t.Error("it has an entry")
		}
		c.Offer(ctx, "frame", fmt.Sprint(i), true, opener("content"))
	}
	c.Flush(ctx)
	if w := warned(); len(w) != 1 || !strings.Contains(w[0], "cannot be read") {
		t.Errorf("warnings %q", w)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package transport

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// limited is a registry that answers a number of requests for blobs at once, and then one per interval. It counts
// those that it refused.
func limited(t *testing.T, burst int, interval time.Duration, refused *atomic.Int32) *Endpoint {
	allowed := make(chan struct{}, burst)
	for range burst {
		allowed <- struct{}{}
	}
	ctx := t.Context()
	go func() {
		for tick := time.NewTicker(interval); ctx.Err() == nil; <-tick.C {
			select {
			case allowed <- struct{}{}:
			default:
			}
		}
	}()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		select {
		case <-allowed:
			fmt.Fprint(w, "content")
		default:
			refused.Add(1)
			http.Error(w, `{"errors":[{"code":"TOOMANYREQUESTS"}]}`, http.StatusTooManyRequests)
		}
	}))
	t.Cleanup(server.Close)
	return endpointOf(t, strings.TrimPrefix(server.URL, "http://"))
}

func get(ctx context.Context, e *Endpoint) error {
	return Pace{First: time.Millisecond}.Try(ctx, func() error {
		r, err := e.NewRequest(ctx, http.MethodGet, "blobs", "sha256:x")
		if err != nil {
			return err
		}
		resp, err := e.Do(ctx, r, http.StatusOK)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// 32 goroutines send 600 requests to a registry that answers 200 a second.
func TestALimitedRateIsFound(t *testing.T) {
	var refused, failed, left atomic.Int32
	e := limited(t, 20, 5*time.Millisecond, &refused)
	var group sync.WaitGroup
	left.Store(600)
	for range 32 {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := get(t.Context(), e); err != nil {
					failed.Add(1)
					t.Log(err)
				}
			}
		})
	}
	group.Wait()
	if failed.Load() > 0 || refused.Load() > 300 {
		t.Errorf("%d of 600 requests failed after %d refusals; want none after at most 300", failed.Load(), refused.Load())
	}
}

// A registry whose quota is exhausted ends the operation after the usual number of attempts.
func TestAnExhaustedQuotaIsAnError(t *testing.T) {
	var refused atomic.Int32
	e := limited(t, 0, time.Hour, &refused)
	err := get(t.Context(), e)
	// One more than five, since the registry answered the greeting.
	if err == nil || !strings.Contains(err.Error(), "429 Too Many Requests") || refused.Load() != 6 {
		t.Errorf("%v after %d refusals; want 429 after 6", err, refused.Load())
	}
}

func TestRate(t *testing.T) {
	r := newRate()
	sent, err := r.turn(t.Context())
	if err != nil || r.interval != 0 {
		t.Fatal(err, r.interval)
	}
	for range 7 {
		r.answer()
	}
	if n := r.refuse(sent, 0); n != 7 || r.interval != leastInterval {
		t.Errorf("%d, %s; want 7, %s", n, r.interval, leastInterval)
	}
	// Sent before the rate was reduced.
	if r.refuse(sent, time.Hour); r.interval != leastInterval {
		t.Errorf("%s; want %s", r.interval, leastInterval)
	}
	if wait := time.Until(r.next); wait < maxRetryAfter-time.Second || wait > maxRetryAfter {
		t.Errorf("the next request waits for %s; want %s", wait, maxRetryAfter)
	}
	if r.refuse(time.Now().Add(time.Second), 0); r.interval != 2*leastInterval {
		t.Errorf("%s; want %s", r.interval, 2*leastInterval)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.turn(ctx); err == nil {
		t.Error("a canceled request was sent")
	}
	for range 100 {
		r.answer()
	}
	if r.interval != 0 {
		t.Errorf("%s after 100 answers; want 0", r.interval)
	}
}

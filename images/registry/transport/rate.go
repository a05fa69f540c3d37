package transport

import (
	"context"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/parallel"
)

// rates are the rates at which hosts are sent requests: registries, token servers, and the storage that registries
// redirect to. A host that refuses a request because there were too many (429) is sent fewer, by all goroutines
// together, so that a list of thousands of images is read at the rate that the host allows.
type rates struct {
	mu    sync.Mutex
	hosts map[string]*rate
}

// of returns the rate of a host, HOST[:PORT].
func (r *rates) of(host string) *rate {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.hosts[host]
	if !ok {
		known = newRate()
		if r.hosts == nil {
			r.hosts = map[string]*rate{}
		}
		r.hosts[host] = known
	}
	return known
}

// A rate is halved when the host refuses a request, and increases again with each request that it answers (additive
// increase and multiplicative decrease, as in RFC 5681, section 3.1).
type rate struct {
	sending parallel.Slots // held by the request that is sent next

	mu sync.Mutex
	// interval is the least time between two requests; 0 until the host refuses one.
	interval time.Duration
	// next is when the next request may be sent.
	next time.Time
	// slowed is when the interval was last increased.
	slowed time.Time
	// answered is the number of requests that the host did not refuse.
	answered int64
	// budget and offset are what the host has said last; see observe.
	budget *Budget
	offset *time.Duration
}

func newRate() *rate { return &rate{sending: make(parallel.Slots, 1)} }

// A refusal makes the interval at least leastInterval and at most greatestInterval. Answers make it shorter again, and 0
// from an eighth of leastInterval on.
const (
	leastInterval    = 5 * time.Millisecond
	greatestInterval = 10 * time.Second
)

// turn waits until a request may be sent, and returns the time. Requests are sent one after another, so that those that
// wait are sent at the new rate when it changes.
func (r *rate) turn(ctx context.Context) (time.Time, error) {
	release, err := r.sending.Acquire(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer release()
	for {
		r.mu.Lock()
		now := time.Now()
		wait := r.next.Sub(now)
		if wait <= 0 {
			r.next = now.Add(r.interval)
		}
		r.mu.Unlock()
		if wait <= 0 {
			return now, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return now, context.Cause(ctx)
		}
	}
}

// refuse records that the host refused a request because there were too many, and requested a delay, or 0. It returns
// the number of requests that the host has answered. Requests that were under way when the rate was halved do not halve
// it again.
func (r *rate) refuse(sent time.Time, wait time.Duration) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if sent.After(r.slowed) {
		r.interval = min(max(2*r.interval, leastInterval), greatestInterval)
		r.slowed = now
	}
	if until := now.Add(min(max(wait, r.interval), maxRetryAfter)); until.After(r.next) {
		r.next = until
	}
	return r.answered
}

// answer records that the host answered a request, and increases the rate by a 32nd.
func (r *rate) answer() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered++
	r.interval -= r.interval / 32
	if r.interval < leastInterval/8 {
		r.interval = 0
	}
}

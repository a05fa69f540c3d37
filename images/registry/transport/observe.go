package transport

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// A Budget is what a registry says about the number of pulls that it allows, as Docker Hub does
// (https://docs.docker.com/docker-hub/usage/pulls/).
type Budget struct {
	Remaining int
	// Window is the time in which pulls are counted; 0 if it is unknown.
	Window time.Duration
}

// parseBudget parses the value of Ratelimit-Remaining, such as 76;w=21600.
func parseBudget(text string) (Budget, bool) {
	number, parameters, _ := strings.Cut(text, ";")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 0 {
		return Budget{}, false
	}
	b := Budget{Remaining: n}
	if seconds, ok := strings.CutPrefix(strings.TrimSpace(parameters), "w="); ok {
		if n, err := strconv.ParseUint(seconds, 10, 31); err == nil {
			b.Window = time.Duration(n) * time.Second
		}
	}
	return b, true
}

// observe keeps what the headers of an answer say about its host. sent and now are when the request was sent and answered.
func (r *rate) observe(header http.Header, sent, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := parseBudget(header.Get("Ratelimit-Remaining")); ok {
		r.budget = &b
	}
	// A cache in between keeps the Date of an older answer, which it gives an Age (RFC 9111, section 5.1).
	if date, err := http.ParseTime(header.Get("Date")); err == nil && header.Get("Age") == "" {
		middle := sent.Add(now.Sub(sent) / 2)
		offset := date.Sub(middle)
		r.offset = &offset
	}
}

// Budget returns what the hosts of a registry have said last. ok is false if they have said nothing.
func (t *Transport) Budget(r name.Registry) (b Budget, ok bool) {
	known, err := t.hostsOf(r)
	if err != nil {
		return Budget{}, false
	}
	for _, h := range known {
		rate := t.rates.of(h.Address)
		rate.mu.Lock()
		if rate.budget != nil {
			b, ok = *rate.budget, true
		}
		rate.mu.Unlock()
	}
	return b, ok
}

// Offsets returns by how much the clocks of hosts are ahead of this one, as the dates of their last answers say.
func (t *Transport) Offsets() map[string]time.Duration {
	t.rates.mu.Lock()
	hosts := maps.Clone(t.rates.hosts)
	t.rates.mu.Unlock()
	offsets := map[string]time.Duration{}
	for name, rate := range hosts {
		rate.mu.Lock()
		if rate.offset != nil {
			offsets[name] = *rate.offset
		}
		rate.mu.Unlock()
	}
	return offsets
}

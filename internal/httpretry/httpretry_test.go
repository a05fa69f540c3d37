package httpretry

import (
	"net/http"
	"testing"
	"time"
)

func TestAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, "Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		if got, ok := After(http.Header{"Retry-After": {header}}, now); !ok || got != want {
			t.Errorf("%q: %v, %v; want %v", header, got, ok, want)
		}
	}
	for _, header := range []string{"", "soon", "-1"} {
		if got, ok := After(http.Header{"Retry-After": {header}}, now); ok {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func TestTemporaryStatus(t *testing.T) {
	for status, want := range map[int]bool{200: false, 301: false, 400: false, 404: false, 408: true, 429: true, 500: true, 501: false, 502: true, 503: true, 504: true, 505: false, 520: true} {
		if got := TemporaryStatus(status); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
}

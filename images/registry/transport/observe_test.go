package transport

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

func TestParseBudget(t *testing.T) {
	for text, want := range map[string]Budget{
		"76;w=21600": {76, 6 * time.Hour}, "0": {0, 0}, " 5 ; w=60": {5, time.Minute}, "7;w=x": {7, 0},
	} {
		if got, ok := parseBudget(text); !ok || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "many", "-1;w=60"} {
		if got, ok := parseBudget(text); ok {
			t.Errorf("%q: %v, want none", text, got)
		}
	}
}

func TestWhatAHostSaysIsKept(t *testing.T) {
	age := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.Header().Set("RateLimit-Remaining", "12;w=60")
		if age != "" {
			w.Header().Set("Age", age)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for _, age = range []string{"60", ""} {
		e := endpointOf(t, host)
		if err := e.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		registry, err := name.NewRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := e.transport.Budget(registry); !ok || b != (Budget{12, time.Minute}) {
			t.Errorf("budget %v, %v", b, ok)
		}
		offset, ok := e.transport.Offsets()[host]
		if ok != (age == "") || ok && (offset < 59*time.Minute || offset > 61*time.Minute) {
			t.Errorf("with Age %q: the clock is ahead by %s, %v", age, offset, ok)
		}
	}
}

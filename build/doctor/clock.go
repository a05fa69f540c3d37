package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxOffset is the difference of clocks that tokens and certificates of a few minutes tolerate.
const maxOffset = 5 * time.Minute

// clocks collects by how much the clocks of hosts are ahead of this one, from the dates of answers to other requests.
type clocks struct {
	mu      sync.Mutex
	offsets map[string]time.Duration
}

// client returns a client that reads the dates of answers.
func (c *clocks) client() *http.Client { return &http.Client{Transport: c, Timeout: time.Minute} }

// RoundTrip implements http.RoundTripper.
func (c *clocks) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := time.Now()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil && response.Header.Get("Age") == "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.offsets == nil {
			c.offsets = map[string]time.Duration{}
		}
		c.offsets[request.URL.Host] = date.Sub(sent.Add(time.Since(sent) / 2))
	}
	return response, nil
}

// clock compares the clock of this machine with those of the hosts that other checks have asked.
func (x *examination) clock(context.Context) error {
	bench, err := x.Workbench()
	if err != nil {
		return err
	}
	offsets := bench.Registry.Offsets()
	maps.Copy(offsets, x.clocks.offsets)
	for _, host := range slices.Sorted(maps.Keys(offsets)) {
		offset, word := offsets[host], "behind"
		if offset < 0 {
			offset, word = -offset, "ahead of"
		}
		if offset > maxOffset {
			x.find(Warning, "", fmt.Sprintf("the clock of this machine is %s %s that of %s", offset.Round(time.Second), word, host),
				"set it (NTP): tokens and certificates of a few minutes are refused")
		}
	}
	return nil
}

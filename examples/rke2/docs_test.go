package rke2

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The page that maps RKE2's scripts refers to lines of slipway.yaml, with their content.
func TestPageNamesTheRightLines(t *testing.T) {
	lines := strings.Split(read(t, "slipway.yaml"), "\n")
	links := regexp.MustCompile("\\[`([^`]+)`\\]\\(\\.\\./examples/rke2/slipway\\.yaml#L(\\d+)\\)").FindAllStringSubmatch(read(t, "../../docs/coming-from-rke2.md"), -1)
	if len(links) < 20 {
		t.Fatalf("the page has %d links to lines, want more", len(links))
	}
	for _, link := range links {
		if n, err := strconv.Atoi(link[2]); err != nil || n > len(lines) || !strings.Contains(lines[n-1], link[1]) {
			t.Errorf("on the page, line %s contains %q: adapt docs/coming-from-rke2.md", link[2], link[1])
		}
	}
}

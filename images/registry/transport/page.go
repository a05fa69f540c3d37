package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
)

// Page requests one page of a list of what, and returns it with the URL of the next page, or nil. raw is nil if the
// status is one of none. A page of more than limit bytes is an error.
func (e *Endpoint) Page(ctx context.Context, r Request, what string, limit int64, none []int) (raw []byte, next *url.URL, err error) {
	resp, err := e.Do(ctx, r, append([]int{http.StatusOK}, none...)...)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, nil
	}
	raw, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(raw)) > limit {
		return nil, nil, fmt.Errorf("the list of %s has more than %d bytes", what, limit)
	}
	if link := nextLink.FindStringSubmatch(resp.Header.Get("Link")); link != nil {
		next, err = resp.Request.URL.Parse(link[1])
	}
	return raw, next, err
}

// nextLink matches the Link header (RFC 8288) of a list with another page.
var nextLink = regexp.MustCompile(`<([^>]+)>\s*;\s*rel="?next"?`)

package certify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/httpretry"
	"github.com/slipway-build/slipway/internal/redact"
)

// Limits of requests.
const (
	tries      = 4
	firstPause = time.Second // it doubles
	timeout    = 30 * time.Second
	maxAnswer  = 4 << 20 // bytes
	maxRefusal = 4 << 10 // bytes of an answer that is an error
)

// client uses the proxies of the environment. It follows no redirect: another host must not get the token.
var client = &http.Client{Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// A call is a request to a service. Without a body it is a GET, and else a POST.
type call struct {
	address, mediaType string
	body               []byte
	// token is sent if it is not empty.
	token string
}

// ask sends a request until it succeeds or fails for good, and returns the answer.
func ask(ctx context.Context, c call) ([]byte, error) {
	for try := 1; ; try++ {
		answer, again, err := c.once(ctx)
		if err == nil || !again || try == tries {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(firstPause << (try - 1)):
		}
	}
}

// once sends the request, and reports whether it may be sent again.
func (c call) once(ctx context.Context) (answer []byte, again bool, err error) {
	method := http.MethodGet
	if c.body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, c.address, bytes.NewReader(c.body))
	if err != nil {
		return nil, false, redact.Error(err)
	}
	if c.body != nil {
		request.Header.Set("Content-Type", c.mediaType)
	}
	request.Header.Set("Accept", "application/json, */*")
	request.Header.Set("User-Agent", "slipway")
	if c.token != "" {
		if u := request.URL; u.Scheme != "https" && !isLoopback(u.Hostname()) {
			return nil, false, errors.New("the identity token is sent only over https: whoever reads it can sign as this identity")
		}
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := client.Do(request)
	if err != nil {
		var with *url.Error
		if errors.As(err, &with) {
			err = with.Err // the caller names the address
		}
		return nil, httpretry.TemporaryError(err), err
	}
	defer response.Body.Close() // ignore error: read-only
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, httpretry.TemporaryError(err), err
	case len(answer) > maxAnswer:
		return nil, false, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case response.StatusCode == http.StatusConflict:
		return nil, false, &conflict{sameHost(response), c.refusal(response.Status, answer)}
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		return nil, httpretry.TemporaryStatus(response.StatusCode), errors.New(c.refusal(response.Status, answer))
	}
	return answer, false, nil
}

// A conflict is the error for something that a service has already.
type conflict struct {
	location string // the address of what it has, or ""
	text     string
}

func (c *conflict) Error() string { return c.text }

// sameHost returns the address that an answer refers to, if the service itself has it.
func sameHost(response *http.Response) string {
	at, err := response.Location()
	if asked := response.Request.URL; err != nil || at.Scheme != asked.Scheme || at.Host != asked.Host {
		return ""
	}
	return at.String()
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// refusal describes an answer that is an error. A service may repeat the token in it.
func (c call) refusal(status string, answer []byte) string {
	var secrets redact.Secrets
	secrets.Add(c.token)
	text := secrets.Text(strings.TrimSpace(string(answer)))
	return fmt.Sprintf("%s: %s", status, text[:min(len(text), maxRefusal)])
}

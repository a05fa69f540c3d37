package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/slipway-build/slipway/images/store"
)

// An answerError is an answer of a registry that is not the one wanted.
type answerError struct {
	status int
	// codes and detail are what the registry says about it.
	codes  []string
	detail string
	// wait is how long it asks to wait, if it does.
	wait       time.Duration
	asksToWait bool
}

// maxDetail is how much of a registry's own words stands in an error.
const maxDetail = 200

func newAnswerError(resp *http.Response) *answerError {
	e := &answerError{status: resp.StatusCode}
	e.wait, e.asksToWait = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return e
	}
	// distribution-spec, "Error Codes". Other bodies are pages of proxies.
	var body struct {
		Errors []transport.Diagnostic `json:"errors"`
	}
	if json.Unmarshal(raw, &body) == nil {
		e.diagnose(body.Errors)
	}
	return e
}

func (e *answerError) diagnose(diagnostics []transport.Diagnostic) {
	var said []string
	for _, d := range diagnostics {
		e.codes = append(e.codes, string(d.Code))
		if d.Message != "" {
			said = append(said, d.Message)
		} else {
			said = append(said, string(d.Code))
		}
	}
	e.detail = oneLine(strings.Join(said, "; "))
}

func (e *answerError) Error() string {
	s := strings.TrimSpace(fmt.Sprintf("%d %s", e.status, http.StatusText(e.status)))
	if e.detail != "" {
		s += ": " + e.detail
	}
	if e.asksToWait && e.wait > 0 {
		s += fmt.Sprintf(" (asks to come back in %s)", e.wait.Round(time.Second))
	}
	return s
}

// oneLine is the first line of s, shortened.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if runes := []rune(s); len(runes) > maxDetail {
		return string(runes[:maxDetail]) + "…"
	}
	return s
}

// A localError is not the registry's: the disk is full, or the source of what is
// pushed cannot be read.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// A failure is what the user reads. It says in its own words what cause is about.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// hostName spells a registry as people do, and as docker login takes it.
func hostName(r name.Registry) string {
	if r.RegistryStr() == name.DefaultRegistry {
		return "docker.io"
	}
	return r.RegistryStr()
}

// explain says what went wrong with what: an image, or a blob of one.
func (e *endpoint) explain(what string, err error) error {
	var (
		told   *failure
		ours   *localError
		answer *answerError
		given  *transport.Error
		wrong  *store.ContentError
		count  *exhausted
	)
	host := hostName(e.repo.Registry)
	times := ""
	if errors.As(err, &count) {
		times = fmt.Sprintf(" (%d tries)", count.tries)
	}
	switch {
	case isEnded(err), errors.As(err, &told):
		return err
	case errors.As(err, &ours):
		return ours.error
	case errors.As(err, &answer):
	case errors.As(err, &given):
		if given.StatusCode == http.StatusNotFound && given.Request != nil && given.Request.URL.Path == "/v2/" {
			return &failure{host + " is no registry: it answers /v2/ with 404 Not Found", err}
		}
		answer = &answerError{status: given.StatusCode}
		answer.diagnose(given.Errors)
	case errors.As(err, &wrong):
		return &failure{fmt.Sprintf("registry %s sent wrong bytes for %s twice: %v", host, what, wrong), err}
	case isTemporary(err), isNetwork(err):
		return &failure{fmt.Sprintf("registry %s does not answer: %s%s", host, plainly(err), times), err}
	default:
		return &failure{fmt.Sprintf("registry %s, %sing %s: %s", host, e.verb, what, plainly(err)), err}
	}
	switch {
	case answer.status == http.StatusUnauthorized, answer.status == http.StatusForbidden:
		return &failure{e.refusal(what, answer), fs.ErrPermission}
	case answer.status == http.StatusNotFound && e.verb == pull:
		text := fmt.Sprintf("registry %s has no %s", host, what)
		if answer.detail != "" {
			text += " (" + answer.detail + ")"
		}
		return &failure{text, fs.ErrNotExist}
	case isTemporaryStatus(answer.status):
		return &failure{fmt.Sprintf("registry %s does not answer: %v%s", host, answer, times), err}
	}
	return &failure{fmt.Sprintf("registry %s refused the %s of %s: %v", host, e.verb, what, answer), err}
}

// refusal says who was not let in, and what may help.
func (e *endpoint) refusal(what string, answer *answerError) string {
	host := hostName(e.repo.Registry)
	key := e.credentials()
	login := fmt.Sprintf("run `docker login %s`", host)
	if !key.known() {
		s := fmt.Sprintf("registry %s wants credentials to %s %s, and none are known: %s", host, e.verb, what, login)
		if key.trouble != nil {
			s += fmt.Sprintf("; Docker's config did not help: %s", oneLine(key.trouble.Error()))
		} else if e.verb == pull {
			s += ", or mend the name: what does not exist is refused, too"
		}
		return s
	}
	if answer.status == http.StatusUnauthorized {
		return fmt.Sprintf("registry %s does not accept %s to %s %s (%v): %s", host, key, e.verb, what, answer, login)
	}
	return fmt.Sprintf("registry %s does not let %s %s %s (%v): ask for the right, or %s", host, key, e.verb, what, answer, login)
}

// isNetwork says whether err comes from below HTTP.
func isNetwork(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns)
}

// plainly says what went wrong below HTTP. The URL that net/http puts before it may
// hold a signature that opens a blob to everyone.
func plainly(err error) string {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return oneLine(err.Error())
}

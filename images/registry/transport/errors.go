package transport

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/httpretry"
	"github.com/slipway-build/slipway/internal/redact"
)

// An AnswerError is an answer with a status that the caller of Do did not want.
type AnswerError struct {
	Status int
	// TokenServer is the host of the token server, if it sent the answer.
	TokenServer string
	// codes and detail are the registry's own description. detail may contain secrets that must be
	// redacted.
	codes  []string
	detail string
	// wait is the value of Retry-After, valid if asksToWait.
	wait       time.Duration
	asksToWait bool
	// answered is the number of requests that the host had answered before, if there were too many (429).
	answered int64
}

// maxDetail limits the part of an error that quotes a registry, in characters.
const maxDetail = 200

// maxAnswer limits how much of a response that is not content is read, in bytes.
const maxAnswer = 1 << 20

func newAnswerError(resp *http.Response) *AnswerError {
	e := &AnswerError{Status: resp.StatusCode}
	e.wait, e.asksToWait = httpretry.After(resp.Header, time.Now())
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return e
	}
	// distribution-spec, "Error Codes". Other bodies are error pages of proxies.
	var body struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		// Error bodies of token servers: Docker's, and RFC 6749, section 5.2.
		Details          string `json:"details"`
		ErrorDescription string `json:"error_description"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return e
	}
	var said []string
	for _, d := range body.Errors {
		e.codes = append(e.codes, d.Code)
		said = append(said, cmp.Or(d.Message, d.Code))
	}
	e.detail = cmp.Or(strings.Join(said, "; "), body.Details, body.ErrorDescription)
	return e
}

func (e *AnswerError) Error() string {
	s := strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
	if e.detail != "" {
		s += ": " + oneLine(redact.Text(e.detail))
	}
	if e.asksToWait && e.wait > 0 {
		s += fmt.Sprintf(" (retry after %s)", e.wait.Round(time.Second))
	}
	return s
}

// Has reports whether the registry sent one of the codes (distribution-spec, "Error Codes").
func (e *AnswerError) Has(codes ...string) bool {
	return slices.ContainsFunc(e.codes, func(c string) bool { return slices.Contains(codes, c) })
}

// isAnswer reports whether err is an answer of a server, rather than a failure to get one.
func isAnswer(err error) bool {
	var a *AnswerError
	return errors.As(err, &a)
}

// IsRefusal reports whether err is an AnswerError that another attempt would not change.
func IsRefusal(err error) bool { return isAnswer(err) && !isTemporary(err) }

// oneLine returns the first line of s, shortened to maxDetail.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if runes := []rune(s); len(runes) > maxDetail {
		return string(runes[:maxDetail]) + "…"
	}
	return s
}

// A LocalError is an error on this side: the disk is full, or the content to push cannot be read. Another attempt would
// not help, and Explain returns Err unchanged.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return e.Err.Error() }
func (e *LocalError) Unwrap() error { return e.Err }

// A failure has the complete text for the user. cause is for errors.Is and errors.As.
type failure struct {
	text  string
	cause error
}

// Failure returns an error whose text is complete, so that Explain returns it unchanged. It wraps cause.
func Failure(text string, cause error) error { return &failure{text, cause} }

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// Explain turns err into an error for the user: one line, which names the registry. It wraps err, fs.ErrNotExist or
// fs.ErrPermission. what is the content: image NAME, or blob DIGEST of image NAME. For a nil err, it returns nil.
func (e *Endpoint) Explain(what string, err error) error {
	var (
		told   *failure
		ours   *LocalError
		answer *AnswerError
		wrong  *store.ContentError
		count  *exhausted
	)
	host := images.RegistryName(e.repo.Registry)
	times := ""
	if errors.As(err, &count) {
		times = fmt.Sprintf(" (%d tries)", count.tries)
	}
	switch {
	case err == nil, IsEnded(err), errors.As(err, &told):
		return err
	case errors.As(err, &ours):
		return ours.Err
	case errors.As(err, &answer):
		return e.explainAnswer(what, *answer, times, err)
	case errors.As(err, &wrong):
		return &failure{fmt.Sprintf("registry %s sent wrong content for %s twice: %v", host, what, wrong), err}
	case e.reaching(err) != "":
		return &failure{fmt.Sprintf("cannot reach registry %s: %s", host, e.reaching(err)), err}
	case isTemporary(err), isNetwork(err):
		return &failure{fmt.Sprintf("registry %s does not answer: %s%s", host, e.Plainly(err), times), err}
	}
	return &failure{fmt.Sprintf("registry %s, %sing %s: %s", host, e.verb, what, e.Plainly(err)), err}
}

func (e *Endpoint) explainAnswer(what string, answer AnswerError, times string, err error) error {
	host := images.RegistryName(e.repo.Registry)
	answer.detail = e.transport.secrets.Text(answer.detail)
	switch {
	case answer.Status == http.StatusUnauthorized, answer.Status == http.StatusForbidden:
		return &failure{e.refusal(what, answer), fs.ErrPermission}
	case isTemporary(&answer):
		return &failure{fmt.Sprintf("registry %s does not answer: %v%s", host, &answer, times), err}
	case answer.TokenServer != "":
		return &failure{fmt.Sprintf("the token server %s of registry %s refused a token to %s %s: %v", answer.TokenServer, host, e.verb, what, &answer), err}
	case answer.Status == http.StatusBadRequest && e.host.strange == answer.Status && e.host.scheme == "http":
		return &failure{fmt.Sprintf("registry %s refused the %s of %s: %v: it may expect TLS, but a setting selects plain HTTP (%s)", host, e.verb, what, &answer, page), err}
	case answer.Status == http.StatusNotFound && e.host.strange == http.StatusNotFound && len(answer.codes) == 0:
		return &failure{host + " is not a registry: it answers /v2/ with 404 Not Found", err}
	case answer.Status == http.StatusNotFound && e.verb == pull:
		text := fmt.Sprintf("registry %s has no %s", host, what)
		if answer.detail != "" {
			text += " (" + oneLine(answer.detail) + ")"
		}
		return &failure{text, fs.ErrNotExist}
	}
	return &failure{fmt.Sprintf("registry %s refused the %s of %s: %v", host, e.verb, what, &answer), err}
}

// refusal returns the error for denied access, and suggests a remedy.
func (e *Endpoint) refusal(what string, answer AnswerError) string {
	host := images.RegistryName(e.repo.Registry)
	key, shown := e.credentials()
	login := fmt.Sprintf("run `slipway login %s`, or set DOCKER_USERNAME and DOCKER_PASSWORD if it is the project's registry; %s", host, page)
	asked, of := "registry "+host, ""
	if answer.TokenServer != "" {
		asked, of = "the token server "+answer.TokenServer, " of registry "+host
	}
	switch {
	case !key.Known():
		s := fmt.Sprintf("registry %s requires credentials to %s %s, and none were found", host, e.verb, what)
		if key.Trouble != nil {
			s += " (" + oneLine(e.transport.secrets.Text(strings.ReplaceAll(key.Trouble.Error(), "\n", "; "))) + ")"
		} else if e.verb == pull {
			s += " (some registries refuse what does not exist: check the name)"
		}
		return s + ": " + login
	case !shown:
		return fmt.Sprintf("registry %s denied the %s of %s without requesting credentials (%v); %s was not used", host, e.verb, what, &answer, key)
	case answer.Status == http.StatusUnauthorized:
		return fmt.Sprintf("%s%s does not accept %s to %s %s (%v): %s", asked, of, key, e.verb, what, &answer, login)
	}
	return fmt.Sprintf("%s%s does not allow %s to %s %s (%v): request access, or %s", asked, of, key, e.verb, what, &answer, login)
}

// isNetwork reports whether err is from a layer below HTTP.
func isNetwork(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns)
}

// Plainly returns the text of an error without secrets, for an explanation. It drops the URL that net/http adds, which
// may contain the signature of a pre-signed URL.
func (e *Endpoint) Plainly(err error) string {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			return oneLine(e.transport.secrets.Text(err.Error()))
		}
		err = u.Err
	}
}

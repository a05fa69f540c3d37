package transport

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"

	"github.com/slipway-build/slipway/images/credentials"
)

// An authorization is the credentials of one request.
type authorization struct {
	header string // the Authorization header, or empty
	serial int    // number of the token
	bearer bool   // whether header contains a bearer token
}

// A token is a bearer token of an endpoint.
type token struct {
	value   string
	expires time.Time
}

// tokenLife is the lifetime of a token whose server does not send expires_in (distribution's "Token
// Authentication Specification").
const tokenLife = time.Minute

// fresh reports whether the token will still be valid when a request starts.
func (t token) fresh(now time.Time) bool {
	return t.value != "" && now.Add(5*time.Second).Before(t.expires)
}

// authorization returns the authorization for the next request. It greets the host first, and gets
// a token if the host requires one and there is no valid one.
func (e *Endpoint) authorization(ctx context.Context) (authorization, error) {
	if err := e.host.greet(ctx); err != nil {
		return authorization{}, err
	}
	release, err := e.lock(ctx)
	if err != nil {
		return authorization{}, err
	}
	defer release()
	if !e.met {
		e.met, e.challenge, e.key = true, e.host.challenge, e.keyOf()
		e.transport.secrets.Add(e.key.Secrets()...)
	}
	return e.current(ctx)
}

// current builds the header from the current state. The caller holds the lock.
func (e *Endpoint) current(ctx context.Context) (authorization, error) {
	used := authorization{serial: e.serial}
	switch {
	case e.challenge == nil:
	case e.challenge.Scheme == auth.BasicAuth:
		if user, password := e.key.Login(); user != "" || password != "" {
			e.shown = true
			used.header = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
		} else if e.key.RegistryToken != "" {
			e.shown = true
			used.header = "Bearer " + e.key.RegistryToken
		}
	case e.challenge.Scheme == auth.BearerAuth && e.key.RegistryToken != "":
		e.shown = true
		used.header = "Bearer " + e.key.RegistryToken
	case e.challenge.Scheme == auth.BearerAuth:
		if !e.token.fresh(time.Now()) {
			if err := e.fetchToken(ctx); err != nil {
				return authorization{}, err
			}
		}
		used.header, used.serial, used.bearer = "Bearer "+e.token.value, e.serial, true
	}
	return used, nil
}

// renew gets other credentials after resp, the answer to a request that was sent with used. It
// returns false if there are none.
func (e *Endpoint) renew(ctx context.Context, used authorization, resp *http.Response) (bool, error) {
	challenge := challengeOf(resp)
	// RFC 6750, section 3.1: insufficient_scope comes with 403.
	if resp.StatusCode != http.StatusUnauthorized &&
		(resp.StatusCode != http.StatusForbidden || challenge == nil || challenge.Scheme != auth.BearerAuth) {
		return false, nil
	}
	release, err := e.lock(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if e.serial != used.serial {
		return true, nil // another goroutine has renewed it
	}
	if challenge != nil {
		e.challenge = challenge
	}
	if e.challenge == nil {
		return false, nil
	}
	if scope := e.challenge.Parameters["scope"]; scope != "" && !slices.Contains(e.scopes, scope) {
		// The new scope comes first, since some token servers obey only the first.
		e.scopes = append([]string{scope}, e.scopes...)
	}
	e.token = token{}
	next, err := e.current(ctx)
	return err == nil && next.header != used.header, err
}

// fetchToken requests a token from the token server in the challenge. The caller holds the lock.
func (e *Endpoint) fetchToken(ctx context.Context) error {
	realm, err := e.realm()
	if err != nil {
		return err
	}
	options := auth.TokenOptions{Realm: realm.String(), Service: e.challenge.Parameters["service"], Scopes: e.scopes}
	options.Username, options.Secret = e.key.Login()
	client := &http.Client{Transport: tokenServer{e.host.wire}, CheckRedirect: checkTokenRedirect}
	began := time.Now()
	next := token{expires: began.Add(tokenLife)}
	e.shown = e.key.Known()
	var life int
	if e.key.IdentityToken != "" {
		options.Username, options.Secret = "", e.key.IdentityToken
		answer, err := auth.FetchTokenWithOAuth(ctx, client, e.transport.agent, "slipway", options)
		if err != nil {
			return err
		}
		next.value, life = answer.AccessToken, answer.ExpiresInSeconds
		if answer.RefreshToken != "" {
			e.key.IdentityToken = answer.RefreshToken
			e.transport.secrets.Add(answer.RefreshToken)
		}
	} else {
		answer, err := auth.FetchToken(ctx, client, e.transport.agent, options)
		if err != nil {
			return err
		}
		next.value, life = answer.Token, answer.ExpiresInSeconds
	}
	if life := time.Duration(life) * time.Second; life > tokenLife {
		next.expires = began.Add(life)
	}
	e.transport.secrets.Add(next.value)
	e.token = next
	e.serial++
	return nil
}

// realm returns the address of the token server. A registry on the Internet must not make us
// contact a server in this network (SSRF), or send a password over plain HTTP.
func (e *Endpoint) realm() (*url.URL, error) {
	text := e.challenge.Parameters["realm"]
	realm, err := url.Parse(text)
	if err != nil || realm.Host == "" || realm.Scheme != "https" && realm.Scheme != "http" {
		return nil, fmt.Errorf("its token server (realm) %q is not an http or https URL", text)
	}
	if realm.Scheme == "http" && e.host.scheme == "https" {
		return nil, fmt.Errorf("refusing to send credentials to its token server %s over plain HTTP", realm.Host)
	}
	return realm, checkHop(e.host.url(""), realm)
}

// checkTokenRedirect protects credentials from servers that the token server redirects to.
func checkTokenRedirect(req *http.Request, via []*http.Request) error {
	if err := checkRedirect(req, via); err != nil {
		return err
	}
	if origin(req.URL) == origin(via[0].URL) {
		return nil
	}
	if req.Body != nil && req.Body != http.NoBody {
		return fmt.Errorf("the token server redirects to %s, which must not receive a refresh token", req.URL.Host)
	}
	req.Header.Del("Authorization")
	return nil
}

// tokenServer sends requests for tokens. A refusal is an *AnswerError, and an answer has at most
// maxAnswer bytes.
type tokenServer struct{ next http.RoundTripper }

func (s tokenServer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer resp.Body.Close()
		refused := newAnswerError(resp)
		refused.TokenServer = req.URL.Host
		return nil, refused
	}
	resp.Body = &limitedBody{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}

// challengeOf returns the first challenge in resp that this package supports, or nil. It prefers
// bearer tokens to passwords.
func challengeOf(resp *http.Response) *auth.Challenge {
	for _, c := range auth.ParseAuthHeader(resp.Header) {
		if c.Scheme == auth.BearerAuth || c.Scheme == auth.BasicAuth {
			return &c
		}
	}
	return nil
}

// lock acquires turn, and returns the function that releases it.
func (e *Endpoint) lock(ctx context.Context) (release func(), err error) {
	if release, err = e.turn.Acquire(ctx); err != nil {
		return nil, Ended(ctx)
	}
	return release, nil
}

// credentials returns the key of the endpoint, and whether it was sent to a server.
func (e *Endpoint) credentials() (credentials.Key, bool) {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if !e.met {
		return e.keyOf(), false
	}
	return e.key, e.shown
}

// keyOf looks up the key for the host. A mirror has credentials of its own.
func (e *Endpoint) keyOf() credentials.Key {
	switch {
	case e.given != nil:
		return *e.given
	case e.host.Mirror:
		return e.transport.keys.Key(e.host.Address, e.repo.RepositoryStr())
	}
	return e.transport.keys.Key(e.repo.RegistryStr(), e.repo.RepositoryStr())
}

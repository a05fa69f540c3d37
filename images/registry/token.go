package registry

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

// An authorization is what a request was sent with.
type authorization struct {
	header string // the value of Authorization, or empty
	serial int    // counts the tokens of an endpoint
	bearer bool   // whether header is such a token
}

// A token is a bearer token of an endpoint.
type token struct {
	value   string
	expires time.Time
}

// tokenLife is how long a token lives whose server does not say it (distribution's
// "Token Authentication Specification", expires_in).
const tokenLife = time.Minute

// fresh says whether the token will outlive the beginning of a request.
func (t token) fresh(now time.Time) bool {
	return t.value != "" && now.Add(5*time.Second).Before(t.expires)
}

// authorization returns what the next request is to be sent with. It greets the host
// first, and gets a token if the host wants one and there is none that lives.
func (e *endpoint) authorization(ctx context.Context) (authorization, error) {
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
		e.client.secrets.Add(e.key.Secrets()...)
	}
	return e.current(ctx)
}

// current makes the header from what is known. The caller holds the lock.
func (e *endpoint) current(ctx context.Context) (authorization, error) {
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

// renew gets other credentials after resp, the answer to a request that was sent with
// used. It returns false if there are none.
func (e *endpoint) renew(ctx context.Context, used authorization, resp *http.Response) (bool, error) {
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
		// In front, as some token servers obey only the first.
		e.scopes = append([]string{scope}, e.scopes...)
	}
	e.token = token{}
	next, err := e.current(ctx)
	return err == nil && next.header != used.header, err
}

// fetchToken asks the token server that the challenge names. The caller holds the lock.
func (e *endpoint) fetchToken(ctx context.Context) error {
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
		answer, err := auth.FetchTokenWithOAuth(ctx, client, e.client.agent, "slipway", options)
		if err != nil {
			return err
		}
		next.value, life = answer.AccessToken, answer.ExpiresInSeconds
		if answer.RefreshToken != "" {
			e.key.IdentityToken = answer.RefreshToken
			e.client.secrets.Add(answer.RefreshToken)
		}
	} else {
		answer, err := auth.FetchToken(ctx, client, e.client.agent, options)
		if err != nil {
			return err
		}
		next.value, life = answer.Token, answer.ExpiresInSeconds
	}
	if life := time.Duration(life) * time.Second; life > tokenLife {
		next.expires = began.Add(life)
	}
	e.client.secrets.Add(next.value)
	e.token = next
	e.serial++
	return nil
}

// realm is the address of the token server. A registry on the Internet must not make
// us ask a server of this network (SSRF), nor send a password in plain HTTP.
func (e *endpoint) realm() (*url.URL, error) {
	text := e.challenge.Parameters["realm"]
	realm, err := url.Parse(text)
	if err != nil || realm.Host == "" || realm.Scheme != "https" && realm.Scheme != "http" {
		return nil, fmt.Errorf("its token server (realm) %q is not an http or https URL", text)
	}
	if realm.Scheme == "http" && e.host.scheme == "https" {
		return nil, fmt.Errorf("its token server %s would get credentials in plain HTTP", realm.Host)
	}
	return realm, checkHop(e.host.url(""), realm)
}

// checkTokenRedirect keeps credentials from servers that the token server redirects to.
func checkTokenRedirect(req *http.Request, via []*http.Request) error {
	if err := checkRedirect(req, via); err != nil {
		return err
	}
	if origin(req.URL) == origin(via[0].URL) {
		return nil
	}
	if req.Body != nil && req.Body != http.NoBody {
		return fmt.Errorf("the token server redirects to %s, which must not see a refresh token", req.URL.Host)
	}
	req.Header.Del("Authorization")
	return nil
}

// tokenServer carries requests for tokens. A refusal is an *answerError, and an answer
// has at most maxAnswer bytes.
type tokenServer struct{ next http.RoundTripper }

func (s tokenServer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer resp.Body.Close()
		refused := newAnswerError(resp)
		refused.tokenServer = req.URL.Host
		return nil, refused
	}
	resp.Body = &limitedBody{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}

// challengeOf is how a host asks for credentials, in a way that is known here. Bearer
// tokens are preferred to passwords.
func challengeOf(resp *http.Response) *auth.Challenge {
	for _, c := range auth.ParseAuthHeader(resp.Header) {
		if c.Scheme == auth.BearerAuth || c.Scheme == auth.BasicAuth {
			return &c
		}
	}
	return nil
}

// lock makes credentials the business of one goroutine at a time.
func (e *endpoint) lock(ctx context.Context) (release func(), err error) { return e.turn.acquire(ctx) }

// credentials returns those of the endpoint, and whether anybody was shown them.
func (e *endpoint) credentials() (credentials.Key, bool) {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if !e.met {
		return e.keyOf(), false
	}
	return e.key, e.shown
}

// keyOf looks up who we are to the host. A mirror has credentials of its own.
func (e *endpoint) keyOf() credentials.Key {
	switch {
	case e.given != nil:
		return *e.given
	case e.host.Mirror:
		return e.client.keys.Key(e.host.Address, e.repo.RepositoryStr())
	}
	return e.client.keys.Key(e.repo.RegistryStr(), e.repo.RepositoryStr())
}

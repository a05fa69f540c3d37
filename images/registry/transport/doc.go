// Package transport sends requests to registries, and explains their errors.
//
// A registry is reached through hosts: its mirrors, and its own server. An endpoint is one repository on one host, with
// the credentials to pull from it or to push to it. A request can be sent several times. Each time is an attempt; a
// pace limits the number and the rate of attempts. An answer is a response with a status that the caller did not want.
// Package registry decides which requests to send.
//
// # Attempts
//
// An operation on an endpoint makes one attempt; Pace.Try makes several. Whether it makes another one depends on the
// kind of failure. Each attempt has a new body and valid credentials:
//
//   - A temporary status (httpretry.TemporaryStatus), a broken connection, and a transfer without a byte for 30 seconds: up to
//     five attempts, with increasing delays. Retry-After is obeyed up to two minutes.
//   - 429: as before, and all requests to the host are sent at half the rate, which increases again as the host answers.
//     While it does, up to 20 refusals do not count as attempts.
//   - 401: a new token, since a token may expire during a request, and then the request again. This is part of an
//     attempt.
//   - Content with a wrong digest: one more attempt.
//   - A TemporaryError: as for 5xx. Callers return it for errors that they know to be temporary.
//   - Other refusals (400, 401, 403, 404) and a LocalError are final.
//
// # Errors
//
// Endpoint.Explain makes an error for the user: it is one line, names the registry and contains no secret. An error
// about missing content wraps fs.ErrNotExist, and one about missing permission wraps fs.ErrPermission.
//
// # Credentials
//
// A host receives credentials only if it requests them (distribution's "Token Authentication Specification", RFC 7617).
// Hosts that a registry redirects to receive none: authorized (request.go) adds
// credentials to requests to the registry's own host alone, and checkRedirect (wire.go) decides which redirects are
// followed. A failing credential helper is an error only if the registry
// requires credentials.
//
// # Hosts
//
// Registries with loopback and private addresses are contacted over HTTPS, then over plain HTTP if they do not speak
// TLS; all others over HTTPS only. Package hosts provides exceptions and mirrors. A mirror is tried once per request. A
// registry on the Internet must not redirect or refer to an address in this network.
package transport

// Package httpretry decides whether a failed HTTP request should be sent again. It is the one place for statuses
// (TemporaryStatus), errors of connections (TemporaryError) and Retry-After, for registries, destinations of publish and
// fetched files alike.
package httpretry

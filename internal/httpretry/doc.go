// Package httpretry decides which failures of an HTTP request may pass, so that the request should be sent again.
package httpretry

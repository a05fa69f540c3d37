// Package httpretry decides whether a failed HTTP request should be sent again.
package httpretry

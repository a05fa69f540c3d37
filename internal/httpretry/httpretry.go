package httpretry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// TemporaryStatus reports whether a server that responded with status may respond differently later: 408, 429 and 5xx,
// except 501 and 505, which describe features that the server lacks (RFC 9110, sections 15.5.9 and 15.6; RFC 6585,
// section 4).
func TemporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// After returns the delay that a response requests by the header Retry-After: seconds or a date (RFC 9110, section
// 10.2.3). It returns false if the header is missing or invalid.
func After(header http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if when, err := http.ParseTime(value); err == nil {
		return max(0, when.Sub(now)), true
	}
	return 0, false
}

// TemporaryError reports whether a request that failed with err, before its response was complete, may succeed later.
// An untrusted certificate, an unknown host, and a refused connection are permanent.
func TemporaryError(err error) bool {
	var (
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return true
	case errors.As(err, &timeout) && timeout.Timeout():
		return true
	case Broken(err):
		return true
	}
	// net/http does not export the types of the errors of HTTP/2, and of some other errors.
	text := err.Error()
	return slices.ContainsFunc([]string{"http2: ", "stream error: ", "http: server closed idle connection",
		"use of closed network connection", "transport connection broken"}, func(part string) bool { return strings.Contains(text, part) })
}

// Broken reports whether an established connection broke, for instance by a reset. Connection refused is permanent. The
// system's error may be wrapped by several operations, as in
//
//	readfrom tcp 10.0.0.1:40000->10.0.0.2:443: write tcp …: connection reset by peer
func Broken(err error) bool {
	for _, errno := range []error{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, errno) {
			return true
		}
	}
	broken := false
	eachError(err, func(err error) {
		if op, ok := err.(*net.OpError); ok {
			// Windows has its own errors for a broken connection.
			broken = broken || op.Op == "read" || op.Op == "write"
		}
	})
	return broken
}

// eachError visits err and all errors that it wraps.
func eachError(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		eachError(err.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, e := range err.Unwrap() {
			eachError(e, visit)
		}
	}
}

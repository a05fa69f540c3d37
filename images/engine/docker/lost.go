package docker

import (
	"errors"
	"fmt"
	"net/url"

	docker "github.com/docker/docker/client"

	"github.com/slipway-build/slipway/images/engine/endpoint"
)

// Unreachable reports whether an error is that no Engine listens at the address, or that the Engine went away before it
// had answered.
func Unreachable(err error) bool {
	var lost *lostError
	return docker.IsErrConnectionFailed(err) || errors.As(err, &lost)
}

// A lostError is that an Engine, which had answered before, went away.
type lostError struct{ cause error }

func (e *lostError) Error() string {
	return fmt.Sprintf("lost the connection to the engine (%v): see its log, and try again when it runs", e.cause)
}

func (e *lostError) Unwrap() error { return e.cause }

// plain returns the error of a request without the text that Docker's client adds.
func plain(err error) error {
	var lost *lostError
	var request *url.Error
	switch {
	case errors.As(err, &lost):
		return err
	case !docker.IsErrConnectionFailed(err):
		return endpoint.Plain(err)
	case errors.As(err, &request):
		return &lostError{request.Err}
	}
	return &lostError{err}
}

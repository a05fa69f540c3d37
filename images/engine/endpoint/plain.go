package endpoint

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Plain removes the text that gRPC and Docker's client add to an error. The result wraps err.
func Plain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s := err.Error()
	for _, noise := range []string{"rpc error: ", "code = Unavailable ", "code = Unknown ", "desc = ", "connection error: ",
		"failed to list workers: ", "failed to solve: ", "Unavailable: ", "Error while dialing: "} {
		s = strings.ReplaceAll(s, noise, "")
	}
	if quoted, err := strconv.Unquote(s); err == nil {
		s = quoted
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "transport: "), "Error while dialing: ")
	if s == err.Error() {
		return err
	}
	return Reworded(s, err)
}

// Reworded returns an error that wraps err and has another text.
func Reworded(text string, err error) error { return &reworded{text, err} }

type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.err }

package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"

	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/images/engine/endpoint"
)

func recordError(f gateway.BuildFunc, into *error) gateway.BuildFunc {
	return func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
		result, err := f(ctx, c)
		*into = err
		return result, err
	}
}

// explain turns err, the error of the build, into one for the user. own is the error on our side of
// the engine, or nil.
func (j *job) explain(ctx context.Context, err, own error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isGone(err) || isGone(own):
		return &lostError{fmt.Errorf("lost the connection to the engine during the build: %w", endpoint.Plain(err))}
	case own != nil && !errors.Is(own, context.Canceled):
		err = own
	}
	step, line := j.watch.failed()
	if found := lineOfError(err); found > 0 {
		line = found
	}
	reason := reasonOf(err)
	if step != nil && own == nil || step != nil && strings.Contains(err.Error(), step.err) {
		reason = errors.New(withOutput(fmt.Sprintf("%s: %s", stepTitle(step.name), reasonOf(errors.New(step.err))), step.tail))
	}
	if line == 0 && own == nil {
		return reason
	}
	return &buildfile.SourceError{File: j.file.Path, Line: line, Err: reason}
}

// lineOfError returns the line of the Dockerfile in err, or 0.
func lineOfError(err error) int {
	var located *parser.LocationError
	if errors.As(err, &located) {
		for _, ranges := range slices.Backward(located.Locations) {
			for _, r := range ranges {
				if r.Start.Line > 0 {
					return r.Start.Line
				}
			}
		}
	}
	var step *stepError
	if errors.As(err, &step) && step.line() > 0 {
		return step.line()
	}
	for _, source := range errdefs.Sources(err) {
		for _, r := range source.Ranges {
			if r.Start != nil && r.Start.Line > 0 {
				return int(r.Start.Line)
			}
		}
	}
	return 0
}

// stepNumber is the position of a step in its stage: [build 2/3].
var stepNumber = regexp.MustCompile(`^\[[^\]]*\] `)

// stepTitle returns the Dockerfile's text of a step.
func stepTitle(name string) string { return stepNumber.ReplaceAllString(name, "") }

// noise is text that BuildKit adds to errors.
var noise = regexp.MustCompile(`^(failed to solve: |rpc error: code = \w+ desc = |failed to run Build function: |` +
	`dockerfile parse error on line \d+: |executor failed running \[[^\n]*\]: |process "[^\n]*" did not complete successfully: |` +
	`runc did not terminate successfully: |failed to compute cache key: |failed to calculate checksum of ref \S+: )+`)

// unclear are errors of BuildKit that need rewording.
var unclear = []struct {
	pattern *regexp.Regexp
	meaning string
}{
	// From BuildKit up to 0.8, about a file of the context.
	{regexp.MustCompile(`^("[^"]*") not found: not found$`), "$1: not found"},
	{regexp.MustCompile(`^invalid user index: -1$`), "the user or group does not exist, since the image has no /etc/passwd; give numbers"},
}

// reasonOf returns the text of err without noise.
func reasonOf(err error) error {
	s := err.Error()
	short := noise.ReplaceAllString(s, "")
	for _, u := range unclear {
		short = u.pattern.ReplaceAllString(short, u.meaning)
	}
	if short == s || short == "" {
		return err
	}
	return endpoint.Reworded(short, err)
}

// withOutput appends the end of a step's output to a message.
func withOutput(message string, tail []string) string {
	if len(tail) == 0 {
		return message
	}
	return message + "\nits output ended:\n    " + strings.Join(tail, "\n    ")
}

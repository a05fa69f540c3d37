package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// inheritable contains the variables that each hook inherits: where files are, and how the network is reached.
var inheritable = process.Basic.And(
	"LANG", "LC_*", "TERM", "TZ", "SSH_AUTH_SOCK", "NETRC",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOROOT", "GOTOOLCHAIN", "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB",
	"DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
)

// execute runs the command of a hook.
func (r *Runner) execute(ctx context.Context, h Hook, env []string, out output) error {
	if h.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, h.Timeout, fmt.Errorf("timeout: it was ended after %s; the key timeout sets a longer one", h.Timeout))
		defer cancel()
	}
	cmd := process.Shell(ctx, h.Shell)
	if len(h.Args) > 0 {
		cmd = process.Command(ctx, h.Args[0], h.Args[1:]...)
	}
	cmd.Dir, cmd.Env = r.Place(path.Clean(h.Dir)), env
	cmd.Stdout, cmd.Stderr = &out, &out
	err := process.Run(ctx, cmd)
	out.flush()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, process.ErrNotFound):
		return notFound(cmd.Args[0])
	case errors.Is(err, process.ErrLeftRunning):
		return fmt.Errorf("%s: it ended, but a process that it started kept its output open and was ended%s", h.command(), out.last())
	}
	return fmt.Errorf("%s: %w%s", h.command(), err, out.last())
}

// An output passes the lines that a hook prints to a task, without secrets, and keeps the last ones.
type output struct {
	task    *progress.Task
	secrets *redact.Secrets
	rest    []byte // an incomplete line
	lines   []string
}

const (
	lastLines = 20
	// longest is the maximum size of a line that is kept, in bytes.
	longest = 64 << 10
)

func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		o.rest = append(o.rest, line...)
		if p = rest; whole || len(o.rest) > longest {
			o.flush()
		}
	}
	return n, nil
}

// flush ends an incomplete line.
func (o *output) flush() {
	if o.rest == nil {
		return
	}
	line := o.secrets.Text(strings.TrimRight(string(o.rest), "\r"))
	o.rest = nil
	fmt.Fprintln(o.task, line)
	if o.lines = append(o.lines, line); len(o.lines) > lastLines {
		o.lines = o.lines[1:]
	}
}

// last returns the last lines, to append to a message.
func (o *output) last() string {
	if len(o.lines) == 0 {
		return " (it printed nothing)"
	}
	return "; the last lines of its output:\n\t" + strings.Join(o.lines, "\n\t")
}

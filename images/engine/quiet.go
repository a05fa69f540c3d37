package engine

import (
	"io"

	"github.com/containerd/log"
	"github.com/moby/buildkit/util/bklog"
	"github.com/sirupsen/logrus"
)

// BuildKit's client and containerd's stores log warnings to standard error, in their own format and
// over the progress display. Everything about a build is also returned as its error or as the
// output of a task.
func init() {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	quiet := logrus.NewEntry(logger)
	bklog.L, log.L = quiet, quiet
}

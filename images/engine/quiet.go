package engine

import (
	"io"

	"github.com/containerd/log"
	"github.com/moby/buildkit/util/bklog"
	"github.com/sirupsen/logrus"
)

// BuildKit's client and containerd's stores write warnings to standard error, in
// a form of their own and whatever is drawn there. All that concerns a build
// comes back as its error or as a line of one of its tasks.
func init() {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	quiet := logrus.NewEntry(logger)
	bklog.L, log.L = quiet, quiet
}

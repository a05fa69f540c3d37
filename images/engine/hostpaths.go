package engine

import (
	"path"
	"strings"

	"github.com/moby/buildkit/solver/pb"
)

// fixHostPaths repairs the paths of a step that were made on a Windows host: BuildKit's
// frontend joins the sources of COPY --parents and relative mount targets by the separator
// of the host, which is a backslash there.
func fixHostPaths(op *pb.Op) {
	for _, action := range op.GetFile().GetActions() {
		c := action.GetCopy()
		if c == nil || len(c.RequiredPaths) != len(c.IncludePatterns) {
			continue
		}
		for i, pattern := range c.IncludePatterns {
			c.RequiredPaths[i] = path.Join("/", c.Src, pattern)
		}
	}
	for _, mount := range op.GetExec().GetMounts() {
		if strings.HasPrefix(mount.Dest, `\`) {
			mount.Dest = strings.ReplaceAll(mount.Dest, `\`, "/")
		}
	}
}

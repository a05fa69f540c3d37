//go:build !windows

package process

import (
	"context"
	"os/exec"
)

// Shell returns a command that runs a script with sh, which stops at the first command that fails. On Windows, it runs
// the script with cmd.
func Shell(ctx context.Context, script string) *exec.Cmd {
	return Command(ctx, "sh", "-e", "-c", script)
}

package process

import (
	"context"
	"os/exec"
	"time"
)

// grace is how long an interrupted child may take to clean up before it is killed.
// It is shorter than the 5 s that mage gives a target.
const grace = 3 * time.Second

// ErrNotFound says that a program is not in PATH.
var ErrNotFound = exec.ErrNotFound

// LookPath is exec.LookPath.
func LookPath(program string) (string, error) { return exec.LookPath(program) }

// Command is exec.CommandContext for Run.
func Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = grace
	return cmd
}

// Run runs cmd, which must be made by Command, to its end. When the context is
// done, cmd and all that it started are interrupted, and killed if they take too
// long; the error is then the context's cause. Nothing of them outlives Run or this
// process.
func Run(ctx context.Context, cmd *exec.Cmd) error {
	err := runGuarded(ctx, cmd)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

package process

import (
	"context"
	"os/exec"
	"time"
)

// grace is the time for an interrupted child to clean up before it is killed. It is shorter than
// the 5 s that mage gives a target.
const grace = 3 * time.Second

// ErrNotFound means that a program is not in PATH.
var ErrNotFound = exec.ErrNotFound

// ErrLeftRunning means that a child has ended, but that a process that it started still held its output open. That
// process was ended.
var ErrLeftRunning = exec.ErrWaitDelay

// LookPath is exec.LookPath.
func LookPath(program string) (string, error) { return exec.LookPath(program) }

// Command is exec.CommandContext, for commands that Run runs.
func Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = grace
	return cmd
}

// Run runs cmd, which Command must have created, and waits for its end. When ctx is done, cmd and everything that it
// started are interrupted, and killed after a delay; the error is then the cause of ctx. No process outlives Run or
// this process.
func Run(ctx context.Context, cmd *exec.Cmd) error {
	err := runGuarded(ctx, cmd)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

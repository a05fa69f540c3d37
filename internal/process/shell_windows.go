package process

import (
	"context"
	"os/exec"
	"syscall"
)

// Shell returns a command that runs a script with cmd. With /s, cmd uses the text between the first and the last quote
// unchanged. It does not understand the escapes that os/exec uses for arguments.
func Shell(ctx context.Context, script string) *exec.Cmd {
	cmd := Command(ctx, "cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /d /s /c "` + script + `"`}
	return cmd
}

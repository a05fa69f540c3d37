package process

import (
	"context"
	"os/exec"
	"syscall"
)

// Shell returns a command that runs a script with cmd. With /s, cmd takes everything between the first and the last
// quote as it is; the escapes that os/exec uses for arguments mean nothing to it.
func Shell(ctx context.Context, script string) *exec.Cmd {
	cmd := Command(ctx, "cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /d /s /c "` + script + `"`}
	return cmd
}

//go:build unix

package compile

import (
	"os/exec"
	"syscall"
)

// interruptible makes a cancelled context interrupt cmd and the compilers that it
// started. They are a process group of their own, so that a key pressed in the
// terminal reaches them by us alone, once.
func interruptible(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
}

//go:build !unix

package compile

import "os/exec"

// interruptible leaves a cancelled context to kill cmd: this system has no
// interrupt that reaches only it.
func interruptible(*exec.Cmd) {}

//go:build unix

package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// guardScript prints a line when it is ready, waits until its standard input ends, and then kills
// its process group including itself. It ignores signals that interrupt the group.
const guardScript = `trap '' HUP INT QUIT TERM; echo; read -r _; kill -KILL 0`

// A guard leads the process group of a child.
type guard struct {
	shell *exec.Cmd
	held  *os.File // the guard kills the group when no process holds this open
}

// newGuard starts a guard.
func newGuard() (*guard, error) {
	end, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer end.Close()
	ready, said, err := os.Pipe()
	if err != nil {
		held.Close()
		return nil, err
	}
	defer ready.Close()
	shell := exec.Command("/bin/sh", "-c", guardScript)
	shell.Env = []string{}
	shell.Stdin, shell.Stdout = end, said
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = shell.Start()
	said.Close()
	if err != nil {
		held.Close()
		return nil, err
	}
	g := &guard{shell, held}
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		g.end()
		return nil, fmt.Errorf("waiting for the guard: %w", err)
	}
	return g, nil
}

// signal sends s to the group. The group exists until the guard has been waited for.
func (g *guard) signal(s syscall.Signal) error { return syscall.Kill(-g.shell.Process.Pid, s) }

// end kills the remaining processes of the group.
func (g *guard) end() {
	_ = g.signal(syscall.SIGKILL)
	_ = g.shell.Wait() // it was killed
	g.held.Close()
}

// ownChildren does nothing: each child has a guard.
func ownChildren() error { return nil }

func runGuarded(_ context.Context, cmd *exec.Cmd) error {
	g, err := newGuard()
	if err != nil {
		return fmt.Errorf("starting /bin/sh as the guard of %s: %w", cmd.Path, err)
	}
	defer g.end()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.shell.Process.Pid}
	// go and git remove their temporary files on SIGINT.
	cmd.Cancel = func() error { return g.signal(syscall.SIGINT) }
	return cmd.Run()
}

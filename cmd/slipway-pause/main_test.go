//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this program pause, or a program that starts pause: the tests run the test binary
// with role set.
func TestMain(m *testing.M) {
	switch os.Getenv("role") {
	case "":
		os.Exit(m.Run())
	case "pause":
		os.Unsetenv("role")
		main()
	case "parent":
		if err := becomePauseWithChildren(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// becomePauseWithChildren makes this process the reaper of its descendants, like the first process
// of a namespace. It starts a shell that leaves a process behind, and becomes pause. The reaper's
// flag and the children survive exec.
func becomePauseWithChildren() error {
	const prSetChildSubreaper = 36 // linux/prctl.h
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	// The shell ends before pause is ready; the process that it leaves ends when its input ends.
	shell := exec.Command("sh", "-c", "cat <&3 >/dev/null & exit 0")
	shell.ExtraFiles = []*os.File{os.Stdin}
	if err := shell.Start(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	os.Setenv("role", "pause")
	return syscall.Exec(self, os.Args[:1], os.Environ())
}

// start runs this program in a role, and returns the process and its output.
func start(t *testing.T, role string, stdin *os.File) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "role="+role)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(stderr)
}

// await polls, since the system does not announce a process's state.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// children returns the names and states of the processes whose parent is pid.
func children(t *testing.T, pid int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended in the meantime
		}
		name, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		var parent int
		fmt.Sscan(rest, &state, &parent)
		if parent == pid {
			found = append(found, name[strings.IndexByte(name, '(')+1:]+" "+state)
		}
	}
	return found
}

func TestItStaysUntilToldToGo(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd, says := start(t, "pause", nil)
			// It warns when it is ready.
			if !says.Scan() || !strings.Contains(says.Text(), "it should be the first process") {
				t.Fatalf("it prints %q, want a warning that it is not the first process", says.Text())
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if want := "shutting down, got signal: " + signal.String(); !says.Scan() || !strings.Contains(says.Text(), want) {
				t.Errorf("it prints %q, want a line with %q", says.Text(), want)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended by %v, want status 0", err)
			}
		})
	}
}

func TestItReapsChildrenAndOrphans(t *testing.T) {
	// The orphan reads from a pipe, so that the test determines when it ends.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd, _ := start(t, "parent", r)
	r.Close()
	pid := cmd.Process.Pid
	await(t, "the shell is reaped and its orphan is pause's", func() bool {
		got := children(t, pid)
		return len(got) == 1 && got[0] == "cat S"
	})
	w.Close()
	await(t, "the orphan is reaped", func() bool { return len(children(t, pid)) == 0 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended by %v, want status 0", err)
	}
}

func TestItSaysItsVersion(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"-v"}, "slipway-pause dev\n", 0},
		{[]string{"-x"}, "usage: slipway-pause [-v]\n", 2},
		{[]string{"-v", "-v"}, "usage: slipway-pause [-v]\n", 2},
	} {
		cmd := exec.CommandContext(t.Context(), self, c.args...)
		cmd.Env = append(os.Environ(), "role=pause")
		out, _ := cmd.CombinedOutput()
		if string(out) != c.want || cmd.ProcessState.ExitCode() != c.status {
			t.Errorf("%v: it prints %q with status %d, want %q with %d", c.args, out, cmd.ProcessState.ExitCode(), c.want, c.status)
		}
	}
}

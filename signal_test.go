//go:build unix

package slipway_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowGo replaces go: a build starts a compiler, prints its parent (its guard's group has another
// parent) and waits. Each of them keeps the named pipe open while it runs.
const slowGo = `#!/bin/sh
[ "$1" = build ] && [ "$GOENV" = off ] || exec 'REALGO' "$@"
exec 9>'ALIVE'
sleep 1000 &
echo "$PPID" >&9
wait
`

// However a run ends, and whether mage or the command started it, its compilers end with it.
func TestChildrenEndWithTheRun(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the command and the magefile")
	}
	t.Parallel()
	bin := t.TempDir()
	program := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "MAGEFILE_CACHE="+bin)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, said.String())
		}
		return strings.TrimSpace(string(out))
	}
	slipway := filepath.Join(bin, "slipway")
	program("build", "-o", slipway, "./cmd/slipway")
	program("tool", "mage", "-l") // compiles the magefile
	mage := program("tool", "-n", "mage")
	realGo, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}

	viaCLI := []string{slipway, "build", "--only", "binaries"}
	viaMage := []string{mage, "-d", here, "-w", "DIR", "build:binaries"} // mage requires the magefile's module as its working folder
	for _, c := range []struct {
		name    string
		command []string
		send    func(program, self int) error
		status  int // as a shell counts
		says    string
	}{
		{"slipway, Ctrl-C", viaCLI, toGroup(syscall.SIGINT), 130, "interrupted by SIGINT"},
		{"slipway, SIGTERM", viaCLI, toProgram(syscall.SIGTERM), 143, "interrupted by SIGTERM"},
		{"slipway, SIGHUP", viaCLI, toProgram(syscall.SIGHUP), 129, "interrupted by SIGHUP"},
		{"slipway, SIGKILL", viaCLI, toProgram(syscall.SIGKILL), 137, ""},
		{"mage, Ctrl-C", viaMage, toGroup(syscall.SIGINT), 130, "interrupted by SIGINT"},
		{"mage, SIGTERM", viaMage, toProgram(syscall.SIGTERM), 143, "interrupted by SIGTERM"},
		{"mage, SIGHUP", viaMage, toProgram(syscall.SIGHUP), 129, "interrupted by SIGTERM"},
		{"mage, SIGKILL", viaMage, toProgram(syscall.SIGKILL), 137, "interrupted by SIGTERM"},
		{"mage's child, SIGTERM", viaMage, toSelf(syscall.SIGTERM), 143, "interrupted by SIGTERM"},
		{"mage's child, SIGKILL", viaMage, toSelf(syscall.SIGKILL), 255, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			alive := filepath.Join(dir, "alive")
			if err := syscall.Mkfifo(alive, 0o600); err != nil {
				t.Fatal(err)
			}
			for name, content := range map[string]string{
				"slipway.yaml": "project: slow\nplatforms: [linux/amd64]\nbinaries:\n  - name: slow\n    package: .\n",
				"go.mod":       "module example.com/slow\n\ngo 1.24\n",
				"main.go":      "package main\n\nfunc main() {}\n",
				"bin/go":       strings.NewReplacer("REALGO", realGo, "ALIVE", alive).Replace(slowGo),
			} {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			// Reading as well as writing, so that opening does not wait.
			keep, err := os.OpenFile(alive, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			reader, err := os.OpenFile(alive, os.O_RDONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			// Long enough for any machine; reached only after a fault.
			if err := reader.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
				t.Fatal(err)
			}

			said, err := os.Create(filepath.Join(dir, "said"))
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			var args []string
			for _, word := range c.command {
				args = append(args, strings.ReplaceAll(word, "DIR", dir))
			}
			cmd := exec.Command(args[0], args[1:]...)
			if c.command[0] == slipway {
				cmd.Dir = dir
			}
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "MAGEFILE_CACHE="+bin, "MAGEFILE_HASHFAST=1",
				"SLIPWAY_CACHE="+filepath.Join(dir, "cache"), "TAG=v1.0.0")
			cmd.Stdout, cmd.Stderr = said, said // files, so that nothing waits for orphans to close a pipe
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				ended <- cmd.Wait()
				keep.Close()
			}()
			line := make([]byte, 32)
			n, err := reader.Read(line)
			if err != nil {
				_ = cmd.Process.Kill()
				t.Fatalf("no compiler began: %v\n%s", err, read(t, said.Name()))
			}
			self, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.send(cmd.Process.Pid, self); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := <-ended; !errors.As(err, &exit) {
				t.Fatalf("it ended with %v", err)
			}
			status := exit.ExitCode()
			if wait := exit.Sys().(syscall.WaitStatus); wait.Signaled() {
				status = 128 + int(wait.Signal())
			}
			if status != c.status {
				t.Errorf("the exit status is %d, want %d", status, c.status)
			}
			if _, err := io.Copy(io.Discard, reader); err != nil {
				t.Errorf("a compiler still runs: %v", err)
			}
			if c.says == "" {
				return
			}
			// An orphan of mage may not have printed it yet.
			for until := time.Now().Add(time.Minute); !strings.Contains(read(t, said.Name()), c.says) && time.Now().Before(until); {
				time.Sleep(20 * time.Millisecond)
			}
			if lines := regexp.MustCompile(`(?m)^.*interrupted.*$`).FindAllString(read(t, said.Name()), -1); len(lines) != 1 || !strings.Contains(lines[0], c.says) {
				t.Errorf("it prints\n%s\nwant one line with %q", read(t, said.Name()), c.says)
			}
		})
	}
}

func toProgram(s syscall.Signal) func(int, int) error {
	return func(program, _ int) error { return syscall.Kill(program, s) }
}

// toGroup sends s to all processes of the group, like a key in a terminal.
func toGroup(s syscall.Signal) func(int, int) error {
	return func(program, _ int) error { return syscall.Kill(-program, s) }
}

func toSelf(s syscall.Signal) func(int, int) error {
	return func(_, self int) error { return syscall.Kill(self, s) }
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

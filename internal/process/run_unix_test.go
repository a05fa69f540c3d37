//go:build unix

package process

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lifeline creates a named pipe. It does not end while a program that opened it for writing, or a
// process that inherited the descriptor, is running.
func lifeline(t *testing.T) (path string, reader *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	// Long enough for any machine; reached only after a fault.
	if err := reader.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return path, reader
}

func TestNothingOutlivesRun(t *testing.T) {
	for _, c := range []struct {
		name, script string
		cancel       bool
		want         string // part of the error; "" means no error
	}{
		{"a straggler of a child that is done", `sleep 1000 & echo; exit 0`, false, ""},
		{"a straggler of a child that failed", `sleep 1000 & echo; exit 3`, false, "exit status 3"},
		{"a child and its own children, interrupted", `sleep 1000 & echo; wait`, true, "stop"},
		{"a child that ignores the interrupt", `trap '' INT; sleep 1000 & echo; wait`, true, "stop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, alive := lifeline(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			cmd := Command(ctx, "/bin/sh", "-c", `exec 9>"$0"; exec >&9; `+c.script, path)
			failed := make(chan error, 1)
			go func() { failed <- Run(ctx, cmd) }()
			// Wait for the script's first line: before the first writer, a reader sees the end of
			// the pipe.
			for n := 0; n == 0; {
				var err error
				if n, err = alive.Read(make([]byte, 1)); err != nil && err != io.EOF {
					t.Fatal(err)
				}
			}
			if c.cancel {
				cancel(errors.New("stop"))
			}
			err := <-failed
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
			if _, err := io.Copy(io.Discard, alive); err != nil {
				t.Errorf("a process remains: %v", err)
			}
		})
	}
}

func TestRunOfAMissingProgram(t *testing.T) {
	err := Run(t.Context(), Command(t.Context(), "slipway-no-such-program"))
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("the error is %v, want %v", err, ErrNotFound)
	}
}

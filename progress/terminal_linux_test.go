package progress

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// newTerminalFile returns a pseudo terminal of 100 columns and 30 lines, and a function that
// returns its output so far.
func newTerminalFile(t *testing.T) (*os.File, func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this machine has no pseudo terminals: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	var unlock, number int32
	ioctl(t, master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	ioctl(t, master, syscall.TIOCGPTN, unsafe.Pointer(&number))
	ioctl(t, master, syscall.TIOCSWINSZ, unsafe.Pointer(&[4]uint16{30, 100}))
	file, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this machine has no pseudo terminals: %v", err)
	}
	t.Cleanup(func() { _ = file.Close() })
	var b lockedBuffer
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			_, _ = b.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	return file, b.String
}

func ioctl(t *testing.T, f *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(argument)); errno != 0 {
		t.Fatalf("ioctl %#x: %v", request, errno)
	}
}

func TestPseudoTerminal(t *testing.T) {
	file, read := newTerminalFile(t)
	d := New(Auto, file, Options{Getenv: func(k string) string { return map[string]string{"TERM": "xterm"}[k] }})
	if d.Mode() != TTY || !d.styled {
		t.Fatalf("mode is %s, styled %v", d.Mode(), d.styled)
	}
	want := drive(t, d, read)
	d.Close()
	fmt.Fprintln(file, "what follows")
	want = append(want, "what follows")
	eventually(t, func() string { return duration.ReplaceAllString(read(), "T") }, strings.Join(want, "\n"),
		func(lines []string) bool { return cmp.Equal(want, lines) })
}

func TestAutoOnATerminal(t *testing.T) {
	file, _ := newTerminalFile(t)
	for _, c := range []struct {
		name   string
		env    map[string]string
		want   Mode
		styled bool
	}{
		{"a person's", map[string]string{"TERM": "xterm-256color"}, TTY, true},
		{"Windows has no TERM", nil, TTY, false},
		{"dumb", map[string]string{"TERM": "dumb"}, Plain, false},
		{"CI", map[string]string{"TERM": "xterm", "CI": "true"}, Plain, false},
		{"CI=false", map[string]string{"TERM": "xterm", "CI": "false"}, TTY, true},
		{"NO_COLOR", map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, TTY, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New(Auto, file, Options{Getenv: func(k string) string { return c.env[k] }})
			defer d.Close()
			if d.Mode() != c.want || d.styled != c.styled {
				t.Errorf("mode is %s, styled %v; want %s, %v", d.Mode(), d.styled, c.want, c.styled)
			}
		})
	}
}

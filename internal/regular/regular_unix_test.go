//go:build unix

package regular

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestSpecialFilesAreRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe: "a named pipe", socket: "a socket", link: "a named pipe", "/dev/zero": "a device", "/dev/null": "a device",
	} {
		want = path + ": it is " + want + ", not a regular file"
		if f, err := Open(path); !errors.Is(err, errNotRegular) || !strings.Contains(err.Error(), want) {
			f.Close()
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// A shell's <(command) is the name of a descriptor of this process.
func TestOwnDescriptorsMayBePipes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	f, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	go func() {
		_, _ = io.WriteString(w, "through a pipe") // an error appears in what is read
		w.Close()
	}()
	if content, err := io.ReadAll(f); err != nil || string(content) != "through a pipe" {
		t.Errorf("read %q, %v", content, err)
	}
}

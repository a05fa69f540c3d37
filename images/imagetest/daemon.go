package imagetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A Daemon is an engine of one test, which can be killed and started again. It has its own folders and socket.
type Daemon struct {
	// Socket is the path of the socket.
	Socket  string
	dir     string
	command []string
	running *exec.Cmd
}

// StartContainerd starts a containerd, and ends it at the end of the test.
func StartContainerd(t testing.TB) *Daemon {
	t.Helper()
	Containerd(t) // tests of engines are wanted here, and may run
	d := newDaemon(t, "containerd")
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n",
		d.path("root"), d.path("state"), d.Socket)
	d.command = append(d.command, "--config", d.write(t, "config.toml", config))
	d.Start(t)
	return d
}

// StartDocker starts a Docker Engine with a containerd of its own and without a network, and ends both at the end of
// the test. Kill kills the Engine alone.
func StartDocker(t testing.TB) *Daemon {
	t.Helper()
	Docker(t) // tests of engines are wanted here, and may run
	containerd := StartContainerd(t)
	d := newDaemon(t, "dockerd")
	d.command = append(d.command, "--config-file", d.write(t, "docker.json", "{}"), "--containerd", containerd.Socket,
		"--data-root", d.path("root"), "--exec-root", d.path("state"), "--pidfile=", "--host", "unix://"+d.Socket,
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none")
	d.Start(t)
	return d
}

func newDaemon(t testing.TB, program string) *Daemon {
	t.Helper()
	// The path of a socket has at most 107 bytes, and that of t.TempDir may be longer.
	dir, err := os.MkdirTemp("", "daemon")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{Socket: filepath.Join(dir, "d.sock"), dir: dir, command: []string{Program(t, program)}}
	t.Cleanup(func() {
		d.Kill(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *Daemon) path(name string) string { return filepath.Join(d.dir, name) }

func (d *Daemon) write(t testing.TB, name, content string) string {
	t.Helper()
	if err := os.WriteFile(d.path(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return d.path(name)
}

// Launch starts the engine without waiting for it.
func (d *Daemon) Launch(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(d.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.running = exec.Command(d.command[0], d.command[1:]...)
	d.running.Stdout, d.running.Stderr = log, log
	if err := d.running.Start(); err != nil {
		t.Fatal(err)
	}
}

// Start starts the engine unless it runs, and waits until it listens.
func (d *Daemon) Start(t testing.TB) {
	t.Helper()
	if d.running != nil {
		return
	}
	d.Launch(t)
	for range 600 {
		if conn, err := net.Dial("unix", d.Socket); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(d.path("log"))
	t.Fatalf("%s does not listen: %s", d.command[0], log)
}

// Kill ends the engine as a crash would, and unmounts what it has left.
func (d *Daemon) Kill(t testing.TB) {
	t.Helper()
	if d.running == nil {
		return
	}
	if err := d.running.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = d.running.Wait() // it was killed
	d.running = nil
	unmountBelow(t, d.dir)
}

package containerd_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/airgap/load/containerd"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A daemon is a containerd of the test, which can be killed.
type daemon struct {
	dir     string
	command *exec.Cmd
}

// newDaemon starts a containerd.
func newDaemon(t testing.TB) *daemon {
	t.Helper()
	imagetest.Program(t, "ctr")
	imagetest.Containerd(t) // tests of engines are wanted here, and may run
	// The path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "ctrd")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{dir: dir}
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), d.socket())
	if err := os.WriteFile(d.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.kill(t)
		d.unmount(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	d.start(t)
	return d
}

func (d *daemon) socket() string { return filepath.Join(d.dir, "c.sock") }
func (d *daemon) config() string { return filepath.Join(d.dir, "config.toml") }

// launch starts containerd without waiting for it.
func (d *daemon) launch(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.command = exec.Command(imagetest.Program(t, "containerd"), "--config", d.config())
	d.command.Stdout, d.command.Stderr = log, log
	if err := d.command.Start(); err != nil {
		t.Fatal(err)
	}
}

// start starts containerd, and waits until it listens.
func (d *daemon) start(t testing.TB) {
	t.Helper()
	d.launch(t)
	for range 600 {
		if conn, err := net.Dial("unix", d.socket()); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	t.Fatalf("containerd does not listen: %s", log)
}

// kill ends containerd at once.
func (d *daemon) kill(t testing.TB) {
	t.Helper()
	if d.command == nil {
		return
	}
	if err := d.command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = d.command.Wait() // it was killed
	d.command = nil
}

// unmount unmounts what a killed containerd has left.
func (d *daemon) unmount(t testing.TB) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[1], d.dir+"/") {
			if err := syscall.Unmount(fields[1], syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
}

// connect connects to the containerd.
func (d *daemon) connect(t testing.TB, o containerd.Options) *containerd.Client {
	t.Helper()
	o.Address = d.socket()
	c, err := containerd.Connect(t.Context(), o, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ctr runs ctr in the namespace of Kubernetes.
func (d *daemon) ctr(t testing.TB, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "ctr", append([]string{"--address", d.socket(), "--namespace", "k8s.io"}, args...)...)
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("ctr %s: %v\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return string(out)
}

// collect makes the garbage collector run, and waits for it.
func (d *daemon) collect(t testing.TB) {
	t.Helper()
	d.ctr(t, "leases", "create", "--id", "collect")
	d.ctr(t, "leases", "rm", "--sync", "collect")
}

// checked returns the images whose content is complete, and fails the test for others.
func (d *daemon) checked(t testing.TB, unpacked bool) (names []string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSpace(d.ctr(t, "images", "check")), "\n") {
		if i == 0 || strings.TrimSpace(line) == "" {
			continue
		}
		fields := strings.Fields(line)
		if fields[3] != "complete" || fmt.Sprint(unpacked) != fields[len(fields)-1] {
			t.Errorf("ctr images check: %s", line)
		}
		names = append(names, fields[0])
	}
	return names
}

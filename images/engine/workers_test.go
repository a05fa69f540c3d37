package engine_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// A worker is a buildkitd that a test started.
type worker struct {
	address string
	cmd     *exec.Cmd
}

var serving = regexp.MustCompile(`running server on (127\.0\.0\.1:\d+)`)

// startWorker starts a buildkitd on loopback and stops it at the end of the test.
func startWorker(t testing.TB, args ...string) *worker {
	t.Helper()
	program := imagetest.BuildkitProgram(t)
	root := t.TempDir()
	config := filepath.Join(root, "buildkitd.toml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"--config", config, "--root", filepath.Join(root, "root"), "--addr", "tcp://127.0.0.1:0",
		"--oci-worker=true", "--containerd-worker=false"}, args...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	logged := make(chan struct{})
	var said strings.Builder
	go func() {
		defer close(logged)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if m := serving.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	w := &worker{cmd: cmd}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-logged
		_ = cmd.Wait()
		unmountBelow(t, root)
	})
	select {
	case a := <-address:
		w.address = "tcp://" + a
	case <-logged:
		t.Fatalf("buildkitd ended at once:\n%s", said.String())
	}
	return w
}

// kill ends the worker as a crash would.
func (w *worker) kill() { _ = w.cmd.Process.Kill() }

// unmountBelow removes the mounts that a killed buildkitd left.
func unmountBelow(t testing.TB, dir string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Error(err)
	}
	var below []string
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[1]; strings.HasPrefix(at, dir+"/") {
			below = append(below, at)
		}
	}
	for _, at := range slices.Backward(below) {
		if out, err := exec.Command("umount", "-l", at).CombinedOutput(); err != nil {
			t.Errorf("unmounting %s: %v\n%s", at, err, out)
		}
	}
}

// A wire is a connection to an engine that can be cut.
type wire struct {
	address string

	mu    sync.Mutex
	conns []net.Conn
	isCut bool
}

// wireTo forwards a port of loopback to an engine.
func wireTo(t testing.TB, engine string) *wire {
	t.Helper()
	u, err := url.Parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: "tcp://" + listener.Addr().String()}
	t.Cleanup(func() {
		listener.Close()
		w.cut()
	})
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(u.Scheme, u.Host+u.Path)
			if err != nil || !w.add(in, out) {
				in.Close()
				continue
			}
			go forward(in, out)
			go forward(out, in)
		}
	}()
	return w
}

func forward(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func (w *wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conns...)
	return !w.isCut
}

// cut breaks all connections, and refuses new ones.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for _, c := range w.conns {
		c.Close()
	}
}

// onLine returns a context whose tasks call do when one of them prints want for the first time.
func onLine(ctx context.Context, want string, do func()) context.Context {
	return progress.With(ctx, &lineWatch{want: want, do: sync.OnceFunc(do)})
}

type lineWatch struct {
	want string
	do   func()
}

func (l *lineWatch) Started(*progress.Task) {}
func (l *lineWatch) Line(_ *progress.Task, line string) {
	if strings.Contains(line, l.want) {
		go l.do()
	}
}
func (l *lineWatch) Finished(*progress.Task, error) {}
func (l *lineWatch) Warning(string)                 {}

// within fails the test if run takes longer than limit.
func within(t *testing.T, limit time.Duration, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("still running after %v", limit)
	}
}

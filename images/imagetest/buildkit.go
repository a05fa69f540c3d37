package imagetest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A BuildkitWorker is a buildkitd that a test started.
type BuildkitWorker struct {
	// Address is in the form of BUILDKIT_HOST.
	Address string
	Process *os.Process
}

var serving = regexp.MustCompile(`running server on (127\.0\.0\.1:\d+)`)

// StartBuildkit starts a buildkitd on loopback, with more arguments, and stops it at the end of the test.
func StartBuildkit(t testing.TB, args ...string) *BuildkitWorker {
	t.Helper()
	program := buildkitProgram(t)
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
	w := &BuildkitWorker{Process: cmd.Process}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-logged
		_ = cmd.Wait()
		unmountBelow(t, root)
	})
	select {
	case a := <-address:
		w.Address = "tcp://" + a
	case <-logged:
		t.Fatalf("buildkitd ended at once:\n%s", said.String())
	}
	return w
}

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

// Kill ends the worker as a crash would.
func (w *BuildkitWorker) Kill() { _ = w.Process.Kill() }

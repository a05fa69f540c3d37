package containerd_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/airgap/load/containerd"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A daemon is a containerd of the test, which can be killed.
type daemon struct{ *imagetest.Daemon }

// newDaemon starts a containerd.
func newDaemon(t testing.TB) daemon {
	t.Helper()
	imagetest.Program(t, "ctr")
	return daemon{imagetest.StartContainerd(t)}
}

// connect connects to the containerd.
func (d daemon) connect(t testing.TB, o containerd.Options) *containerd.Client {
	t.Helper()
	o.Address = d.Socket
	c, err := containerd.Connect(t.Context(), o, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ctr runs ctr in the namespace of Kubernetes.
func (d daemon) ctr(t testing.TB, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "ctr", append([]string{"--address", d.Socket, "--namespace", "k8s.io"}, args...)...)
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("ctr %s: %v\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return string(out)
}

// collect makes the garbage collector run, and waits for it.
func (d daemon) collect(t testing.TB) {
	t.Helper()
	d.ctr(t, "leases", "create", "--id", "collect")
	d.ctr(t, "leases", "rm", "--sync", "collect")
}

// checked returns the images whose content is complete, and fails the test for others.
func (d daemon) checked(t testing.TB, unpacked bool) (names []string) {
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

//go:build unix

package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/fleet"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// fakeKubectl puts a kubectl first in PATH that knows the pods with app=buildkitd in the namespace ci: each is a worker.
// pods maps names to ports; a pod without a port is not ready. Like the real one, it is one process that ends when it is
// killed: no child keeps its output open.
func fakeKubectl(t *testing.T, pods map[string]string) {
	t.Helper()
	imagetest.Program(t, "bash")
	var items, ports []string
	for name, port := range pods {
		ready := "False"
		if port != "" {
			ready = "True"
			ports = append(ports, fmt.Sprintf("  *' -i %s -- buildctl dial-stdio') exec 3<>/dev/tcp/127.0.0.1/%s; exec 4<&0; cat <&4 >&3 2>/dev/null & exec cat <&3 2>/dev/null ;;\n", name, port))
		}
		items = append(items, fmt.Sprintf(`{"metadata": {"name": %q}, "status": {"conditions": [{"type": "Ready", "status": %q}]}}`, name, ready))
	}
	dir := t.TempDir()
	testfile.Write(t, filepath.Join(dir, "kubectl"), "#!/bin/bash\ncase \"$*\" in\n  'get pods --selector=app=buildkitd --output=json --namespace=ci')\n    echo '{\"items\": ["+
		strings.Join(items, ", ")+"]}' ;;\n"+strings.Join(ports, "")+"  *) echo \"error: unknown $*\" >&2; exit 1 ;;\nesac\n")
	if err := os.Chmod(filepath.Join(dir, "kubectl"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

const pods = "kube-pod://?selector=app=buildkitd&namespace=ci"

// An address with labels stands for all pods that have them and are ready.
func TestAFleetOfPods(t *testing.T) {
	first, second := imagetest.StartBuildkit(t), imagetest.StartBuildkit(t)
	port := func(w *imagetest.BuildkitWorker) string { return w.Address[strings.LastIndex(w.Address, ":")+1:] }
	fakeKubectl(t, map[string]string{"buildkitd-0": "", "buildkitd-1": port(first), "buildkitd-2": port(second)})
	build := buildOf(t, "FROM scratch\nCOPY tool /\nRUN [\"/tool\", \"pause:1s\", \"write:/a:1\"]\n", nil)
	shown := &printed{}
	ctx := progress.With(t.Context(), &both{shown, &lineWatch{want: "pausing", do: sync.OnceFunc(first.Kill)}})
	// A thread of the killed worker that waits for the disk may keep the connection open; then it is lost after 75 seconds.
	within(t, 5*time.Minute, func() {
		if _, err := new(fleet.Fleet).Buildkit(engine.Options{Store: openStore(t)}, []string{pods}).Assemble(ctx, build); err != nil {
			t.Error(err)
		}
	})
	if !shown.warns("BuildKit at kube-pod://buildkitd-1?namespace=ci: ") || !shown.warns("building it again with BuildKit at kube-pod://buildkitd-2?namespace=ci") {
		t.Errorf("the warnings do not say what was lost, and where the build goes:\n%s", shown)
	}
}

func TestAFleetWithoutPods(t *testing.T) {
	assemble := func(address string) error {
		_, err := new(fleet.Fleet).Buildkit(engine.Options{Store: openStore(t)}, []string{address}).Assemble(t.Context(), buildOf(t, "FROM scratch\n", nil))
		return err
	}
	fakeKubectl(t, map[string]string{"buildkitd-0": "", "buildkitd-1": ""})
	wantError(t, assemble(pods), pods+" selects no pod that is ready, of 2")
	wantError(t, assemble("kube-pod://?selector=app=other"), "looking for the pods of kube-pod://?selector=app=other: ", "error: unknown get pods --selector=app=other --output=json")
}

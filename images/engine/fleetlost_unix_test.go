//go:build unix

package engine_test

import (
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/fleet"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// A build is moved to another engine if its own is killed or frozen, and gives the same image.
func TestAFleetMovesTheBuildsOfALostEngine(t *testing.T) {
	var want v1.Hash
	for _, c := range []struct {
		name string
		lose func(*imagetest.BuildkitWorker) error
		why  string
	}{
		{"killed", func(w *imagetest.BuildkitWorker) error { return w.Process.Kill() }, "lost the connection to the engine"},
		{"frozen", func(w *imagetest.BuildkitWorker) error { return w.Process.Signal(syscall.SIGSTOP) }, "the engine does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, second := imagetest.StartBuildkit(t), imagetest.StartBuildkit(t)
			t.Cleanup(func() { _ = first.Process.Signal(syscall.SIGCONT) }) // so that it can end
			build := buildOf(t, "FROM scratch\nCOPY tool /\nRUN [\"/tool\", \"pause:3s\", \"write:/a:1\"]\n", nil)
			engines := &fleet.Fleet{}
			builder := engines.Buildkit(engine.Options{Store: openStore(t), Patience: 2 * time.Second}, []string{first.Address, second.Address})
			shown := &printed{}
			ctx := progress.With(t.Context(), &both{shown, &lineWatch{want: "pausing", do: sync.OnceFunc(func() {
				if err := c.lose(first); err != nil {
					t.Error(err)
				}
			})}})
			within(t, 2*time.Minute, func() {
				img, err := builder.Assemble(ctx, build)
				if err != nil {
					t.Error(err)
					return
				}
				digest, err := img.Digest()
				if err != nil {
					t.Error(err)
				}
				if want == (v1.Hash{}) {
					want = digest
				}
				if digest != want {
					t.Errorf("digest %s, want %s", digest, want)
				}
			})
			if !shown.warns(c.why) || !shown.warns("building it again with BuildKit at "+second.Address) {
				t.Errorf("no warning says %q and where the build goes:\n%s", c.why, shown)
			}
		})
	}
}

// both passes everything to a printed and a lineWatch.
type both struct {
	*printed
	watch *lineWatch
}

func (b *both) Line(task *progress.Task, line string) {
	b.printed.Line(task, line)
	b.watch.Line(task, line)
}

package engine_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/progress"
)

// A workers is a sink that keeps the workers of tasks by their names.
type workers struct {
	mu sync.Mutex
	of map[string]string
}

func (w *workers) Started(*progress.Task)      {}
func (w *workers) Line(*progress.Task, string) {}
func (w *workers) Warning(string)              {}
func (w *workers) Finished(t *progress.Task, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of[t.Name] = t.Worker()
}

// The task of a build and those of its steps name the engine.
func TestTasksNameTheirWorker(t *testing.T) {
	withEngines(t, func(t *testing.T, start starter) {
		b := start(t, engine.Options{})
		seen := &workers{of: map[string]string{}}
		if _, err := b.Assemble(progress.With(t.Context(), seen), buildOf(t, "FROM scratch\nCOPY a.txt /worker.txt\n", map[string]string{"a.txt": "a"})); err != nil {
			t.Fatal(err)
		}
		_, address, _ := strings.Cut(fmt.Sprint(b), " at ")
		found := map[string]bool{}
		for name, worker := range seen.of {
			for _, want := range []string{"build ", "COPY a.txt"} {
				if strings.Contains(name, want) {
					found[want] = address != "" && worker == address
				}
			}
		}
		if !found["build "] || !found["COPY a.txt"] {
			t.Errorf("workers %v; want %s", seen.of, address)
		}
	})
}

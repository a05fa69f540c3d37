package compile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// A shelf has binaries of other machines.
type shelf map[string]string

func (s shelf) Fetch(_ context.Context, key, temp, _ string) (string, bool) {
	content, ok := s[key]
	return "shelf", ok && os.WriteFile(temp, []byte(content), 0o644) == nil
}

func (s shelf) Share(_ context.Context, key, path string, r Result) {
	content, err := os.ReadFile(path)
	if err == nil && int64(len(content)) == r.Size {
		s[key] = string(content)
	}
}

// A fresh machine takes the binaries of another one, from a checkout in another folder, and does not run go. It compiles
// what has other settings, other sources, or a binary that cannot be used.
func TestBinariesOfOtherMachines(t *testing.T) {
	runs := countingGo(t)
	shared := shelf{}
	programs := func(t *testing.T, dir string, change func(*Target)) map[string]string {
		t.Helper()
		var targets []Target
		for _, name := range []string{"one", "two"} {
			target := Target{Name: name, Package: "./cmd/" + name, Dir: dir, Platform: imagetest.Platform(t, "linux/arm64"), Output: filepath.Join(t.TempDir(), name)}
			change(&target)
			targets = append(targets, target)
		}
		shown := &warnings{}
		c := New(Options{Cache: t.TempDir(), Shared: shared})
		results, err := c.Build(progress.With(t.Context(), shown), targets)
		if err != nil {
			t.Fatal(err)
		}
		made := map[string]string{"warnings": strings.Join(shown.all, "\n")}
		for i, r := range results {
			content, err := os.ReadFile(targets[i].Output)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(targets[i].Output); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("%s has the mode %v (%v)", r.Path, info.Mode(), err)
			}
			made[targets[i].Name] = string(content)
		}
		return made
	}
	same := func(*Target) {}
	want := programs(t, module(t, twoPrograms), same)
	before := runs()
	if len(shared) != 2 || before == 0 {
		t.Fatalf("%d binaries are shared after %d runs of go", len(shared), before)
	}

	got := programs(t, module(t, twoPrograms), same)
	if runs() != before {
		t.Error("a fresh machine has run go")
	}
	if got["one"] != want["one"] || got["two"] != want["two"] {
		t.Error("a fresh machine has other binaries")
	}

	for name, c := range map[string]struct {
		module string
		change func(*Target)
	}{
		"a source file":               {strings.Replace(twoPrograms, "hello", "good day", 1), same},
		"ldflags":                     {twoPrograms, func(t *Target) { t.Ldflags = []string{"-X main.version=v2"} }},
		"tags":                        {twoPrograms, func(t *Target) { t.Tags = []string{"other"} }},
		"a platform":                  {twoPrograms, func(t *Target) { t.Platform.Architecture = "amd64" }},
		"the version of Go in go.mod": {strings.Replace(twoPrograms, "go 1.21", "go 1.22", 1), same},
	} {
		t.Run(name, func(t *testing.T) {
			before := runs()
			programs(t, module(t, c.module), c.change)
			if runs() == before {
				t.Error("go was not run")
			}
		})
	}

	t.Run("a binary that cannot be used", func(t *testing.T) {
		for key := range shared {
			shared[key] = "no program"
		}
		before := runs()
		got := programs(t, module(t, twoPrograms), same)
		if runs() == before || got["one"] != want["one"] {
			t.Error("go was not run")
		}
		if !strings.Contains(got["warnings"], "one linux/arm64 of the shared cache shelf cannot be used, and is compiled: ") {
			t.Errorf("the warnings are %q", got["warnings"])
		}
	})
}

type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) Started(*progress.Task)         {}
func (w *warnings) Line(*progress.Task, string)    {}
func (w *warnings) Finished(*progress.Task, error) {}
func (w *warnings) Warning(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, message)
}

package output

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// warnings collects warnings, and signals the first one.
type warnings struct {
	mu    sync.Mutex
	texts []string
	first chan struct{}
}

func (w *warnings) Warning(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.texts = append(w.texts, text); len(w.texts) == 1 {
		close(w.first)
	}
}
func (*warnings) Started(*progress.Task)         {}
func (*warnings) Line(*progress.Task, string)    {}
func (*warnings) Finished(*progress.Task, error) {}

func TestRunsInOneDistWaitForEachOther(t *testing.T) {
	for _, c := range []struct {
		name     string
		holds    bool // for writing
		verb     string
		waits    bool
		cleaning bool // whether its holder removes the lock's file, as clean does
	}{
		{"two that write", true, "build", true, false},
		{"a clean first", true, "build", true, true},
		{"a reader after a writer", true, "verify", true, false},
		{"a writer after a reader", false, "build", true, false},
		{"two readers", false, "verify", false, false},
		{"a clean last", true, "clean", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := Folder{Project: t.TempDir()}
			testfile.Write(t, f.Path("dist/oci/.slipway/ingest"), "")
			lock, err := f.Lock(t.Context(), c.holds)
			if err != nil {
				t.Fatal(err)
			}
			seen := &warnings{first: make(chan struct{})}
			ctx := progress.With(t.Context(), seen)
			released := make(chan struct{})
			if c.waits {
				go func() {
					<-seen.first
					close(released)
					if c.cleaning {
						lock.remove()
					} else {
						lock.Release()
					}
				}()
			} else {
				defer lock.Release()
			}
			other, err := f.Lock(ctx, c.verb != "verify")
			if err != nil {
				t.Fatal(err)
			}
			defer other.Release()
			select {
			case <-released:
				if !c.waits {
					t.Error("it waited")
				}
			default:
				if c.waits {
					t.Error("it did not wait")
				}
			}
			if want := "another run of slipway uses "; c.waits && !strings.HasPrefix(seen.texts[0], want) {
				t.Errorf("it printed %q, want %q", seen.texts, want)
			}
			if !isAt(other.file, f.Path(lockFile)) {
				t.Error("it has locked a removed file")
			}
		})
	}
}

func TestAWaitingRunCanBeInterrupted(t *testing.T) {
	f := Folder{Project: t.TempDir()}
	lock, err := f.Lock(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	seen := &warnings{first: make(chan struct{})}
	ctx, cancel := context.WithCancel(progress.With(t.Context(), seen))
	go func() { <-seen.first; cancel() }()
	if _, err := f.Lock(ctx, true); err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// holdDist makes this test program a run that locks a dist until it is killed.
const holdDist = "SLIPWAY_TEST_HOLD_DIST"

func TestHoldsDist(t *testing.T) {
	project := os.Getenv(holdDist)
	if project == "" {
		t.Skip("another test runs this one in a process of its own")
	}
	lock, err := Folder{Project: project}.Lock(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("held\n")
	time.Sleep(time.Hour)
	lock.Release() // the garbage collector would close the file of a lock that nothing refers to
}

func TestAKilledRunHoldsNothing(t *testing.T) {
	f := Folder{Project: t.TempDir()}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestHoldsDist$")
	cmd.Env = append(os.Environ(), holdDist+"="+f.Project)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for said := ""; !strings.Contains(said, "held"); {
		buffer := make([]byte, 1000)
		n, err := out.Read(buffer)
		if said += string(buffer[:n]); err != nil {
			t.Fatalf("the other process printed %q: %v", said, err)
		}
	}
	seen := &warnings{first: make(chan struct{})}
	go func() {
		<-seen.first
		cmd.Process.Kill()
		cmd.Wait()
	}()
	lock, err := f.Lock(progress.With(t.Context(), seen), true)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if len(seen.texts) != 1 {
		t.Errorf("the warnings are %q, want one about the other run", seen.texts)
	}
}

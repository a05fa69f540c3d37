package release

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// warnings collects what is warned of, and tells who waits of the first.
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
		cleaning bool // whether the lock's file is removed by its holder, as by clean
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
			r := makeRelease(t)
			testfile.Write(t, filepath.Join(r.dir, "dist/oci/.slipway/ingest"), "")
			lock, err := r.builder().lockDist(t.Context(), c.holds)
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
						lock.release()
					}
				}()
			} else {
				defer lock.release()
			}
			b := r.builder()
			other, err := b.lockDist(ctx, c.verb != "verify")
			if err != nil {
				t.Fatal(err)
			}
			defer other.release()
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
				t.Errorf("it said %q, want %q", seen.texts, want)
			}
			if !isAt(other.file, r.builder().path(distLock)) {
				t.Error("it holds a file that was removed")
			}
		})
	}
}

func TestAWaitingRunCanBeInterrupted(t *testing.T) {
	r := makeRelease(t)
	lock, err := r.builder().lockDist(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	seen := &warnings{first: make(chan struct{})}
	ctx, cancel := context.WithCancel(progress.With(t.Context(), seen))
	go func() { <-seen.first; cancel() }()
	if err := r.builder().Run(ctx, plan.Selection{Verb: "build"}); err != context.Canceled {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// A process that is killed holds no lock, and what it left half-written is neither a
// fault of what it finished nor there after the next run.
func TestWhatAKilledRunLeaves(t *testing.T) {
	r := makeRelease(t)
	r.run("package")
	left := []string{
		"artifacts/.acme-images.linux-amd64.tar.zst.123.tmp", "artifacts/.acme-images.linux-amd64.tar.gz.5.tmp.part001",
		"artifacts/.acme.linux-amd64.tar.gz.77.tmp", "artifacts/.slipway-42", ".slipway-43", "bin/linux-amd64/.slipway-compile-9/acme",
	}
	for _, file := range left {
		testfile.Write(t, filepath.Join(r.dir, "dist", filepath.FromSlash(file)), "half")
	}
	foreign := filepath.Join(r.dir, "dist", "artifacts", ".theirs.tar.123.tmp")
	testfile.Write(t, foreign, "")
	if err := r.builder().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	r.run("build", "binaries")
	for _, file := range left {
		if _, err := os.Lstat(filepath.Join(r.dir, "dist", filepath.FromSlash(file))); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file of another program was removed: %v", err)
	}
}

// holdDist makes this test program a run that holds a dist until it is killed.
const holdDist = "SLIPWAY_TEST_HOLD_DIST"

func TestHoldsDist(t *testing.T) {
	file := os.Getenv(holdDist)
	if file == "" {
		t.Skip("another test runs this one in a process of its own")
	}
	b, err := Open(t.Context(), Options{Config: file, Options: workbench.Options{Getenv: os.LookupEnv}})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := b.lockDist(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("held\n")
	time.Sleep(time.Hour)
	lock.release() // the garbage collector would close the file of a lock that nothing refers to
}

func TestAKilledRunHoldsNothing(t *testing.T) {
	r := makeRelease(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestHoldsDist$")
	cmd.Env = append(os.Environ(), holdDist+"="+filepath.Join(r.dir, config.FileName))
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
			t.Fatalf("the other process said %q: %v", said, err)
		}
	}
	seen := &warnings{first: make(chan struct{})}
	go func() {
		<-seen.first
		cmd.Process.Kill()
		cmd.Wait()
	}()
	lock, err := r.builder().lockDist(progress.With(t.Context(), seen), true)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.release()
	if len(seen.texts) != 1 {
		t.Errorf("it was warned of %q, want one line about the other run", seen.texts)
	}
}

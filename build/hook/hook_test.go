package hook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/testfile"
)

// TestMain runs the hooks of the tests: this test program is a command that works on every system.
func TestMain(m *testing.M) {
	if len(os.Args) < 3 || os.Args[1] != "as-hook" {
		os.Exit(m.Run())
	}
	for _, word := range os.Args[2:] {
		verb, arg, _ := strings.Cut(word, "=")
		switch verb {
		case "write":
			name, content, _ := strings.Cut(arg, ":")
			os.MkdirAll(filepath.Dir(name), 0o755)
			if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
				panic(err)
			}
		case "append": // counts the runs
			f, _ := os.OpenFile(arg, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			f.WriteString("x")
			f.Close()
		case "remove":
			os.Remove(arg)
		case "say":
			fmt.Println(arg)
		case "show":
			fmt.Println(arg, "is", os.Getenv(arg))
		case "dial":
			conn, err := net.Dial("tcp", arg)
			if err != nil {
				panic(err)
			}
			defer conn.Close()
		case "sleep":
			time.Sleep(time.Hour)
		case "fail":
			os.Exit(3)
		}
	}
	os.Exit(0)
}

// A project is a folder with a runner. Hooks count their runs in a file outside of the folder.
type project struct {
	*Runner
	t   *testing.T
	ran string
}

func newProject(t *testing.T) project {
	dir := t.TempDir()
	place := func(p string) string { return filepath.Join(dir, filepath.FromSlash(p)) }
	testfile.Write(t, place("in/a.txt"), "a")
	testfile.Write(t, place("in/b.txt"), "b")
	testfile.Write(t, place("source.go"), "package x")
	return project{&Runner{Root: dir, Place: place, Records: filepath.Join(t.TempDir(), "hooks"), Environ: os.Environ(), Getenv: os.LookupEnv},
		t, filepath.Join(t.TempDir(), "ran")}
}

// do runs a hook with words that TestMain understands. It returns the error, and whether the
// command ran.
func (p project) do(h Hook, words ...string) (error, bool) {
	p.t.Helper()
	before, _ := os.ReadFile(p.ran)
	h.Name, h.At = "before[0]", "slipway.yaml:3:5"
	h.Args = append([]string{os.Args[0], "as-hook", "append=" + p.ran}, words...)
	err := p.Run(p.t.Context(), h)
	after, _ := os.ReadFile(p.ran)
	return err, len(after) > len(before)
}

func TestSkippedWhenNothingChanged(t *testing.T) {
	p := newProject(t)
	h := Hook{Inputs: []string{"in", "!in/b.txt"}, Outputs: []string{"out"}, Env: map[string]string{"K": "1"}}
	words := []string{"write=out/x:made"}
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"the first time", func() {}, true},
		{"again", func() {}, false},
		{"an input was touched", func() { must(t, os.Chtimes(p.Place("in/a.txt"), time.Now(), time.Now().Add(-time.Hour))) }, false},
		{"another input", func() { testfile.Write(t, p.Place("in/c.txt"), "c") }, true},
		{"a changed input", func() { testfile.Write(t, p.Place("in/a.txt"), "A") }, true},
		{"an excluded file", func() { testfile.Write(t, p.Place("in/b.txt"), "B") }, false},
		{"a removed input", func() { must(t, os.Remove(p.Place("in/c.txt"))) }, true},
		{"a removed output", func() { must(t, os.RemoveAll(p.Place("out"))) }, true},
		{"a changed output", func() { testfile.Write(t, p.Place("out/x"), "edited") }, true},
		{"another file in the outputs", func() { testfile.Write(t, p.Place("out/y"), "y") }, true},
		{"another environment", func() { h.Env["K"] = "2" }, true},
		{"another command", func() { words = append(words, "say=x") }, true},
		{"a damaged record", func() {
			for _, f := range matches(t, filepath.Join(p.Records, "*.json")) {
				testfile.Write(t, f, "{")
			}
		}, true},
		{"at last", func() {}, false},
	} {
		step.do()
		err, ran := p.do(h, words...)
		if err != nil || ran != step.want {
			t.Errorf("%s: ran %v, want %v; error %v", step.name, ran, step.want, err)
		}
	}
	if runtime.GOOS != "windows" {
		must(t, os.Chmod(p.Place("in/a.txt"), 0o755))
		if _, ran := p.do(h, words...); !ran {
			t.Error("another mode of an input: it was skipped")
		}
	}
}

func TestWithoutInputsItAlwaysRuns(t *testing.T) {
	p := newProject(t)
	for range 2 {
		if err, ran := p.do(Hook{Outputs: []string{"out/*"}}, "write=out/x:made"); err != nil || !ran {
			t.Errorf("ran %v, error %v", ran, err)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Setenv("HOOK_TOKEN", "s3cr3t-token")
	in, out := []string{"in"}, []string{"out"}
	for _, c := range []struct {
		name  string
		hook  Hook
		words string
		want  string // all of these parts, separated by |
	}{
		{"it fails", Hook{}, "say=one say=two fail", "slipway.yaml:3:5: before[0]: |as-hook|exit status 3; the last lines of its output:\n\tone\n\ttwo"},
		{"it fails without a word", Hook{}, "fail", "exit status 3 (it printed nothing)"},
		{"a missing input", Hook{Inputs: []string{"in", "nowhere/*.x"}}, "", "missing input nowhere/*.x"},
		{"a missing output", Hook{Outputs: []string{"out", "o/*.txt"}}, "write=out/x:1", "did not make its output o/*.txt"},
		{"it writes elsewhere", Hook{Outputs: out}, "write=out/x:1 write=source.go:p write=new:1", "it wrote outside its outputs: new (created), source.go (changed)"},
		{"it removes something", Hook{}, "remove=source.go", "source.go (removed)"},
		{"what it may ignore", Hook{Ignore: []string{".cache"}}, "write=.cache/x:1", ""},
		{"it changes an input", Hook{Inputs: in, Outputs: out}, "write=out/x:1 write=in/a.txt:A", "it changed its inputs: in/a.txt (changed)"},
		{"it adds an input", Hook{Inputs: in}, "write=in/new:A", "it changed its inputs: in/new (created)"},
		{"it writes an input as it was", Hook{Inputs: in}, "write=in/a.txt:a", ""},
		{"outputs below inputs", Hook{Inputs: in, Outputs: []string{"in/made.go"}}, "write=in/made.go:x", ""},
		{"it hangs", Hook{Timeout: 200 * time.Millisecond}, "say=begun sleep", "timeout: it was ended after 200ms"},
		{"a missing secret", Hook{Secrets: []string{"NO_SUCH_SECRET"}}, "", "the secret NO_SUCH_SECRET is not set"},
		{"a secret", Hook{Secrets: []string{"HOOK_TOKEN"}}, "show=HOOK_TOKEN say=s3cr3t-token fail", "HOOK_TOKEN is ***"},
		{"not its secret", Hook{}, "show=HOOK_TOKEN fail", "HOOK_TOKEN is \n"},
		{"a wrong pattern", Hook{Inputs: []string{"a[b"}}, "", "want a pattern"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProject(t)
			err, _ := p.do(c.hook, strings.Fields(c.words)...)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			for _, want := range strings.Split(c.want, "|") {
				if err == nil || !strings.Contains(err.Error()+"\n", want) || strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("got %v\nwant %q", err, want)
				}
			}
			if len(matches(t, filepath.Join(p.Records, "*.json"))) > 0 {
				t.Error("a hook that failed has a record")
			}
		})
	}
}

func TestUnknownProgram(t *testing.T) {
	p := newProject(t)
	err := p.Run(t.Context(), Hook{Name: "after[1]", At: "x:1:1", Args: []string{"no-such-program-here"}})
	if err == nil || !strings.Contains(err.Error(), "x:1:1: after[1]: program no-such-program-here not found in PATH") {
		t.Errorf("got %v", err)
	}
}

func TestShell(t *testing.T) {
	p := newProject(t)
	script := "echo \"a b\" > out.txt\necho second >> out.txt"
	if runtime.GOOS == "windows" {
		script = `echo "a b" > out.txt`
	}
	if err := p.Run(t.Context(), Hook{Shell: script, Dir: "in", Outputs: []string{"in/out.txt"}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(p.Place("in/out.txt"))
	if err != nil || !strings.Contains(string(data), "a b") {
		t.Errorf("got %q, %v", data, err)
	}
	if runtime.GOOS != "windows" {
		if err := p.Run(t.Context(), Hook{Shell: "false\ntrue"}); err == nil {
			t.Error("the script continued after a failed command")
		}
	}
}

// TestInterruptedWithItsChildren shows that a hook and its children have ended when Run returns.
func TestInterruptedWithItsChildren(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	gone := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			gone <- err
			return
		}
		cancel(why)
		_, err = conn.Read(make([]byte, 1)) // ends with the grandchild
		gone <- err
	}()
	p := newProject(t)
	err = p.Run(ctx, Hook{Shell: "'" + os.Args[0] + "' as-hook dial=" + listener.Addr().String() + " sleep; true"})
	if !errors.Is(err, why) || err.Error() != "interrupted" {
		t.Errorf("got %v", err)
	}
	if err := <-gone; err == nil {
		t.Error("the child still runs")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func matches(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	must(t, err)
	return files
}

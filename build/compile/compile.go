package compile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// Options say how to compile; the zero value works.
type Options struct {
	// Jobs is how many compilers a go build runs at once (go build -p); 0 means
	// as many as there are processors. 1 also keeps go builds from overlapping.
	Jobs int
	// Cache is the folder in which stamps of earlier builds are kept. If it is
	// empty nothing is remembered, and go is always run.
	Cache string
	// Ignore names folders inside a module that hold no source, such as the
	// project's dist: what changes there makes no binary out of date.
	Ignore []string
	// Offline makes a module that is not in the module cache an error.
	Offline bool
	// Environ is the environment, as of os.Environ, that go's settings are
	// taken from; nil means the process's.
	Environ []string
}

// A Target is one binary to make.
type Target struct {
	// Name is what messages call it, such as slipway.
	Name string
	// Package is the main package: ./path inside Dir, or an import path that Dir's
	// go.mod pins.
	Package string
	// Dir is the folder of the module, in which go.mod lies.
	Dir string
	// Platform is what the binary runs on. Its variant chooses GOARM, GOAMD64 and
	// the like; its os.version has no meaning here.
	Platform v1.Platform
	// Tags, Ldflags and Env are handed to go build. CGO_ENABLED is 0 unless Env
	// says otherwise.
	Tags    []string
	Ldflags []string
	Env     map[string]string
	// Assert is what must hold of the result; see ValidateAssert.
	Assert []string
	// Output is the path of the binary, .exe included.
	Output string
}

// String is the target as the plan and messages spell it: slipway linux/amd64.
func (t Target) String() string {
	return t.Name + " " + images.FormatPlatform(t.Platform)
}

// A Result is one binary that was made, or was found made.
type Result struct {
	// Path is the target's Output.
	Path string
	// Digest and Size are the binary's.
	Digest v1.Hash
	Size   int64
	// Cached says that the binary of an earlier run still holds and go was not
	// run for it.
	Cached bool
}

// A Compiler makes binaries. Several may share a cache.
type Compiler struct {
	jobs      int
	cache     string
	ignore    []string
	inherited environment
}

// New returns a compiler. It looks for nothing yet: without a go command it is
// Build that fails, and only if there is something to build.
func New(o Options) *Compiler {
	env := o.Environ
	if env == nil {
		env = os.Environ()
	}
	c := &Compiler{jobs: o.Jobs, cache: o.Cache, ignore: o.Ignore, inherited: inherit(env)}
	if o.Offline {
		// GOPRIVATE would go round the proxy.
		c.inherited = c.inherited.with(environment{"GOPROXY": "off", "GOPRIVATE": "", "GONOPROXY": "none"})
	}
	return c
}

// Build makes all targets that are not up to date. Results stand at their
// target's index; the error joins those of all targets, each beginning with the
// target, and a target that failed has the zero Result. What a target had made
// before is left as it was until the new binary has been checked.
func (c *Compiler) Build(ctx context.Context, targets []Target) ([]Result, error) {
	jobs, err := c.prepare(targets)
	if err != nil {
		return nil, err
	}
	unlock, err := c.lock(ctx, jobs)
	if err != nil {
		return nil, err
	}
	defer unlock()

	tool, err := findGo(c.inherited)
	if err != nil && len(jobs) > 0 {
		return nil, err
	}
	memory := newMemory(c, tool, jobs)
	var (
		results = make([]Result, len(targets))
		errs    = make([]error, len(targets))
		stale   []*job
	)
	var checks errgroup.Group
	checks.SetLimit(runtime.GOMAXPROCS(0)) // hashing, where a binary's times changed
	for _, j := range jobs {
		checks.Go(func() error {
			results[j.index], j.inputs = memory.recall(ctx, j)
			return nil
		})
	}
	checks.Wait()
	for _, j := range jobs {
		if results[j.index].Path == "" {
			stale = append(stale, j)
		}
	}
	for _, b := range batches(upToDate(jobs, results)) {
		task := progress.Start(ctx, b.title())
		task.SetCached()
		task.Done(nil)
	}

	var building errgroup.Group
	building.SetLimit(c.buildsAtOnce())
	for _, lane := range lanes(batches(stale)) {
		building.Go(func() error {
			for _, b := range lane {
				c.run(ctx, tool, memory, b, results, errs)
			}
			return nil
		})
	}
	building.Wait()
	if err := ctx.Err(); err != nil {
		return results, context.Cause(ctx)
	}
	return results, together(jobs, errs)
}

// buildsAtOnce is how many go commands run at a time. A go build keeps every
// processor busy while it compiles; what leaves some idle is loading packages and
// linking, which is one processor's work and takes hundreds of MiB for a large
// program. A second build fills that gap; more of them would only compete for
// memory.
func (c *Compiler) buildsAtOnce() int {
	return min(2, c.processors())
}

func (c *Compiler) processors() int {
	if c.jobs > 0 {
		return c.jobs
	}
	return runtime.GOMAXPROCS(0)
}

// A job is a target with all that was found out about it.
type job struct {
	Target
	index   int
	env     environment // what the target adds to the inherited one
	asserts []assertion
	inputs  string // fingerprint of all that decides the bytes; "" if in doubt
}

// cgo says whether the C compiler is used.
func (j *job) cgo() bool { return j.env["CGO_ENABLED"] == "1" }

// prepare checks all targets before anything is run.
func (c *Compiler) prepare(targets []Target) ([]*job, error) {
	var (
		jobs []*job
		errs []error
		made = map[string]Target{}
	)
	for i, t := range targets {
		j, err := c.newJob(t)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t, err))
			continue
		}
		if other, ok := made[j.Output]; ok {
			errs = append(errs, fmt.Errorf("%s: writes %s, as does %s: give one of them another name", t, t.Output, other))
			continue
		}
		made[j.Output] = t
		j.index = i
		jobs = append(jobs, j)
	}
	return jobs, errors.Join(errs...)
}

func (c *Compiler) newJob(t Target) (*job, error) {
	j := &job{Target: t}
	var errs []error
	if t.Name == "" || t.Package == "" || t.Dir == "" || t.Output == "" {
		return nil, errors.New("a target needs a name, a package, a module folder and an output")
	}
	if strings.HasPrefix(t.Package, "-") || strings.Contains(t.Package, "...") {
		errs = append(errs, fmt.Errorf("package %q: want one main package, as ./path or import path", t.Package))
	}
	if err := images.CheckPort(t.Platform); err != nil {
		errs = append(errs, err)
	}
	var err error
	if j.Dir, err = filepath.Abs(t.Dir); err != nil {
		errs = append(errs, err)
	}
	if j.Output, err = filepath.Abs(t.Output); err != nil {
		errs = append(errs, err)
	}
	// go would wait for the writer of a pipe.
	if err := regular.Check(filepath.Join(j.Dir, "go.mod")); err != nil {
		errs = append(errs, fmt.Errorf("module folder %s: it has no go.mod (%w): name the folder that has, or run `go mod init` there", t.Dir, reason(err)))
	}
	if err := regular.Check(filepath.Join(j.Dir, "go.sum")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, fmt.Errorf("module folder %s: go.sum: %w", t.Dir, reason(err)))
	}
	for _, a := range t.Assert {
		parsed, err := parseAssertion(a)
		if err != nil {
			errs = append(errs, err)
		}
		j.asserts = append(j.asserts, parsed)
	}
	if j.env, err = targetEnvironment(t); err != nil {
		errs = append(errs, err)
	} else if j.cgo() {
		errs = append(errs, c.checkCompiler(j))
	}
	return j, errors.Join(errs...)
}

// reason is the cause inside a *PathError, for messages that name the path
// themselves.
func reason(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// upToDate are the jobs that have a result.
func upToDate(jobs []*job, results []Result) []*job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return results[j.index].Path == "" })
}

// A goTool is the go command that is used.
type goTool struct {
	path string
	// identity stands for the release and the file; "" if they cannot be told
	// without running it.
	identity string
}

// findGo finds the go command in PATH.
func findGo(env environment) (goTool, error) {
	path, err := lookPath("go", env)
	if err != nil {
		return goTool{}, errors.New("compiling needs the go command, and PATH has none: install Go from https://go.dev/dl/, or add its bin folder to PATH")
	}
	tool := goTool{path: path}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return tool, nil
	}
	// A release keeps its version in VERSION, two folders up; a devel tree, or a
	// script in the place of go, does not.
	file := filepath.Join(filepath.Dir(path), "..", "VERSION")
	version, err := regular.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(version), "go1.") {
		return tool, nil
	}
	program, errProgram := os.Stat(path)
	stamp, errStamp := os.Stat(file)
	if errProgram != nil || errStamp != nil {
		return tool, nil
	}
	tool.identity = fmt.Sprint(string(version), path, identify(program), identify(stamp))
	return tool, nil
}

// lookPath is process.LookPath in the PATH of env.
func lookPath(program string, env environment) (string, error) {
	if filepath.Base(program) != program {
		return process.LookPath(program)
	}
	for _, dir := range filepath.SplitList(env["PATH"]) {
		if !filepath.IsAbs(dir) {
			continue // as process.LookPath, which refuses what lies in the working folder
		}
		if path, err := process.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", process.ErrNotFound
}

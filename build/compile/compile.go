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
	"github.com/slipway-build/slipway/internal/filestate"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// Options configure a Compiler; the zero value is valid.
type Options struct {
	// Jobs is the number of parallel compilers in a go build (go build -p); 0 means the number of
	// processors. With 1, go builds do not overlap either.
	Jobs int
	// Cache is the folder with stamps of earlier builds. If it is empty, go is always run.
	Cache string
	// Ignore names folders inside a module that contain no source, such as the project's dist.
	// Changes in them do not make a binary out of date.
	Ignore []string
	// Offline makes a module that is missing in the module cache an error.
	Offline bool
	// Shared has binaries of other machines; nil means none. It needs Cache.
	Shared Shared
	// Environ is the environment, in the form of os.Environ, from which go's settings are taken;
	// nil means that of the process.
	Environ []string
}

// A Target is a binary to build.
type Target struct {
	// Name is used in messages, such as slipway.
	Name string
	// Package is the main package: ./path inside Dir, or an import path that Dir's go.mod pins.
	Package string
	// Dir is the folder of the module, which contains go.mod.
	Dir string
	// Platform is the platform of the binary. Its variant selects GOARM, GOAMD64 and the like. Its os.version is
	// ignored.
	Platform v1.Platform
	// Tags, Ldflags and Env are passed to go build. CGO_ENABLED is 0 unless Env sets it.
	Tags    []string
	Ldflags []string
	Env     map[string]string
	// Flags are more arguments of go build: -buildmode, -gcflags, -asmflags, and flags that CheckFlag accepts.
	Flags []string
	// Assert lists checks of the binary; see ValidateAssert.
	Assert []string
	// Output is the path of the binary, including .exe.
	Output string
	// Prebuilt is the path of a binary that was made elsewhere. With it, only Name, Platform, Assert and Output are
	// used. At is the position of the key in slipway.yaml, as file:line:column.
	Prebuilt, At string
	// Step is the name of the step of the plan, for progress.Within.
	Step string
}

// String returns the target's name in the plan and in messages: slipway linux/amd64.
func (t Target) String() string {
	return t.Name + " " + images.FormatPlatform(t.Platform)
}

// A Result is a binary that was built, or that was up to date.
type Result struct {
	// Path is the target's Output.
	Path string
	// Digest and Size, in bytes, describe the binary.
	Digest v1.Hash
	Size   int64
	// Cached means that the binary of an earlier run is up to date and go was not run.
	Cached bool
}

// A Compiler builds binaries. Several may share a cache.
type Compiler struct {
	jobs      int
	cache     string
	shared    Shared
	ignore    []string
	inherited environment
}

// New returns a compiler. A missing go command is an error of Build, and only if there is something to build.
func New(o Options) *Compiler {
	env := o.Environ
	if env == nil {
		env = os.Environ()
	}
	c := &Compiler{jobs: o.Jobs, cache: o.Cache, shared: o.Shared, ignore: o.Ignore, inherited: inherit(env)}
	if o.Offline {
		// GOPRIVATE would bypass the proxy.
		c.inherited = c.inherited.with(environment{"GOPROXY": "off", "GOPRIVATE": "", "GONOPROXY": "none"})
	}
	return c
}

// compile is Build for targets without Prebuilt.
func (c *Compiler) compile(ctx context.Context, targets []Target) ([]Result, error) {
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
	checks.SetLimit(runtime.GOMAXPROCS(0)) // for hashing binaries whose times have changed
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
		task := progress.Start(b.within(ctx), b.title())
		task.SetCached()
		task.Done(nil)
	}

	stale = c.fetch(ctx, memory, stale, results)

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

// buildsAtOnce returns the number of parallel go commands. A go build uses all processors while it
// compiles, but only one to load packages and to link, which takes hundreds of MiB for a large
// program. A second build fills that gap; more would only compete for memory.
func (c *Compiler) buildsAtOnce() int {
	return min(2, c.processors())
}

func (c *Compiler) processors() int {
	if c.jobs > 0 {
		return c.jobs
	}
	return runtime.GOMAXPROCS(0)
}

// A job is a target with the settings that prepare has determined.
type job struct {
	Target
	index   int
	env     environment // what the target adds to the inherited environment
	asserts []assertion
	inputs  string // fingerprint of all inputs; "" if unknown
}

// cgo reports whether the C compiler is used.
func (j *job) cgo() bool { return j.env["CGO_ENABLED"] == "1" }

// prepare checks all targets before go is run.
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
			errs = append(errs, fmt.Errorf("%s: duplicate output %s, also of %s: rename one of them", t, t.Output, other))
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
		return nil, errors.New("missing name, package, module folder or output")
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
	// go would block on a pipe.
	if err := regular.Check(filepath.Join(j.Dir, "go.mod")); err != nil {
		errs = append(errs, fmt.Errorf("module folder %s: missing go.mod (%w): name the folder that has one, or run `go mod init` there", t.Dir, reason(err)))
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

// reason returns the cause in a *PathError, for messages that contain the path themselves.
func reason(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// Check returns an error if a target cannot be compiled here, because of its settings, its module or its C compiler. It
// does not run go.
func (c *Compiler) Check(t Target) error {
	_, err := c.newJob(t)
	return err
}

// Release returns the release of the go command in PATH, such as go1.26.1. It is "" if it cannot be determined without
// running go.
func (c *Compiler) Release() (string, error) {
	tool, err := findGo(c.inherited)
	return tool.release, err
}

// upToDate returns the jobs that have a result.
func upToDate(jobs []*job, results []Result) []*job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return results[j.index].Path == "" })
}

// A goTool is the go command that builds.
type goTool struct {
	path string
	// release is the release of Go, such as go1.26.1. version is the content of its file VERSION. identity identifies
	// both and the file of the command. All are "" if they cannot be determined without running go.
	release, version, identity string
}

// findGo finds the go command in PATH.
func findGo(env environment) (goTool, error) {
	path, err := lookPath("go", env)
	if err != nil {
		return goTool{}, errors.New("the go command is not in PATH: install Go from https://go.dev/dl/, or add its bin folder to PATH")
	}
	tool := goTool{path: path}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return tool, nil
	}
	// A release has its version in VERSION, two folders up. A development tree, or a script called go, has no such
	// file.
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
	tool.version = string(version)
	tool.release, _, _ = strings.Cut(strings.TrimSpace(string(version)), "\n")
	tool.identity = fmt.Sprint(tool.version, path, filestate.Of(program), filestate.Of(stamp))
	return tool, nil
}

// lookPath is process.LookPath in the PATH of env.
func lookPath(program string, env environment) (string, error) {
	if filepath.Base(program) != program {
		return process.LookPath(program)
	}
	for _, dir := range filepath.SplitList(env["PATH"]) {
		if !filepath.IsAbs(dir) {
			continue // like process.LookPath, ignore relative folders
		}
		if path, err := process.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", process.ErrNotFound
}

package compile

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// temporary is the prefix of the temporary folders of a build, which are beside its outputs. The
// holder of a folder's lock may remove them.
const temporary = ".slipway-compile-"

// run builds the binaries of b, and stores results and errors at their index. If a build of several
// binaries fails in go, each is tried separately, so that the valid ones are built and each error
// belongs to its target. Packages that were compiled the first time are not compiled again.
func (c *Compiler) run(ctx context.Context, tool goTool, memory *memory, b batch, results []Result, errs []error) {
	task := progress.Start(b.within(ctx), b.title())
	err := c.attempt(ctx, tool, memory, b, task, results, errs)
	if err != nil && len(b) > 1 && ctx.Err() == nil {
		for _, j := range b {
			errs[j.index] = c.attempt(ctx, tool, memory, batch{j}, task, results, errs)
		}
	} else if err != nil {
		for _, j := range b {
			errs[j.index] = err
		}
	}
	var all []error
	for _, j := range b {
		all = append(all, errs[j.index])
	}
	task.Done(errors.Join(all...))
}

// attempt runs go build once for all of b. It returns go's own error; errors of single binaries
// that go built are in errs.
func (c *Compiler) attempt(ctx context.Context, tool goTool, memory *memory, b batch, task *progress.Task, results []Result, errs []error) error {
	folder := filepath.Dir(b[0].Output)
	temp, err := os.MkdirTemp(folder, temporary)
	if err != nil {
		return fmt.Errorf("creating a folder for the compiler's output: %w", err)
	}
	defer fileop.RemoveAll(temp)
	out, work := filepath.Join(temp, "out"), filepath.Join(temp, "work")
	if err := errors.Join(os.Mkdir(out, 0o755), os.Mkdir(work, 0o755)); err != nil {
		return err
	}
	keys := make([]string, len(b))
	for i, j := range b {
		keys[i] = memory.sharedKey(j)
	}
	if err := c.goBuild(ctx, tool, b, out, work, task); err != nil {
		return err
	}
	made, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	held := memory.held(b[0]) // one module, and one state of it, for all of b
	for i, j := range b {
		results[j.index], errs[j.index] = take(ctx, j, out, made, memory, held)
		if held && keys[i] != "" && errs[j.index] == nil {
			c.shared.Share(ctx, keys[i], j.Output, results[j.index])
		}
	}
	return nil
}

// take accepts the binary that go built for j.
func take(ctx context.Context, j *job, temp string, made []os.DirEntry, memory *memory, held bool) (Result, error) {
	name, plain := programName(j.Package)
	if !plain { // it was built alone
		name = strings.TrimSuffix(made[0].Name(), ".exe")
	}
	if j.Platform.OS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(temp, name)
	if !slices.ContainsFunc(made, func(e os.DirEntry) bool { return e.Name() == name }) {
		return Result{}, fmt.Errorf("go build produced no program for %s: is its package clause `package main`?", j.Package)
	}
	return accept(ctx, j, path, memory, held)
}

// accept checks the binary at path, and moves it to j's output. held means that j's files are still as they were when they
// were read for j.inputs.
func accept(ctx context.Context, j *job, path string, memory *memory, held bool) (Result, error) {
	if err := inspect(path, j); errors.Is(err, errWrongPlatform) {
		return Result{}, fmt.Errorf("%w: check the tools in CC and env", err)
	} else if err != nil {
		return Result{}, err
	}
	// By rule, whatever the umask.
	if err := os.Chmod(path, 0o755); err != nil {
		return Result{}, err
	}
	digest, size, err := hashFile(path)
	if err != nil {
		return Result{}, err
	}
	result := Result{Path: j.Target.Output, Digest: digest, Size: size}
	// An identical binary is not replaced and keeps its times, so that nothing built from it looks
	// out of date.
	if !memory.unchanged(ctx, j, digest) {
		if err := fileop.Rename(path, j.Output); err != nil {
			return Result{}, fmt.Errorf("moving the binary into place: %w", err)
		}
	}
	return result, memory.remember(j, result, held)
}

// hashFile returns a file's SHA-256 and size.
func hashFile(path string) (v1.Hash, int64, error) {
	f, err := regular.Open(path)
	if err != nil {
		return v1.Hash{}, 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return v1.Hash{}, 0, fmt.Errorf("hashing %s: %w", path, err)
	}
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}, size, nil
}

// goBuild runs go build for b, with the output in the folder out. Its temporary files are in work,
// unless GOTMPDIR names another folder, so that they are removed even if go is killed.
func (c *Compiler) goBuild(ctx context.Context, tool goTool, b batch, out, work string, task *progress.Task) error {
	j := b[0]
	args := []string{"build", "-trimpath", "-buildvcs=false", "-mod=" + modMode(j.Dir)}
	if c.jobs > 0 {
		args = append(args, "-p", strconv.Itoa(c.jobs))
	}
	if len(j.Tags) > 0 {
		args = append(args, "-tags", strings.Join(j.Tags, ","))
	}
	if len(j.Ldflags) > 0 {
		args = append(args, "-ldflags", strings.Join(j.Ldflags, " "))
	}
	args = append(args, j.Flags...)
	args = append(args, "-o", out+string(filepath.Separator), "--")
	for _, j := range b {
		args = append(args, j.Package)
	}

	output := &lines{task: task}
	cmd := process.Command(ctx, tool.path, args...)
	cmd.Dir = j.Dir
	cmd.Env = c.inherited.with(j.env).with(environment{"PWD": j.Dir, "GOTMPDIR": cmp.Or(c.inherited["GOTMPDIR"], work)}).list()
	cmd.Stdout, cmd.Stderr = output, output
	err := process.Run(ctx, cmd)
	output.flush()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	if output.text() == "" {
		return fmt.Errorf("go build in %s: %w", j.Target.Dir, err)
	}
	return &goError{j, output.text()}
}

// modMode returns the -mod in which go does not change go.mod. Both modes refuse modules that are
// not pinned. A module with a vendor folder is built from there, which is also go's default.
func modMode(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "vendor", "modules.txt")); err == nil {
		return "vendor"
	}
	return "readonly"
}

// lines passes the output of a command on, line by line, and keeps a limited part of it for the
// error.
type lines struct {
	task    *progress.Task
	pending []byte
	kept    []string
	size    int
}

// keepAtMost limits the output kept of one go build, in bytes. go itself stops after ten errors for
// each package.
const keepAtMost = 1 << 20

func (l *lines) Write(p []byte) (int, error) {
	l.pending = append(l.pending, p...)
	for {
		line, rest, ok := bytes.Cut(l.pending, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		l.line(string(line))
		l.pending = rest
	}
}

func (l *lines) flush() {
	if len(l.pending) > 0 {
		l.line(string(l.pending))
		l.pending = nil
	}
}

func (l *lines) line(line string) {
	line = strings.TrimRight(line, "\r")
	l.task.Line(line)
	// Downloads are shown, but are not part of an error.
	if strings.HasPrefix(line, "go: downloading ") {
		return
	}
	if l.size += len(line) + 1; l.size <= keepAtMost {
		l.kept = append(l.kept, line)
	}
}

func (l *lines) text() string { return strings.TrimSpace(strings.Join(l.kept, "\n")) }

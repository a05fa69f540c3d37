package hook

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// A Hook is one command. Paths are relative to the project's folder, with slashes.
type Hook struct {
	// Name is the key of the hook in messages, such as "before[0]". At is its position in slipway.yaml, as
	// file:line:column.
	Name, At string
	// Args are a program and its arguments. If Args is empty, Shell is a script for process.Shell.
	Args  []string
	Shell string
	// Dir is the working folder.
	Dir string
	// Env contains variables for the command. Secrets are names of variables that it inherits.
	Env     map[string]string
	Secrets []string
	// Inputs, Outputs and Ignore are patterns of glob.New.
	Inputs, Outputs, Ignore []string
	// Timeout is the maximum time that it may run; 0 means no limit.
	Timeout time.Duration
}

// command returns the command line, for messages.
func (h Hook) command() string {
	if len(h.Args) == 0 {
		return strings.Join(strings.Fields(h.Shell), " ")
	}
	words := slices.Clone(h.Args)
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n\"'$") {
			words[i] = fmt.Sprintf("%q", w)
		}
	}
	return strings.Join(words, " ")
}

// A Runner runs the hooks of a project.
type Runner struct {
	// Root is the project's folder, and Place returns the path on disk of a path in it.
	Root  string
	Place func(path string) string
	// Records is the folder of records. It is created if necessary.
	Records string
	// Ignore are files and folders on disk that may change at any time, such as the cache.
	Ignore []string
	// Environ is the environment of this process, as os.Environ returns it. Getenv looks up secrets.
	Environ []string
	Getenv  func(string) (string, bool)
}

// Run runs a hook, unless nothing has changed since its last run.
func (r *Runner) Run(ctx context.Context, h Hook) error {
	secrets, env, err := r.environment(h)
	task := progress.Start(ctx, h.Name+": "+secrets.Text(h.command()))
	if err == nil {
		var skipped bool
		if skipped, err = r.run(ctx, h, env, output{task: task, secrets: secrets}); skipped {
			task.SetCached()
		}
	}
	switch cause := context.Cause(ctx); {
	case err != nil && cause != nil:
		err = cause
	case err != nil:
		err = &failed{fmt.Sprintf("%s: %s: %s", h.At, h.Name, secrets.Text(err.Error())), err}
	}
	task.Done(err)
	return err
}

// Check returns an error if a hook cannot run because a secret is not set, or its program is missing.
func (r *Runner) Check(h Hook) error {
	_, _, err := r.environment(h)
	if len(h.Args) > 0 {
		program := h.Args[0]
		if strings.ContainsAny(program, `/\`) && !filepath.IsAbs(program) {
			program = filepath.Join(r.Place(path.Clean(h.Dir)), filepath.FromSlash(program))
		}
		if _, e := process.LookPath(program); e != nil {
			err = errors.Join(err, notFound(h.Args[0]))
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", h.At, h.Name, err)
	}
	return nil
}

// notFound is the error for a program that is not found.
func notFound(program string) error {
	return fmt.Errorf("program %s not found in PATH: install it, or give its path", program)
}

// failed is the error of a hook. Its text includes the last lines that the hook printed.
type failed struct {
	text string
	err  error
}

func (f *failed) Error() string { return f.text }
func (f *failed) Unwrap() error { return f.err }

// HoldsOutput marks an error whose text contains the output, so that a display does not show the output again.
func (*failed) HoldsOutput() {}

func (r *Runner) run(ctx context.Context, h Hook, env []string, out output) (skipped bool, err error) {
	inputs, inputsErr := glob.New(slices.Concat(h.Inputs, negated(h.Outputs), negated(h.Ignore))...)
	outputs, outputsErr := glob.New(h.Outputs...)
	ignored, ignoredErr := glob.New(h.Ignore...)
	if err := errors.Join(inputsErr, outputsErr, ignoredErr); err != nil {
		return false, err
	}
	before, err := r.survey(inputs)
	if err != nil {
		return false, fmt.Errorf("looking at its inputs: %w", err)
	}
	if missing := before.missing(h.Inputs); len(missing) > 0 {
		return false, fmt.Errorf("missing input %s", strings.Join(missing, ", "))
	}
	file := r.recordFile(h)
	if len(h.Inputs) > 0 {
		if same, err := r.unchanged(ctx, file, before, outputs); err != nil || same {
			return same, err
		}
	}
	// After an interruption, the record must not match incomplete outputs.
	if err := forget(file); err != nil {
		return false, err
	}
	if _, err := r.read(ctx, before, survey{}); err != nil {
		return false, fmt.Errorf("reading its inputs: %w", err)
	}
	tree, err := r.tree(outputs, ignored)
	if err != nil {
		return false, fmt.Errorf("looking at the project: %w", err)
	}
	if err := r.execute(ctx, h, env, out); err != nil {
		return false, err
	}
	after, err := r.checkInputs(ctx, inputs, before)
	if err != nil {
		return false, err
	}
	if err := r.checkTree(tree, inputs, outputs, ignored); err != nil {
		return false, err
	}
	made, err := r.survey(outputs)
	if err != nil {
		return false, fmt.Errorf("looking at its outputs: %w", err)
	}
	if missing := made.missing(h.Outputs); len(missing) > 0 {
		return false, fmt.Errorf("it ended without an error, but did not make its output %s", strings.Join(missing, ", "))
	}
	if len(h.Inputs) == 0 {
		return false, nil
	}
	if _, err := r.read(ctx, made, survey{}); err != nil {
		return false, fmt.Errorf("reading its outputs: %w", err)
	}
	return false, record{after, made}.write(file)
}

// negated returns patterns that exclude what patterns select.
func negated(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		if !strings.HasPrefix(p, "!") {
			out = append(out, "!"+p)
		}
	}
	return out
}

// environment returns the variables of a hook, and the values of its secrets.
func (r *Runner) environment(h Hook) (*redact.Secrets, []string, error) {
	secrets := &redact.Secrets{}
	env := inheritable.Of(r.Environ)
	var errs []error
	for _, name := range h.Secrets {
		value, ok := r.Getenv(name)
		if !ok || value == "" {
			errs = append(errs, fmt.Errorf("the secret %s is not set: set the environment variable, or remove it from secrets", name))
			continue
		}
		secrets.Add(value)
		env = append(env, name+"="+value)
	}
	for name, value := range h.Env {
		env = append(env, name+"="+value)
	}
	return secrets, env, errors.Join(errs...)
}

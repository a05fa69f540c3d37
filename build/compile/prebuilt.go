package compile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// Build builds all targets that are not up to date. Each result has the index of its target; a failed target has the
// zero Result. The error joins the errors of all targets, each prefixed with the target. The existing output of a
// target is not touched until the new binary has been checked.
func (c *Compiler) Build(ctx context.Context, targets []Target) ([]Result, error) {
	var (
		results = make([]Result, len(targets))
		errs    []error
		sources []Target
		where   []int // index of a source in targets
	)
	for i, t := range targets {
		if t.Prebuilt == "" {
			sources, where = append(sources, t), append(where, i)
			continue
		}
		var err error
		if results[i], err = adopt(ctx, t); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", t.At, t, err))
		}
	}
	if err := context.Cause(ctx); err != nil {
		return results, err
	}
	if len(sources) > 0 {
		made, err := c.compile(ctx, sources)
		if err != nil {
			errs = append(errs, err)
		}
		for n, r := range made {
			results[where[n]] = r
		}
	}
	return results, errors.Join(errs...)
}

// adopt makes the output of a target from its prebuilt binary. It checks the binary like a compiled one: its platform,
// and the assertions. An output with the same content is kept.
func adopt(ctx context.Context, t Target) (_ Result, err error) {
	task := progress.Start(progress.Within(ctx, t.Step), "adopt "+t.String())
	defer func() { task.Done(err) }()
	j := &job{Target: t}
	for _, a := range t.Assert {
		parsed, err := parseAssertion(a)
		if err != nil {
			return Result{}, err
		}
		j.asserts = append(j.asserts, parsed)
	}
	from, err := regular.Open(t.Prebuilt)
	if errors.Is(err, fs.ErrNotExist) {
		return Result{}, fmt.Errorf("missing prebuilt binary %s", t.Prebuilt)
	} else if err != nil {
		return Result{}, fmt.Errorf("opening the prebuilt binary: %w", err)
	}
	defer from.Close()
	folder := filepath.Dir(t.Output)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return Result{}, fmt.Errorf("creating the folder of binaries: %w", err)
	}
	temp, err := os.MkdirTemp(folder, temporary)
	if err != nil {
		return Result{}, fmt.Errorf("creating a folder for the binary: %w", err)
	}
	defer fileop.RemoveAll(temp)
	copied := filepath.Join(temp, filepath.Base(t.Output))
	if err := copyFile(copied, task.Reader(from)); err != nil {
		return Result{}, fmt.Errorf("copying the prebuilt binary %s: %w", t.Prebuilt, err)
	}
	if err := inspect(copied, j); err != nil {
		return Result{}, fmt.Errorf("prebuilt binary %s: %w", t.Prebuilt, err)
	}
	digest, size, err := hashFile(copied)
	if err != nil {
		return Result{}, err
	}
	result := Result{Path: t.Output, Digest: digest, Size: size}
	if have, _, err := hashFile(t.Output); err == nil && have == digest && os.Chmod(t.Output, 0o755) == nil {
		task.SetCached()
		result.Cached = true
		return result, nil
	}
	if err := fileop.Rename(copied, t.Output); err != nil {
		return Result{}, fmt.Errorf("moving the binary into place: %w", err)
	}
	return result, nil
}

// copyFile writes a program with mode 0755.
func copyFile(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close(), os.Chmod(path, 0o755)) // whatever the umask
}

package rebuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/process"
)

// clone clones the repository that contains dir into the folder to, checks out commit, and returns the folder of the clone
// that corresponds to dir. The clone is on a branch of the same name, since ${BRANCH} may be part of a release.
func clone(ctx context.Context, dir, to, commit string) (string, error) {
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", fmt.Errorf("a rebuild needs the git checkout of the release: %w", err)
	}
	// git prints the path without symbolic links.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	inside, err := filepath.Rel(filepath.FromSlash(top), real)
	if err != nil || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("%s is not inside of its git checkout %s", real, top)
	}
	branch, err := git(ctx, dir, "branch", "--show-current")
	if err != nil {
		return "", err
	}
	if _, err := git(ctx, dir, "clone", "--quiet", "--no-checkout", "--", top, to); err != nil {
		return "", err
	}
	checkout := []string{"checkout", "--quiet", "--detach", commit}
	if branch != "" {
		checkout = []string{"checkout", "--quiet", "-B", branch, commit}
	}
	if _, err := git(ctx, to, checkout...); err != nil {
		return "", fmt.Errorf("%w: commit %s must be in the repository", err, commit)
	}
	if _, err := os.Lstat(filepath.Join(to, ".gitmodules")); err == nil {
		if _, err := git(ctx, to, "submodule", "--quiet", "update", "--init", "--recursive"); err != nil {
			return "", err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return filepath.Join(to, inside), nil
}

// git runs git in dir and returns the first line of its output.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := process.Command(ctx, "git", append([]string{"-C", dir}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := process.Run(ctx, cmd); err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return "", fmt.Errorf("running git %s in %s: %w", args[0], dir, err)
	}
	line, _, _ := strings.Cut(stdout.String(), "\n")
	return line, nil
}

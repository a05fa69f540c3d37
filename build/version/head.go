package version

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/process"
)

// A Head is the current commit.
type Head struct {
	// Commit is its full hash, or empty if there is no repository or no commit.
	Commit string
	// Branch is the current branch, or empty.
	Branch string
	// Tags are the git tags of the commit, in git's order.
	Tags []string
	// Dirty means that a tracked file differs from the commit.
	Dirty bool
	// Time is the committer's time.
	Time time.Time
}

// Read reads the head of the checkout that contains dir. It is empty if there is no repository or no commit, since the
// source may come from a tarball. A repository that git refuses to read is an error, because the version would be
// wrong.
//
// As with `git describe --dirty`, untracked files do not make the head dirty. Neither does the folder dist below dir,
// tracked or not, because builds write it.
func Read(ctx context.Context, dir string) (Head, error) {
	status, err := git(ctx, dir, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--", ":/", ":(exclude)dist")
	switch {
	case errors.Is(err, process.ErrNotFound) && !insideRepository(dir):
		return Head{}, nil
	case errors.Is(err, process.ErrNotFound):
		return Head{}, fmt.Errorf("reading the version of %s: it is a git checkout, and git is not installed: %w", dir, err)
	case err != nil && strings.Contains(err.Error(), "not a git repository"):
		return Head{}, nil
	case err != nil:
		return Head{}, err
	}
	var h Head
	for line := range strings.Lines(status) {
		line = strings.TrimSuffix(line, "\n")
		if oid, ok := strings.CutPrefix(line, "# branch.oid "); ok && oid != "(initial)" {
			h.Commit = oid
		} else if branch, ok := strings.CutPrefix(line, "# branch.head "); ok && branch != "(detached)" {
			h.Branch = branch
		} else if !strings.HasPrefix(line, "#") {
			h.Dirty = true
		}
	}
	if h.Commit == "" {
		return Head{}, nil
	}
	seconds, err := git(ctx, dir, "log", "-1", "--no-show-signature", "--format=%ct", h.Commit)
	if err != nil {
		return Head{}, err
	}
	unix, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
	if err != nil {
		return Head{}, fmt.Errorf("reading the time of commit %s: %w", h.Commit, err)
	}
	h.Time = time.Unix(unix, 0).UTC()
	tags, err := git(ctx, dir, "tag", "--points-at", h.Commit)
	if err != nil {
		return Head{}, err
	}
	h.Tags = strings.Fields(tags)
	return h, nil
}

// gitEnvironment contains the environment variables for git: the location of the repository and git's configuration.
// The commands that run here contact no server and need no secret.
var gitEnvironment = process.Basic.And(
	"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_EXEC_PATH", "LD_LIBRARY_PATH",
	"GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_KEY_*", "GIT_CONFIG_VALUE_*",
)

// git runs a git command in dir and returns its output.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := process.Command(ctx, "git", append([]string{"-C", dir}, args...)...)
	// Read searches for an English message. Without a lock on the index, git does not disturb other git processes.
	cmd.Env = append(gitEnvironment.Of(os.Environ()), "LC_ALL=C", "LANGUAGE=", "GIT_OPTIONAL_LOCKS=0")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := process.Run(ctx, cmd); err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return "", fmt.Errorf("running git %s in %s: %w", args[0], dir, err)
	}
	return stdout.String(), nil
}

// insideRepository reports whether dir or a folder above it has a .git.
func insideRepository(dir string) bool {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}

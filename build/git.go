package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A head is what git says of the commit that is checked out.
type head struct {
	// commit is its full hash, empty without a repository or a commit.
	commit string
	// tags point at it, in git's order.
	tags []string
	// dirty says that a tracked file differs from it.
	dirty bool
	// time is when it was committed.
	time time.Time
}

// readHead asks git about the checkout that dir lies in. No repository, and one
// without a commit, are no errors: an operator may build from a tarball. A
// repository that git refuses to read is one, as the version would else be wrong
// in silence.
//
// As for `git describe --dirty`, files that git does not track make nothing
// dirty; dist below dir does not either, even when it is tracked, since it is
// what an earlier build made.
func readHead(ctx context.Context, dir string) (head, error) {
	status, err := git(ctx, dir, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--", ":/", ":(exclude)dist")
	switch {
	case errors.Is(err, exec.ErrNotFound) && !insideRepository(dir):
		return head{}, nil
	case errors.Is(err, exec.ErrNotFound):
		return head{}, fmt.Errorf("reading the version of %s: it is a git checkout, and there is no git program: %w", dir, err)
	case err != nil && strings.Contains(err.Error(), "not a git repository"):
		return head{}, nil
	case err != nil:
		return head{}, err
	}
	var h head
	for line := range strings.Lines(status) {
		line = strings.TrimSuffix(line, "\n")
		if oid, ok := strings.CutPrefix(line, "# branch.oid "); ok && oid != "(initial)" {
			h.commit = oid
		} else if !strings.HasPrefix(line, "#") {
			h.dirty = true
		}
	}
	if h.commit == "" {
		return head{}, nil
	}
	seconds, err := git(ctx, dir, "log", "-1", "--no-show-signature", "--format=%ct", h.commit)
	if err != nil {
		return head{}, err
	}
	unix, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
	if err != nil {
		return head{}, fmt.Errorf("reading the time of commit %s: %w", h.commit, err)
	}
	h.time = time.Unix(unix, 0).UTC()
	tags, err := git(ctx, dir, "tag", "--points-at", h.commit)
	if err != nil {
		return head{}, err
	}
	h.tags = strings.Fields(tags)
	return h, nil
}

// git runs one git command in dir and returns what it printed.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	// English messages, as one of them is looked for; and no lock on the index,
	// so that asking never disturbs another git.
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LANGUAGE=", "GIT_OPTIONAL_LOCKS=0")
	cmd.WaitDelay = 5 * time.Second // for a child of git that keeps the pipe open
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return "", fmt.Errorf("running git %s in %s: %w", args[0], dir, err)
	}
	return stdout.String(), nil
}

// insideRepository says whether dir or a folder above it has a .git.
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

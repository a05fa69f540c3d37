package testfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Repo is a git repository for a test.
type Repo struct {
	t   *testing.T
	dir string
}

// NewRepo creates a git repository in dir that ignores the machine's git configuration. It skips
// the test if git is not installed.
func NewRepo(t *testing.T, dir string) Repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		Missing(t, "git is not installed")
	}
	// Ignore the machine's configuration, and that of a git hook that runs the tests.
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	r := Repo{t, dir}
	r.Run("init", "-q", "-b", "main")
	return r
}

// Run runs git in the repository and returns its output.
func (r Repo) Run(args ...string) string {
	r.t.Helper()
	return r.runAt("2026-01-01T00:00:00Z", args...)
}

func (r Repo) runAt(date string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=T", "-c", "user.email=t@example.invalid"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Commit commits all files at the time date, in RFC 3339, and returns the hash of the commit.
func (r Repo) Commit(message, date string) string {
	r.t.Helper()
	r.Run("add", "-A")
	r.runAt(date, "commit", "-q", "-m", message)
	return r.Run("rev-parse", "HEAD")
}

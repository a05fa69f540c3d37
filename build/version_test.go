package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testfile"
)

const rke2Pattern = `^v[0-9]+\.[0-9]+\.[0-9]+(-rc[0-9]+)?[-+](rke2r[0-9]+|dev.*)$`

func TestVersionOfHead(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct {
		name, base, pattern string
		head                head
		want                string
	}{
		{"no repository", "v1.36.0", "", head{}, "v1.36.0+dev"},
		{"a commit", "v1.36.0", "", head{commit: commit}, "v1.36.0+dev.01234567"},
		{"a commit and changes", "v1.36.0", "", head{commit: commit, dirty: true}, "v1.36.0+dev.01234567-dirty"},
		{"a base with metadata", "v1.36.0+k3s1", "", head{commit: commit}, "v1.36.0+k3s1.dev.01234567"},
		{"a tag", "v1.36.0", "", head{commit: commit, tags: []string{"v1.35.1"}}, "v1.35.1"},
		{"a tag and changes", "v1.36.0", "", head{commit: commit, dirty: true, tags: []string{"v1.35.1"}}, "v1.35.1-dirty"},
		{"a tag of another kind", "v1.36.0", "", head{commit: commit, tags: []string{"nightly", "charts-1.2.3"}}, "v1.36.0+dev.01234567"},
		{"the highest tag, numerically", "", "", head{commit: commit, tags: []string{"v1.9.0", "v1.10.0", "v1.2.0"}}, "v1.10.0"},
		{"a release before its candidates", "", "", head{commit: commit, tags: []string{"v1.2.0-rc1", "v1.2.0", "v1.2.0-rc2"}}, "v1.2.0"},
		{"metadata, numerically", "", rke2Pattern, head{commit: commit, tags: []string{"v1.36.0+rke2r10", "v1.36.0+rke2r9", "v2"}}, "v1.36.0+rke2r10"},
		{"dates that are no semantic versions", "", `^[0-9-]+$`, head{commit: commit, tags: []string{"2026-10-01", "2026-9-30"}}, "2026-10-01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pattern := regexp.MustCompile(c.pattern)
			if c.pattern == "" {
				pattern = regexp.MustCompile(defaultVersionPattern)
			}
			if got := versionOfHead(c.head, c.base, pattern); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestVersionOfTag(t *testing.T) {
	for _, c := range []struct {
		name, tag, pattern string
		onHead             []string
		want, wrong        string
	}{
		{"as it is", "v1.36.0+rke2r1", rke2Pattern, nil, "v1.36.0+rke2r1", ""},
		{"as RKE2 names images", "v1.36.0-rke2r1", `^v[0-9.]+(-rc[0-9]+)?\+rke2r[0-9]+$`, nil, "v1.36.0+rke2r1", ""},
		{"a candidate as RKE2 names images", "v1.36.0-rc1-rke2r1", `^v[0-9.]+(-rc[0-9]+)?\+rke2r[0-9]+$`, nil, "v1.36.0-rc1+rke2r1", ""},
		{"a pattern that takes both", "v1.36.0-rke2r1", rke2Pattern, nil, "v1.36.0-rke2r1", ""},
		{"a pattern that takes both, and the tag on HEAD", "v1.36.0-rke2r1", rke2Pattern, []string{"v1.36.0+rke2r1"}, "v1.36.0+rke2r1", ""},
		{"the tag on HEAD is another", "v1.36.0-rke2r1", rke2Pattern, []string{"v1.36.0+rke2r2"}, "v1.36.0-rke2r1", ""},
		{"no version", "latest", rke2Pattern, nil, "", `"latest" does not match version.pattern ^v`},
		{"several dashes could be the plus", "v1-a-b", `\+`, nil, "", `"v1-a-b" may stand for any of v1+a-b, v1-a+b: write it with +`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := versionOfTag(c.tag, c.onHead, regexp.MustCompile(c.pattern))
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("got %q, %v; want the error %s", got, err, c.wrong)
				}
			} else if err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestNewRelease(t *testing.T) {
	epoch := time.Unix(1, 0).UTC()
	for version, want := range map[string]Release{
		"v1.36.0-rc1+rke2r1": {Tag: "v1.36.0-rc1-rke2r1", Major: "1", Minor: "36", Patch: "0"},
		"1.2.3":              {Tag: "1.2.3", Major: "1", Minor: "2", Patch: "3"},
		"v7":                 {Tag: "v7", Major: "7"},
		"2026-10-01":         {Tag: "2026-10-01", Major: "2026"},
		"nightly":            {Tag: "nightly"},
	} {
		t.Run(version, func(t *testing.T) {
			got, err := newRelease(head{commit: "c", dirty: true}, version, epoch)
			if err != nil {
				t.Fatal(err)
			}
			want.Version, want.Commit, want.Dirty, want.Epoch = version, "c", true, epoch
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, version := range []string{"", "release/v1.2.3", "v1 2", "+dev", "-x", "v1.2.3\n"} {
		if got, err := newRelease(head{}, version, epoch); err == nil {
			t.Errorf("version %q makes %+v, want an error", version, got)
		}
	}
}

func TestPrerelease(t *testing.T) {
	for version, want := range map[string]bool{
		"v1.2.3": false, "v1.2.3+rke2r1": false, "v1.2.3-rc1+rke2r1": true, "v1.2.3-rc1": true,
		"v1.2.3+dev.01234567": true, "v1.2.3+k3s-r1": false,
	} {
		if got := (Release{Version: version}).Prerelease(); got != want {
			t.Errorf("%s: got %v, want %v", version, got, want)
		}
	}
	if !(Release{Version: "v1.2.3+rke2r1-dirty", Dirty: true}).Prerelease() {
		t.Error("a version with changes is a release")
	}
}

// A repo is a git repository for a test.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T, dir string) repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	// Nothing of the machine's configuration, nor of a hook that runs the tests.
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	r := repo{t, dir}
	r.run("init", "-q", "-b", "main")
	return r
}

func (r repo) run(args ...string) string {
	r.t.Helper()
	return r.runAt("2026-01-01T00:00:00Z", args...)
}

func (r repo) runAt(date string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=T", "-c", "user.email=t@example.invalid"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repo) commit(message, date string) string {
	r.t.Helper()
	r.run("add", "-A")
	r.runAt(date, "commit", "-q", "-m", message)
	return r.run("rev-parse", "HEAD")
}

func TestReadHead(t *testing.T) {
	read := func(t *testing.T, dir string) head {
		t.Helper()
		h, err := readHead(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	equal := func(t *testing.T, got, want head) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(head{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	t.Run("no repository", func(t *testing.T) {
		dir := t.TempDir()
		t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
		equal(t, read(t, dir), head{})
	})
	t.Run("no commit", func(t *testing.T) {
		dir := t.TempDir()
		r := newRepo(t, dir)
		testfile.Write(t, filepath.Join(dir, "a"), "a")
		r.run("add", "a")
		equal(t, read(t, dir), head{})
	})
	t.Run("no git program", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		dir := t.TempDir()
		equal(t, read(t, dir), head{})
		if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
		if h, err := readHead(t.Context(), filepath.Join(dir)); err == nil || !strings.Contains(err.Error(), "there is no git program") {
			t.Errorf("a checkout: got %+v, %v; want an error, as the version would be wrong", h, err)
		}
	})
	t.Run("a repository that git refuses to read", func(t *testing.T) {
		dir := t.TempDir()
		newRepo(t, dir)
		testfile.Write(t, filepath.Join(dir, ".git", "config"), "[core\n")
		if h, err := readHead(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "bad config") {
			t.Errorf("got %+v, %v; want git's own words", h, err)
		}
	})
	t.Run("commit, tags and changes", func(t *testing.T) {
		dir := t.TempDir()
		r := newRepo(t, dir)
		sub := filepath.Join(dir, "sub")
		testfile.Write(t, filepath.Join(dir, "a"), "a")
		testfile.Write(t, filepath.Join(sub, "b"), "b")
		testfile.Write(t, filepath.Join(sub, "dist", "made"), "1")
		r.run("add", "-A")
		r.commit("first", "2025-01-01T00:00:00Z")
		r.run("tag", "v1.0.0")
		testfile.Write(t, filepath.Join(dir, "a"), "changed")
		commit := r.commit("second", "2026-02-03T04:05:06+02:00")
		r.run("tag", "v1.1.0")
		r.run("tag", "-a", "-m", "annotated", "v1.2.0+x")

		clean := head{commit: commit, tags: []string{"v1.1.0", "v1.2.0+x"}, time: time.Date(2026, 2, 3, 2, 5, 6, 0, time.UTC)}
		equal(t, read(t, dir), clean)
		equal(t, read(t, sub), clean)

		testfile.Write(t, filepath.Join(dir, "untracked"), "")
		equal(t, read(t, dir), clean)

		testfile.Write(t, filepath.Join(sub, "dist", "made"), "2")
		equal(t, read(t, sub), clean)

		dirty := clean
		dirty.dirty = true
		testfile.Write(t, filepath.Join(dir, "a"), "dirty")
		equal(t, read(t, dir), dirty)
		equal(t, read(t, sub), dirty)

		r.run("checkout", "-q", "a")
		r.run("rm", "-q", "--cached", "sub/b")
		equal(t, read(t, dir), dirty)
		r.run("reset", "-q")

		t.Run("of a shallow clone", func(t *testing.T) {
			shallow := filepath.Join(t.TempDir(), "clone")
			r.run("clone", "-q", "--depth=1", "file://"+filepath.ToSlash(dir), shallow)
			equal(t, read(t, shallow), clean)
		})
	})
	t.Run("an interrupt", func(t *testing.T) {
		dir := t.TempDir()
		newRepo(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := readHead(ctx, dir); err == nil || !strings.Contains(err.Error(), "canceled") {
			t.Errorf("got %v, want that it was canceled", err)
		}
	})
}

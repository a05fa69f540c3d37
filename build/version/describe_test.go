package version

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestDescribe(t *testing.T) {
	dir := t.TempDir()
	r := testfile.NewRepo(t, dir)
	commits := 0
	commit := func(tags ...string) {
		commits++
		testfile.Write(t, filepath.Join(dir, "a"), fmt.Sprint(commits))
		r.Run("add", "-A")
		r.Commit(fmt.Sprint(commits), fmt.Sprintf("2025-01-01T00:00:%02dZ", commits))
		for _, tag := range tags {
			r.Run("tag", tag)
		}
	}
	check := func(dir, prefix, pattern string, want Description) {
		t.Helper()
		got, err := Describe(t.Context(), dir, prefix, regexp.MustCompile(pattern))
		if err != nil {
			t.Fatal(err)
		}
		got.Remotes = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %d commits (-want +got):\n%s", commits, diff)
		}
	}
	check(dir, "", DefaultPattern, Description{}) // no commit
	commit()
	check(dir, "", DefaultPattern, Description{})
	commit("v1.9.0-rc1", "cmd/x/v3.0.0")
	commit("v1.9.0", "v1.10.0", "nightly-1.2.3")
	check(dir, "", DefaultPattern, Description{Nearest: "v1.10.0", Previous: "v1.9.0-rc1"})
	r.Run("tag", "-a", "-m", "annotated", "v1.8.0") // git describe prefers it
	commit("nightly-1.2.4")
	commit()
	check(dir, "", DefaultPattern, Description{Nearest: "v1.10.0", Since: 2, Previous: "v1.10.0"})
	check(filepath.Join(dir, "."), "cmd/x/", DefaultPattern, Description{Nearest: "cmd/x/v3.0.0", Since: 3, Previous: "cmd/x/v3.0.0"})
	check(dir, "cmd/y/", DefaultPattern, Description{})
	check(dir, "", ".", Description{Nearest: "nightly-1.2.4", Since: 1, Previous: "nightly-1.2.4"})

	// A tag on a merged branch, and one that is not merged.
	r.Run("checkout", "-q", "-b", "maintenance", "v1.10.0")
	commit("v1.10.1")
	r.Run("checkout", "-q", "main")
	r.Run("merge", "-q", "-s", "ours", "-m", "merge", "maintenance")
	r.Run("tag", "v1.11.0")
	check(dir, "", DefaultPattern, Description{Nearest: "v1.11.0", Previous: "v1.10.1"})
	r.Run("checkout", "-q", "HEAD^")
	check(dir, "", DefaultPattern, Description{Nearest: "v1.10.0", Since: 2, Previous: "v1.10.0"})

	shallow := filepath.Join(t.TempDir(), "clone")
	r.Run("clone", "-q", "--depth=1", "file://"+filepath.ToSlash(dir), shallow)
	check(shallow, "", DefaultPattern, Description{Shallow: true})
	got, err := Describe(t.Context(), shallow, "", regexp.MustCompile("."))
	if err != nil || len(got.Remotes) != 1 || got.Remotes["origin"] == "" {
		t.Errorf("remotes of the clone: %v, %v", got.Remotes, err)
	}
}

func TestDescribeWithoutRepository(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	if d, err := Describe(t.Context(), dir, "", regexp.MustCompile(".")); !errors.Is(err, ErrNoRepository) {
		t.Errorf("got %+v, %v; want ErrNoRepository", d, err)
	}
}

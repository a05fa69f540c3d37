package version

import (
	order "cmp"
	"context"
	"os"
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
		Head                Head
		want                string
		described           Description
		prefix              string
	}{
		{"no repository", "v1.36.0", "", Head{}, "v1.36.0+dev", Description{}, ""},
		{"a commit", "v1.36.0", "", Head{Commit: commit}, "v1.36.0+dev.01234567", Description{}, ""},
		{"a commit and changes", "v1.36.0", "", Head{Commit: commit, Dirty: true}, "v1.36.0+dev.01234567-dirty", Description{}, ""},
		{"a base with metadata", "v1.36.0+k3s1", "", Head{Commit: commit}, "v1.36.0+k3s1.dev.01234567", Description{}, ""},
		{"a tag", "v1.36.0", "", Head{Commit: commit, Tags: []string{"v1.35.1"}}, "v1.35.1", Description{}, ""},
		{"a tag and changes", "v1.36.0", "", Head{Commit: commit, Dirty: true, Tags: []string{"v1.35.1"}}, "v1.35.1-dirty", Description{}, ""},
		{"a tag of another kind", "v1.36.0", "", Head{Commit: commit, Tags: []string{"nightly", "charts-1.2.3"}}, "v1.36.0+dev.01234567", Description{}, ""},
		{"the highest tag, numerically", "", "", Head{Commit: commit, Tags: []string{"v1.9.0", "v1.10.0", "v1.2.0"}}, "v1.10.0", Description{}, ""},
		{"a release before its candidates", "", "", Head{Commit: commit, Tags: []string{"v1.2.0-rc1", "v1.2.0", "v1.2.0-rc2"}}, "v1.2.0", Description{}, ""},
		{"metadata, numerically", "", rke2Pattern, Head{Commit: commit, Tags: []string{"v1.36.0+rke2r10", "v1.36.0+rke2r9", "v2"}}, "v1.36.0+rke2r10", Description{}, ""},
		{"dates that are no semantic versions", "", `^[0-9-]+$`, Head{Commit: commit, Tags: []string{"2026-10-01", "2026-9-30"}}, "2026-10-01", Description{}, ""},
		{"no base", "", "", Head{Commit: commit, Dirty: true}, "v0.0.0+dev.01234567-dirty", Description{}, ""},
		{"the nearest tag", "", "", Head{Commit: commit, Dirty: true}, "v1.35.1-rc1+dev.5.01234567-dirty", Description{Nearest: "v1.35.1-rc1", Since: 5}, ""},
		{"the nearest tag has metadata", "", "", Head{Commit: commit}, "v1.35.1+k3s1.dev.5.01234567", Description{Nearest: "v1.35.1+k3s1", Since: 5}, ""},
		{"a base and the nearest tag", "v2.0.0", "", Head{Commit: commit}, "v2.0.0+dev.01234567", Description{Nearest: "v1.35.1", Since: 5}, ""},
		{"no repository, and a tag", "", "", Head{}, "v0.0.0+dev", Description{Nearest: "v1.35.1", Since: 5}, ""},
		{"a prefix", "", "", Head{Commit: commit, Tags: []string{"v3.0.0", "cmd/x/v2.0.0", "cmd/y/v4.0.0"}}, "v2.0.0", Description{}, "cmd/x/"},
		{"a prefix, and tags of others", "", "", Head{Commit: commit, Tags: []string{"v3.0.0"}}, "v1.9.0+dev.2.01234567", Description{Nearest: "cmd/x/v1.9.0", Since: 2}, "cmd/x/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pattern := regexp.MustCompile(c.pattern)
			if c.pattern == "" {
				pattern = regexp.MustCompile(DefaultPattern)
			}
			got, tagged, err := c.Head.Choose("", Scheme{Base: c.base, Pattern: pattern, Prefix: c.prefix}, func() (Description, error) { return c.described, nil })
			if err != nil || got != c.want || tagged == strings.Contains(c.want, "dev") {
				t.Errorf("got %s, tagged %v, %v; want %s", got, tagged, err, c.want)
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
		{"several dashes could be the plus", "v1-a-b", `\+`, nil, "", `"v1-a-b" is ambiguous: it may mean v1+a-b, v1-a+b: write it with +`},
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

func TestCompare(t *testing.T) {
	ascending := []string{"nightly", "v1.35.9", "1.36.0-rc1", "v1.36.0-rc2", "v1.36.0+dev.01234567", "v1.36.0", "v1.36.0+dev.5.01234567", "v1.36.0+dev.10.01234567", "v1.36.0+rke2r9", "v1.36.0+rke2r10", "1.36.1", "v1.37", "v2"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := Compare(a, b); got != order.Compare(i, j) {
				t.Errorf("Compare(%s, %s) = %d", a, b, got)
			}
		}
	}
	for version, want := range map[string]bool{"v1.2.3": true, "1.2.3-rc1+a.b": true, "v1": false, "v1.36": false, "2026-10-01": false, "": false} {
		if IsSemantic(version) != want {
			t.Errorf("IsSemantic(%q) is not %v", version, want)
		}
	}
	if Compare("v1.2.3", "1.2.3") != 0 {
		t.Error("a v makes a difference")
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
			got, err := Head{Commit: "c", Dirty: true}.Release(version, epoch)
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
		if got, err := (Head{}).Release(version, epoch); err == nil {
			t.Errorf("version %q makes %+v, want an error", version, got)
		}
	}
}

func TestPrerelease(t *testing.T) {
	for version, want := range map[string]bool{
		"v1.2.3": false, "v1.2.3+rke2r1": false, "v1.2.3-rc1+rke2r1": true, "v1.2.3-rc1": true,
		"v1.2.3+dev.01234567": true, "v1.2.3+k3s-r1": false, "v1.2.3+k3s1.dev.7.01234567": true, "v1.2.3+dev.7.01234567": true,
	} {
		if got := (Release{Version: version}).Prerelease(); got != want {
			t.Errorf("%s: got %v, want %v", version, got, want)
		}
	}
	if !(Release{Version: "v1.2.3+rke2r1-dirty", Dirty: true}).Prerelease() {
		t.Error("a version with changes is a release")
	}
}

func TestReadHead(t *testing.T) {
	read := func(t *testing.T, dir string) Head {
		t.Helper()
		h, err := Read(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	equal := func(t *testing.T, got, want Head) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Head{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	t.Run("no repository", func(t *testing.T) {
		dir := t.TempDir()
		t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
		equal(t, read(t, dir), Head{})
	})
	t.Run("no commit", func(t *testing.T) {
		dir := t.TempDir()
		r := testfile.NewRepo(t, dir)
		testfile.Write(t, filepath.Join(dir, "a"), "a")
		r.Run("add", "a")
		equal(t, read(t, dir), Head{})
	})
	t.Run("no git program", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		dir := t.TempDir()
		equal(t, read(t, dir), Head{})
		if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
		if h, err := Read(t.Context(), filepath.Join(dir)); err == nil || !strings.Contains(err.Error(), "git is not installed") {
			t.Errorf("a checkout: got %+v, %v; want an error, as the version would be wrong", h, err)
		}
	})
	t.Run("a repository that git refuses to read", func(t *testing.T) {
		dir := t.TempDir()
		testfile.NewRepo(t, dir)
		testfile.Write(t, filepath.Join(dir, ".git", "config"), "[core\n")
		if h, err := Read(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "bad config") {
			t.Errorf("got %+v, %v; want git's own message", h, err)
		}
	})
	t.Run("commit, tags and changes", func(t *testing.T) {
		dir := t.TempDir()
		r := testfile.NewRepo(t, dir)
		sub := filepath.Join(dir, "sub")
		testfile.Write(t, filepath.Join(dir, "a"), "a")
		testfile.Write(t, filepath.Join(sub, "b"), "b")
		testfile.Write(t, filepath.Join(sub, "dist", "made"), "1")
		r.Run("add", "-A")
		r.Commit("first", "2025-01-01T00:00:00Z")
		r.Run("tag", "v1.0.0")
		testfile.Write(t, filepath.Join(dir, "a"), "changed")
		commit := r.Commit("second", "2026-02-03T04:05:06+02:00")
		r.Run("tag", "v1.1.0")
		r.Run("tag", "-a", "-m", "annotated", "v1.2.0+x")

		clean := Head{Commit: commit, Branch: "main", Tags: []string{"v1.1.0", "v1.2.0+x"}, Time: time.Date(2026, 2, 3, 2, 5, 6, 0, time.UTC)}
		equal(t, read(t, dir), clean)
		equal(t, read(t, sub), clean)

		testfile.Write(t, filepath.Join(dir, "untracked"), "")
		equal(t, read(t, dir), clean)

		testfile.Write(t, filepath.Join(sub, "dist", "made"), "2")
		equal(t, read(t, sub), clean)

		dirty := clean
		dirty.Dirty = true
		testfile.Write(t, filepath.Join(dir, "a"), "dirty")
		equal(t, read(t, dir), dirty)
		equal(t, read(t, sub), dirty)

		r.Run("checkout", "-q", "a")
		r.Run("rm", "-q", "--cached", "sub/b")
		equal(t, read(t, dir), dirty)
		r.Run("reset", "-q")

		t.Run("of a shallow clone", func(t *testing.T) {
			shallow := filepath.Join(t.TempDir(), "clone")
			r.Run("clone", "-q", "--depth=1", "file://"+filepath.ToSlash(dir), shallow)
			equal(t, read(t, shallow), clean)
		})
	})
	t.Run("an interrupt", func(t *testing.T) {
		dir := t.TempDir()
		testfile.NewRepo(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Read(ctx, dir); err == nil || !strings.Contains(err.Error(), "canceled") {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

package publish

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/publish/githubtest"
)

func TestCheckDirectory(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	for path, want := range map[string]string{
		dir: "", filepath.Join(dir, "new", "folder"): "",
		filepath.Join(dir, "file"): "file is not a folder", filepath.Join(dir, "file", "below"): "file is not a folder",
	} {
		if err := CheckDirectory(path); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("remaining files: %v, %v", left, err)
	}
}

func TestCheckReportsEveryErrorOfPublish(t *testing.T) {
	files := write(t, "a", "b")
	for _, c := range []struct {
		name   string
		change func(f *githubtest.Server, g *GitHub, o *Options)
		want   []string
	}{
		{"a new release", func(*githubtest.Server, *GitHub, *Options) {}, nil},
		{"no token", func(_ *githubtest.Server, g *GitHub, _ *Options) { g.Token = "" }, []string{"missing token"}},
		{"a wrong token", func(_ *githubtest.Server, g *GitHub, _ *Options) { g.Token = "other" }, []string{"the token is wrong or has expired"}},
		{"a token that may read", func(f *githubtest.Server, _ *GitHub, _ *Options) {
			f.Fail = func(r *http.Request) int {
				if r.Method != http.MethodGet {
					return http.StatusForbidden
				}
				return 0
			}
		}, []string{"checking write access", "may the token write its contents?"}},
		{"a draft that differs", func(f *githubtest.Server, _ *GitHub, _ *Options) {
			f.AddAsset(f.Add(githubtest.Release{Tag: tag, Draft: true}), "a", "other")
		}, nil},
		{"a release that is the same", func(f *githubtest.Server, _ *GitHub, _ *Options) {
			f.AddAsset(f.Add(githubtest.Release{Tag: tag}), "a", "content of a")
		}, nil},
		{"a release that differs", func(f *githubtest.Server, _ *GitHub, _ *Options) {
			r := f.Add(githubtest.Release{Tag: tag})
			f.AddAsset(r, "a", "other")
			f.AddAsset(r, "b", "content of B")
		}, []string{"a: the release is already published", "b: the release is already published"}},
		{"a release that is to be replaced", func(f *githubtest.Server, _ *GitHub, o *Options) {
			o.Replace = true
			f.AddAsset(f.Add(githubtest.Release{Tag: tag}), "a", "other")
		}, nil},
		{"a full release", func(f *githubtest.Server, _ *GitHub, _ *Options) {
			r := f.Add(githubtest.Release{Tag: tag, Draft: true})
			for i := range maxAssets {
				f.AddAsset(r, strings.Repeat("x", i+2), "")
			}
		}, []string{"GitHub allows at most 1000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := githubtest.New(t)
			g, o := client(f), Options{Tag: tag}
			c.change(f, &g, &o)
			err := g.Check(t.Context(), files, o)
			if (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in the error: %v", want, err)
				}
			}
			notes := "POST /api/v3/repos/owner/repo/releases/generate-notes"
			if changes := slices.DeleteFunc(f.Log, func(s string) bool { return s == notes }); len(changes) > 0 {
				t.Errorf("Check changed something: %v", changes)
			}
			if _, err := g.Publish(t.Context(), files, o); (err == nil) != (c.want == nil) {
				t.Errorf("Check returned %q, but Publish %v", c.want, err)
			}
		})
	}
}

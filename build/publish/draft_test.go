package publish

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/publish/githubtest"
)

func TestReleaseHasTheGivenOptions(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		want    githubtest.Release
	}{
		{"notes of a file", Options{Notes: "# Notes\n${NOT_A_VARIABLE}\n", GenerateNotes: true, Name: "A title"},
			githubtest.Release{Name: "A title", Body: "# Notes\n${NOT_A_VARIABLE}\n", MakeLatest: "legacy"}},
		{"generated notes", Options{GenerateNotes: true}, githubtest.Release{Name: tag, Body: "What changed in " + tag, MakeLatest: "legacy"}},
		{"the latest", Options{Latest: "true"}, githubtest.Release{Name: tag, MakeLatest: "true"}},
		{"not the latest", Options{Latest: "false"}, githubtest.Release{Name: tag, MakeLatest: "false"}},
		{"a pre-release is never the latest", Options{Prerelease: true, Latest: "true"}, githubtest.Release{Name: tag, Prerelease: true}},
		{"a discussion", Options{Discussion: "Announcements"}, githubtest.Release{Name: tag, Discussion: "Announcements", MakeLatest: "legacy"}},
		{"a discussion of a draft", Options{Discussion: "Announcements", Draft: true}, githubtest.Release{Name: tag, Draft: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := githubtest.New(t)
			c.options.Tag, c.options.Commit = tag, githubtest.Commit
			_, err := client(f).Publish(t.Context(), write(t, "a"), c.options)
			must(t, err)
			c.want.Tag, c.want.Commit = tag, githubtest.Commit
			if diff := cmp.Diff([]*githubtest.Release{&c.want}, f.Releases, ignoreIDs...); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNotesAreBounded(t *testing.T) {
	f := githubtest.New(t)
	for _, run := range []func(Options) error{
		func(o Options) error { return client(f).Check(t.Context(), write(t, "a"), o) },
		func(o Options) error { _, err := client(f).Publish(t.Context(), write(t, "a"), o); return err },
	} {
		must(t, run(Options{Tag: tag, Draft: true, Notes: strings.Repeat("ü", maxNotes)}))
		if err := run(Options{Tag: tag, Notes: strings.Repeat("x", maxNotes+1)}); err == nil || !strings.Contains(err.Error(), "the notes have 125001 characters") {
			t.Errorf("error is %v", err)
		}
	}
}

func TestAnUnknownDiscussionLeavesADraft(t *testing.T) {
	f := githubtest.New(t)
	_, err := client(f).Publish(t.Context(), write(t, "a"), Options{Tag: tag, Discussion: "Gossip"})
	if err == nil || !strings.Contains(err.Error(), `and the category "Gossip"?`) {
		t.Errorf("error is %v", err)
	}
	if !f.Releases[0].Draft || len(f.Releases[0].Assets) != 1 {
		t.Errorf("found %+v", f.Releases[0])
	}
	_, err = client(f).Publish(t.Context(), write(t, "a"), Options{Tag: tag, Discussion: "Announcements"})
	must(t, err)
	if len(f.Releases) != 1 || f.Releases[0].Draft {
		t.Errorf("found %+v", f.Releases[0])
	}
}

// An immutable release cannot get assets. The error lists all missing ones before the first is
// sent.
func TestAnImmutableReleaseIsNotChanged(t *testing.T) {
	f := githubtest.New(t)
	r := f.Add(githubtest.Release{Tag: tag, Immutable: true})
	f.AddAsset(r, "a", "content of a")
	f.AddAsset(r, "b", "other")
	o := Options{Tag: tag, Replace: true}
	for _, what := range []string{"Check", "Publish"} {
		err := client(f).Check(t.Context(), write(t, "a", "b", "c"), o)
		if what == "Publish" {
			_, err = client(f).Publish(t.Context(), write(t, "a", "b", "c"), o)
		}
		for _, want := range []string{"b: the release is published and cannot be changed (immutable), but it has 5 bytes", "c: the release is published and cannot be changed (immutable), but it is not there"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, want %q", what, err, want)
			}
		}
	}
	if n := f.Count("POST /uploads") + f.Count("DELETE"); n > 0 {
		t.Errorf("the release was changed: %v", f.Log)
	}
	_, err := client(f).Publish(t.Context(), write(t, "a"), o)
	must(t, err)
}

func TestEndDraft(t *testing.T) {
	files := write(t, "a", "b")
	options := Options{Tag: tag, Commit: githubtest.Commit, Discussion: "Announcements", Notes: "Notes", Prerelease: true}
	for _, c := range []struct {
		name  string
		set   func(f *githubtest.Server, o *Options)
		rank  Rank
		want  []string // of the error
		after githubtest.Release
	}{
		{"a complete draft", func(*githubtest.Server, *Options) {}, Rank{}, nil,
			githubtest.Release{Prerelease: true, Body: "Notes", Discussion: "Announcements"}},
		{"with a file of somebody", func(f *githubtest.Server, _ *Options) { f.AddAsset(f.Releases[0], "c", "theirs") }, Rank{}, nil,
			githubtest.Release{Prerelease: true, Body: "Notes", Discussion: "Announcements"}},
		{"with a text of somebody", func(f *githubtest.Server, _ *Options) { f.Releases[0].Body = "Theirs" }, Rank{}, nil,
			githubtest.Release{Prerelease: true, Body: "Theirs", Discussion: "Announcements"}},
		{"a missing asset", func(f *githubtest.Server, _ *Options) { f.Releases[0].Get("a").Name = "z" }, Rank{},
			[]string{"a: it is not there: run publish first"}, githubtest.Release{Draft: true, Prerelease: true, Body: "Notes"}},
		{"different assets", func(f *githubtest.Server, _ *Options) {
			f.Releases[0].Get("a").Size = 1
			f.Releases[0].Get("b").State = "starter"
		}, Rank{}, []string{"a: it has 1 bytes, want 12", "b: its upload is incomplete (starter)"}, githubtest.Release{Draft: true, Prerelease: true, Body: "Notes"}},
		{"no draft", func(f *githubtest.Server, _ *Options) { f.Releases[0].Tag = "v0" }, Rank{}, []string{"neither a draft nor a release exists"},
			githubtest.Release{Tag: "v0", Draft: true, Prerelease: true, Body: "Notes"}},
		{"a tag elsewhere", func(f *githubtest.Server, _ *Options) { f.Tags[tag] = "fedcba98" }, Rank{}, []string{"already exists there at commit fedcba98"},
			githubtest.Release{Draft: true, Prerelease: true, Body: "Notes"}},
		{"published by somebody", func(f *githubtest.Server, _ *Options) { f.Releases[0].Draft = false }, Rank{}, nil,
			githubtest.Release{Prerelease: true, Body: "Notes"}},
		{"a full release, published by somebody", func(f *githubtest.Server, _ *Options) { f.Releases[0].Draft, f.Releases[0].Prerelease = false, false }, Rank{}, nil,
			githubtest.Release{Body: "Notes"}},
		{"a pre-release becomes the latest", func(f *githubtest.Server, o *Options) {
			f.Releases[0].Draft, f.Releases[0].Immutable = false, true
		}, Rank{Latest: new(true)}, nil, githubtest.Release{Body: "Notes", MakeLatest: "true", Immutable: true}},
		{"a pre-release is not the latest", func(f *githubtest.Server, _ *Options) { f.Releases[0].Draft = false }, Rank{Latest: new(false)}, nil,
			githubtest.Release{Body: "Notes", Prerelease: true}},
		{"a release becomes a pre-release", func(f *githubtest.Server, _ *Options) { f.Releases[0].Draft, f.Releases[0].Prerelease = false, false },
			Rank{Prerelease: new(true)}, nil, githubtest.Release{Body: "Notes", Prerelease: true}},
		{"a draft that is not a pre-release", func(*githubtest.Server, *Options) {}, Rank{Prerelease: new(false)}, nil,
			githubtest.Release{Body: "Notes", Discussion: "Announcements", MakeLatest: "legacy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := githubtest.New(t)
			o := options
			o.Draft = true
			_, err := client(f).Publish(t.Context(), files, o)
			must(t, err)
			o.Draft = false
			c.set(f, &o)
			f.Log = nil
			checked := client(f).CheckDraft(t.Context(), files, o)
			if len(f.Log) > 0 {
				t.Errorf("CheckDraft changed something: %v", f.Log)
			}
			for range 2 { // the second time changes nothing
				_, ended := client(f).EndDraft(t.Context(), files, o, c.rank)
				for what, err := range map[string]error{"CheckDraft": checked, "EndDraft": ended} {
					if (err == nil) != (c.want == nil) {
						t.Errorf("%s: error is %v, want %q", what, err, c.want)
					}
					for _, want := range c.want {
						if err == nil || !strings.Contains(err.Error(), want) {
							t.Errorf("%s: error is %v, want %q", what, err, want)
						}
					}
				}
				want := c.after
				want.Name, want.Commit = tag, githubtest.Commit
				if want.Tag == "" {
					want.Tag = tag
				}
				if diff := cmp.Diff([]*githubtest.Release{&want}, f.Releases, ignoreIDs...); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestEndDraftTriesAgain(t *testing.T) {
	f := githubtest.New(t)
	files, o := write(t, "a"), Options{Tag: tag, Draft: true}
	_, err := client(f).Publish(t.Context(), files, o)
	must(t, err)
	failed := map[string]bool{}
	f.Fail = func(r *http.Request) int {
		if key := r.Method + r.URL.Path; !failed[key] {
			failed[key] = true
			return http.StatusTooManyRequests
		}
		return 0
	}
	address, err := client(f).EndDraft(t.Context(), files, o, Rank{})
	must(t, err)
	if f.Releases[0].Draft || !strings.HasSuffix(address, "/"+tag) {
		t.Errorf("found %+v at %s", f.Releases[0], address)
	}
}

package publish

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAReleaseSaysWhatIsWanted(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		want    fakeRelease
	}{
		{"notes of a file", Options{Notes: "# Notes\n${NOT_A_VARIABLE}\n", GenerateNotes: true, Name: "A title"},
			fakeRelease{Name: "A title", Body: "# Notes\n${NOT_A_VARIABLE}\n", MakeLatest: "legacy"}},
		{"generated notes", Options{GenerateNotes: true}, fakeRelease{Name: tag, Body: "What changed in " + tag, MakeLatest: "legacy"}},
		{"the latest", Options{Latest: "true"}, fakeRelease{Name: tag, MakeLatest: "true"}},
		{"not the latest", Options{Latest: "false"}, fakeRelease{Name: tag, MakeLatest: "false"}},
		{"a pre-release is never the latest", Options{Prerelease: true, Latest: "true"}, fakeRelease{Name: tag, Prerelease: true}},
		{"a discussion", Options{Discussion: "Announcements"}, fakeRelease{Name: tag, Discussion: "Announcements", MakeLatest: "legacy"}},
		{"a discussion of a draft", Options{Discussion: "Announcements", Draft: true}, fakeRelease{Name: tag, Draft: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeGitHub(t)
			c.options.Tag, c.options.Commit = tag, testCommit
			_, err := f.github().Publish(t.Context(), write(t, "a"), c.options)
			must(t, err)
			c.want.Tag, c.want.Commit = tag, testCommit
			if diff := cmp.Diff([]*fakeRelease{&c.want}, f.releases, ignoreIDs...); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNotesAreBounded(t *testing.T) {
	f := newFakeGitHub(t)
	for _, run := range []func(Options) error{
		func(o Options) error { return f.github().Check(t.Context(), write(t, "a"), o) },
		func(o Options) error { _, err := f.github().Publish(t.Context(), write(t, "a"), o); return err },
	} {
		must(t, run(Options{Tag: tag, Draft: true, Notes: strings.Repeat("ü", maxNotes)}))
		if err := run(Options{Tag: tag, Notes: strings.Repeat("x", maxNotes+1)}); err == nil || !strings.Contains(err.Error(), "the notes have 125001 characters") {
			t.Errorf("error is %v", err)
		}
	}
}

func TestAnUnknownDiscussionLeavesADraft(t *testing.T) {
	f := newFakeGitHub(t)
	_, err := f.github().Publish(t.Context(), write(t, "a"), Options{Tag: tag, Discussion: "Gossip"})
	if err == nil || !strings.Contains(err.Error(), `and the category "Gossip"?`) {
		t.Errorf("error is %v", err)
	}
	if !f.releases[0].Draft || len(f.releases[0].assets) != 1 {
		t.Errorf("found %+v", f.releases[0])
	}
	_, err = f.github().Publish(t.Context(), write(t, "a"), Options{Tag: tag, Discussion: "Announcements"})
	must(t, err)
	if len(f.releases) != 1 || f.releases[0].Draft {
		t.Errorf("found %+v", f.releases[0])
	}
}

// An immutable release cannot get assets: all that it lacks is said before the first is sent.
func TestAnImmutableReleaseIsNotChanged(t *testing.T) {
	f := newFakeGitHub(t)
	r := f.release(fakeRelease{Tag: tag, Immutable: true})
	f.asset(r, "a", "content of a")
	f.asset(r, "b", "other")
	o := Options{Tag: tag, Replace: true}
	for _, what := range []string{"Check", "Publish"} {
		err := f.github().Check(t.Context(), write(t, "a", "b", "c"), o)
		if what == "Publish" {
			_, err = f.github().Publish(t.Context(), write(t, "a", "b", "c"), o)
		}
		for _, want := range []string{"b: the release is published and cannot be changed (immutable), but it has 5 bytes", "c: the release is published and cannot be changed (immutable), but it is not there"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, want %q", what, err, want)
			}
		}
	}
	if n := f.count("POST /uploads") + f.count("DELETE"); n > 0 {
		t.Errorf("it was changed: %v", f.log)
	}
	_, err := f.github().Publish(t.Context(), write(t, "a"), o)
	must(t, err)
}

func TestEndDraft(t *testing.T) {
	files := write(t, "a", "b")
	options := Options{Tag: tag, Commit: testCommit, Discussion: "Announcements", Notes: "Notes", Prerelease: true}
	for _, c := range []struct {
		name  string
		set   func(f *fakeGitHub, o *Options)
		rank  Rank
		want  []string // of the error
		after fakeRelease
	}{
		{"a complete draft", func(*fakeGitHub, *Options) {}, Rank{}, nil,
			fakeRelease{Prerelease: true, Body: "Notes", Discussion: "Announcements"}},
		{"with a file of somebody", func(f *fakeGitHub, _ *Options) { f.asset(f.releases[0], "c", "theirs") }, Rank{}, nil,
			fakeRelease{Prerelease: true, Body: "Notes", Discussion: "Announcements"}},
		{"with a text of somebody", func(f *fakeGitHub, _ *Options) { f.releases[0].Body = "Theirs" }, Rank{}, nil,
			fakeRelease{Prerelease: true, Body: "Theirs", Discussion: "Announcements"}},
		{"a missing asset", func(f *fakeGitHub, _ *Options) { f.releases[0].get("a").Name = "z" }, Rank{},
			[]string{"a: it is not there: run publish first"}, fakeRelease{Draft: true, Prerelease: true, Body: "Notes"}},
		{"different assets", func(f *fakeGitHub, _ *Options) {
			f.releases[0].get("a").Size = 1
			f.releases[0].get("b").State = "starter"
		}, Rank{}, []string{"a: it has 1 bytes, want 12", "b: its upload is incomplete (starter)"}, fakeRelease{Draft: true, Prerelease: true, Body: "Notes"}},
		{"no draft", func(f *fakeGitHub, _ *Options) { f.releases[0].Tag = "v0" }, Rank{}, []string{"neither a draft nor a release is there"},
			fakeRelease{Tag: "v0", Draft: true, Prerelease: true, Body: "Notes"}},
		{"a tag elsewhere", func(f *fakeGitHub, _ *Options) { f.tags[tag] = "fedcba98" }, Rank{}, []string{"already exists there at commit fedcba98"},
			fakeRelease{Draft: true, Prerelease: true, Body: "Notes"}},
		{"published by somebody", func(f *fakeGitHub, _ *Options) { f.releases[0].Draft = false }, Rank{}, nil,
			fakeRelease{Prerelease: true, Body: "Notes"}},
		{"a pre-release becomes the latest", func(f *fakeGitHub, o *Options) {
			f.releases[0].Draft, f.releases[0].Immutable = false, true
		}, Rank{Latest: new(true)}, nil, fakeRelease{Body: "Notes", MakeLatest: "true", Immutable: true}},
		{"a pre-release is not the latest", func(f *fakeGitHub, _ *Options) { f.releases[0].Draft = false }, Rank{Latest: new(false)}, nil,
			fakeRelease{Body: "Notes", Prerelease: true}},
		{"a release becomes a pre-release", func(f *fakeGitHub, _ *Options) { f.releases[0].Draft, f.releases[0].Prerelease = false, false },
			Rank{Prerelease: new(true)}, nil, fakeRelease{Body: "Notes", Prerelease: true}},
		{"a draft is no pre-release", func(*fakeGitHub, *Options) {}, Rank{Prerelease: new(false)}, nil,
			fakeRelease{Body: "Notes", Discussion: "Announcements", MakeLatest: "legacy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeGitHub(t)
			o := options
			o.Draft = true
			_, err := f.github().Publish(t.Context(), files, o)
			must(t, err)
			o.Draft = false
			c.set(f, &o)
			f.log = nil
			checked := f.github().CheckDraft(t.Context(), files, o)
			if len(f.log) > 0 {
				t.Errorf("CheckDraft changed something: %v", f.log)
			}
			for range 2 { // once more changes nothing
				_, ended := f.github().EndDraft(t.Context(), files, o, c.rank)
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
				want.Name, want.Commit = tag, testCommit
				if want.Tag == "" {
					want.Tag = tag
				}
				if diff := cmp.Diff([]*fakeRelease{&want}, f.releases, ignoreIDs...); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestEndDraftTriesAgain(t *testing.T) {
	f := newFakeGitHub(t)
	files, o := write(t, "a"), Options{Tag: tag, Draft: true}
	_, err := f.github().Publish(t.Context(), files, o)
	must(t, err)
	failed := map[string]bool{}
	f.fail = func(r *http.Request) int {
		if key := r.Method + r.URL.Path; !failed[key] {
			failed[key] = true
			return http.StatusTooManyRequests
		}
		return 0
	}
	address, err := f.github().EndDraft(t.Context(), files, o, Rank{})
	must(t, err)
	if f.releases[0].Draft || !strings.HasSuffix(address, "/"+tag) {
		t.Errorf("found %+v at %s", f.releases[0], address)
	}
}

package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-build/slipway/build/publish/githubtest"
)

const tag = "v1.2.3+rke2r1"

// ignoreIDs compares releases without IDs and addresses.
var ignoreIDs = []cmp.Option{cmpopts.IgnoreFields(githubtest.Release{}, "ID", "UploadURL", "HTMLURL"), cmpopts.IgnoreFields(githubtest.Release{}, "Assets")}

func TestPublish(t *testing.T) {
	f := githubtest.New(t)
	for i := range 150 { // more than one page
		f.Add(githubtest.Release{Tag: fmt.Sprintf("v0.%d.0", i)})
	}
	files := write(t, "a+b.tar.zst", "c.zip", "sha256sum-amd64.txt")
	f.Fail = func(r *http.Request) int {
		if r.Method == http.MethodPatch && len(f.Releases[150].Assets) != 3 {
			t.Error("the release is published before it is complete")
		}
		return 0
	}
	options := Options{Tag: tag, Commit: githubtest.Commit, Notes: "Notes"}
	address, err := client(f).Publish(t.Context(), files, options)
	must(t, err)
	if want := "https://github.example.com/owner/repo/releases/tag/" + tag; address != want {
		t.Errorf("address is %s, want %s", address, want)
	}
	got := f.Releases[150]
	want := githubtest.Release{Tag: tag, Name: tag, Commit: githubtest.Commit, Body: "Notes", MakeLatest: "legacy"}
	if diff := cmp.Diff(want, *got, ignoreIDs...); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantContents("a+b.tar.zst", "c.zip", "sha256sum-amd64.txt"), got.Contents()); diff != "" {
		t.Error(diff)
	}

	// A second call sends no requests that change anything.
	f.Log = nil
	again, err := client(f).Publish(t.Context(), files, options)
	must(t, err)
	if again != address || len(f.Log) > 0 {
		t.Errorf("the second time it is %s, after %v", again, f.Log)
	}
}

// The tag of a release is at its commit, wherever the tag came from.
func TestTheTagIsAtTheCommit(t *testing.T) {
	const other = "fedcba98"
	for _, c := range []struct {
		name string
		set  func(f *githubtest.Server)
		want string // "" means that the release is published
	}{
		{"no tag", func(*githubtest.Server) {}, ""},
		{"a tag", func(f *githubtest.Server) { f.Tags[tag] = githubtest.Commit }, ""},
		{"an annotated tag", func(f *githubtest.Server) { f.Tags[tag], f.Annotations["object"] = "object", githubtest.Commit }, ""},
		{"a tag of a tag", func(f *githubtest.Server) {
			f.Tags[tag], f.Annotations["outer"], f.Annotations["inner"] = "outer", "inner", githubtest.Commit
		}, ""},
		{"a tag elsewhere", func(f *githubtest.Server) { f.Tags[tag] = other },
			"tag " + tag + " already exists there at commit " + other + ", but this release is of commit " + githubtest.Commit},
		{"an annotated tag elsewhere", func(f *githubtest.Server) { f.Tags[tag], f.Annotations["object"] = "object", other },
			"already exists there at commit " + other},
		{"a published release elsewhere", func(f *githubtest.Server) { f.Add(githubtest.Release{Tag: tag}); f.Tags[tag] = other },
			"already exists there at commit " + other},
		{"a commit that was not pushed", func(f *githubtest.Server) { f.Commits = nil },
			"tag " + tag + " cannot be created, since commit " + githubtest.Commit + " does not exist there: push it first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := githubtest.New(t)
			c.set(f)
			options := Options{Tag: tag, Commit: githubtest.Commit}
			checked := client(f).Check(t.Context(), write(t, "a"), options)
			f.Log = nil
			_, published := client(f).Publish(t.Context(), write(t, "a"), options)
			for what, err := range map[string]error{"Check": checked, "Publish": published} {
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: error is %v, want %q", what, err, c.want)
				}
			}
			if c.want != "" && len(f.Log) > 0 {
				t.Errorf("Publish changed something: %v", f.Log)
			}
		})
	}
}

func TestPublishLeavesADraft(t *testing.T) {
	f := githubtest.New(t)
	address, err := client(f).Publish(t.Context(), write(t, "a"), Options{Tag: tag, Draft: true, Prerelease: true})
	must(t, err)
	if r := f.Releases[0]; !r.Draft || !r.Prerelease || !strings.Contains(address, "untagged") {
		t.Errorf("found %+v at %s", r, address)
	}
	// Text that a person has written in the meantime is kept.
	f.Releases[0].Body, f.Releases[0].Name = "Written by hand", "A title"
	_, err = client(f).Publish(t.Context(), write(t, "a"), Options{Tag: tag, Notes: "Generated", Prerelease: true})
	must(t, err)
	if r := f.Releases[0]; r.Draft || r.Body != "Written by hand" || r.Name != "A title" || r.MakeLatest != "" || len(f.Releases) != 1 {
		t.Errorf("found %+v", r)
	}
}

// TestPublishGoesOn continues a run that was killed, and a run with different artifacts.
func TestPublishGoesOn(t *testing.T) {
	for _, withoutDigests := range []bool{false, true} {
		f := githubtest.New(t)
		f.WithoutDigests = withoutDigests
		draft := f.Add(githubtest.Release{Tag: tag, Draft: true})
		f.Add(githubtest.Release{Tag: tag, Draft: true}) // of a concurrent run
		right := f.AddAsset(draft, "right", "content of right")
		f.AddAsset(draft, "starter", "content of starter").State = "starter"
		f.AddAsset(draft, "short", "content")
		same := f.AddAsset(draft, "same size", "content of something")
		same.Name = "same-size"
		same.Size, same.Body = int64(len("content of same-size")), "CONTENT of same-size"
		f.AddAsset(draft, "notes.pdf", "somebody's")
		_, err := client(f).Publish(t.Context(), write(t, "right", "starter", "short", "same-size", "missing"), Options{Tag: tag})
		must(t, err)
		want := wantContents("right", "starter", "short", "same-size", "missing")
		want["notes.pdf"] = "somebody's"
		wantUploads, wantDeleted := 4, 3
		if withoutDigests { // the difference cannot be detected
			want["same-size"] = "CONTENT of same-size"
			wantUploads, wantDeleted = 3, 2
		}
		if diff := cmp.Diff(want, draft.Contents()); diff != "" {
			t.Error(diff)
		}
		if uploads, deleted := f.Count("POST /uploads"), f.Count("DELETE"); uploads != wantUploads || deleted != wantDeleted {
			t.Errorf("%d uploads and %d deletions, want %d and %d: %v", uploads, deleted, wantUploads, wantDeleted, f.Log)
		}
		if draft.Assets[0] != right || draft.Draft {
			t.Error("correct assets were replaced, or the draft was not published")
		}
	}
}

func TestAPublishedReleaseIsNotChanged(t *testing.T) {
	f := githubtest.New(t)
	f.Add(githubtest.Release{Tag: tag, Draft: true})
	published := f.Add(githubtest.Release{Tag: tag})
	f.AddAsset(published, "a", "other bytes")
	f.AddAsset(published, "b", "content of b").State = "starter"
	_, err := client(f).Publish(t.Context(), write(t, "a", "b", "c"), Options{Tag: tag})
	if err == nil || !strings.Contains(err.Error(), "a: the release is already published, and there it has 11 bytes, want 12: choose another tag, or delete the asset") {
		t.Errorf("error is %v", err)
	}
	want := wantContents("b", "c")
	want["a"] = "other bytes"
	if diff := cmp.Diff(want, published.Contents()); diff != "" {
		t.Error(diff)
	}
}

func TestPublishTriesAgain(t *testing.T) {
	names := []string{"a", "b", "c"}
	for _, c := range []struct {
		name string
		set  func(f *githubtest.Server)
	}{
		{"every first request fails", func(f *githubtest.Server) {
			seen := map[string]bool{}
			f.Fail = func(r *http.Request) int {
				key := r.Method + r.URL.Path + r.URL.Query().Get("name")
				if !seen[key] {
					seen[key] = true
					return http.StatusBadGateway
				}
				return 0
			}
		}},
		{"an upload leaves a starter", func(f *githubtest.Server) {
			left := 2
			f.Fail = func(r *http.Request) int {
				if name := r.URL.Query().Get("name"); r.Method == http.MethodPost && name == "b" && left > 0 {
					left--
					f.AddAsset(f.Releases[0], name, "cont").State = "starter"
					return http.StatusInternalServerError
				}
				return 0
			}
		}},
		{"an upload is carried out and then fails", func(f *githubtest.Server) {
			f.Fail = func(r *http.Request) int {
				if name := r.URL.Query().Get("name"); r.Method == http.MethodPost && name != "" && len(f.Releases[0].Contents()[name]) == 0 {
					f.AddAsset(f.Releases[0], name, "content of "+name)
					return http.StatusGatewayTimeout
				}
				return 0
			}
		}},
		{"a draft is created and then fails", func(f *githubtest.Server) {
			f.Fail = func(r *http.Request) int {
				if r.Method == http.MethodPost && len(f.Releases) == 0 {
					f.Add(githubtest.Release{Tag: tag, Draft: true})
					return http.StatusInternalServerError
				}
				return 0
			}
		}},
		{"an asset is broken on arrival", func(f *githubtest.Server) {
			left := 2
			f.Mangle = func(a *githubtest.Asset) {
				if left > 0 {
					left--
					a.Digest = "sha256:" + strings.Repeat("0", 64)
				}
			}
		}},
		{"too many requests", func(f *githubtest.Server) {
			left := 3
			f.Fail = func(r *http.Request) int {
				if left > 0 {
					left--
					return http.StatusTooManyRequests
				}
				return 0
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := githubtest.New(t)
			c.set(f)
			_, err := client(f).Publish(t.Context(), write(t, names...), Options{Tag: tag})
			must(t, err)
			if len(f.Releases) != 1 || f.Releases[0].Draft {
				t.Fatalf("found %d releases", len(f.Releases))
			}
			if diff := cmp.Diff(wantContents(names...), f.Releases[0].Contents()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPublishGivesUp(t *testing.T) {
	f := githubtest.New(t)
	f.Fail = func(r *http.Request) int {
		if name := r.URL.Query().Get("name"); name == "a" || name == "c" {
			return http.StatusBadGateway
		}
		return 0
	}
	_, err := client(f).Publish(t.Context(), write(t, "a", "b", "c"), Options{Tag: tag})
	for _, want := range []string{"release " + tag + " of owner/repo", "/a: ", "/c: ", "502"} {
		if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	if n := f.Count("POST /uploads"); n != 2*tries+1 {
		t.Errorf("%d uploads, want %d", n, 2*tries+1)
	}
	if !f.Releases[0].Draft {
		t.Error("it was published")
	}
	if diff := cmp.Diff(wantContents("b"), f.Releases[0].Contents()); diff != "" {
		t.Error(diff)
	}
}

func TestPublishLooksBeforeItPublishes(t *testing.T) {
	f := githubtest.New(t)
	f.Fail = func(r *http.Request) int {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/assets") && len(f.Releases[0].Assets) == 1 {
			f.Releases[0].Assets[0].State = "starter"
		}
		return 0
	}
	_, err := client(f).Publish(t.Context(), write(t, "a"), Options{Tag: tag})
	if err == nil || !strings.Contains(err.Error(), "a was uploaded, but then its upload is incomplete (starter)") {
		t.Errorf("error is %v", err)
	}
	if !f.Releases[0].Draft {
		t.Error("it was published")
	}
}

func TestARefusalIsNotTriedAgain(t *testing.T) {
	f := githubtest.New(t)
	f.Fail = func(r *http.Request) int {
		if r.Method == http.MethodPost {
			return http.StatusForbidden
		}
		return 0
	}
	_, err := client(f).Publish(t.Context(), write(t, "a"), Options{Tag: tag})
	if err == nil || !strings.Contains(err.Error(), "may the token write its contents?") || len(f.Log) != 1 {
		t.Errorf("error is %v, after %v", err, f.Log)
	}
}

// A failure because of an untrusted certificate is not tried again.
func TestAnUnknownCAIsNotTriedAgain(t *testing.T) {
	asked := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	g := GitHub{Owner: "owner", Repo: "repo", Token: githubtest.Token, BaseURL: server.URL,
		pause: func(context.Context, time.Duration) error { asked++; return nil }}
	_, err := g.Publish(t.Context(), write(t, "a"), Options{Tag: tag})
	if err == nil || asked > 0 || runtime.GOOS != "windows" && !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("error is %v, after %d pauses", err, asked)
	}
}

func TestErrorsDoNotContainTheToken(t *testing.T) {
	f := githubtest.New(t)
	g := client(f)
	g.Token = "ghp_wrong9876543210\n"
	_, err := g.Publish(t.Context(), write(t, "a"), Options{Tag: tag})
	if err == nil || !strings.Contains(err.Error(), "Bad credentials: Bearer ***") || !strings.Contains(err.Error(), "the token is wrong or has expired") {
		t.Errorf("error is %v", err)
	}
	if err != nil && strings.Contains(err.Error(), strings.TrimSpace(g.Token)) {
		t.Errorf("error %v contains the token", err)
	}
}

func TestPublishReportsMissingOptions(t *testing.T) {
	_, err := GitHub{Owner: "a/b"}.Publish(t.Context(), write(t, "a"), Options{})
	for _, want := range []string{"want owner/name", "missing token", "missing tag of the release"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func TestPublishIsCancelled(t *testing.T) {
	f := githubtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.Fail = func(r *http.Request) int {
		if r.Method == http.MethodPost && r.URL.Query().Has("name") {
			cancel()
			return http.StatusBadGateway
		}
		return 0
	}
	_, err := client(f).Publish(ctx, write(t, "a"), Options{Tag: tag})
	if err == nil || ctx.Err() == nil || f.Count("POST /uploads") != 1 || f.Count("PATCH") != 0 {
		t.Errorf("error is %v, after %v", err, f.Log)
	}
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	sized := func(name string, size int64) string {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, nil, 0o644))
		must(t, os.Truncate(file, size))
		return file
	}
	good := []string{sized("largest.tar", 1<<31-1), sized("a+b@c_d-1.2.txt", 1)}
	must(t, checkOnly(good))

	bad := []string{sized("large.tar", 1<<31), sized("empty", 0), sized("a b.txt", 1), sized("x~1.deb", 1), sized(".hidden", 1),
		filepath.Join(dir, "missing"), write(t, "large.tar")[0]}
	wants := []string{"large.tar: it has 2147483648 bytes", "empty: it is empty", "a b.txt: GitHub would rename it", "x~1.deb: GitHub would",
		".hidden: GitHub would", "missing: " + filepath.Join(dir, "missing"), "have the same name"}
	f := githubtest.New(t)
	_, published := client(f).Publish(t.Context(), bad, Options{Tag: tag})
	for _, err := range []error{checkOnly(bad), published} {
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error is %v, want %q", err, want)
			}
		}
	}
	if len(f.Log) > 0 || len(f.Releases) > 0 {
		t.Errorf("requests to GitHub: %v", f.Log)
	}

	var many []string
	for i := range 1001 {
		many = append(many, sized(fmt.Sprintf("file%d", i), 1))
	}
	must(t, checkOnly(many[:1000]))
	if err := checkOnly(many); err == nil || !strings.Contains(err.Error(), "1001 files are too many: GitHub allows at most 1000") {
		t.Errorf("error is %v", err)
	}
}

func TestAReleaseHasRoomForAThousand(t *testing.T) {
	f := githubtest.New(t)
	draft := f.Add(githubtest.Release{Tag: tag, Draft: true})
	for i := range 1000 {
		f.AddAsset(draft, fmt.Sprintf("file%d", i), "x")
	}
	_, err := client(f).Publish(t.Context(), write(t, "one-more"), Options{Tag: tag})
	if err == nil || !strings.Contains(err.Error(), "it would have 1001 assets") {
		t.Errorf("error is %v", err)
	}
}

func TestRedactedErrorsUnwrap(t *testing.T) {
	err := redacted(fmt.Errorf("secret: %w", context.Canceled), "secret")
	if err.Error() != "***: context canceled" || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func checkOnly(files []string) error {
	_, err := checkFiles(files)
	return err
}

// client returns a client of f without delays.
func client(f *githubtest.Server) GitHub {
	return GitHub{Owner: "owner", Repo: "repo", Token: githubtest.Token, BaseURL: f.URL,
		pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// wantContents returns the files of write, with their content.
func wantContents(names ...string) map[string]string {
	contents := map[string]string{}
	for _, name := range names {
		contents[name] = "content of " + name
	}
	return contents
}

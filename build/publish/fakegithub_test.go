package publish

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testToken  = "ghp_secret0123456789"
	testCommit = "0123abcd"
)

// A fakeGitHub is as much of GitHub's API as releases need, for the repository
// owner/repo.
type fakeGitHub struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	releases []*fakeRelease
	nextID   int64
	// commits are those that were pushed, tags the objects that tags refer to, and annotations the commits of annotated
	// tags by their objects.
	commits           []string
	tags, annotations map[string]string
	// log has each request that was not a read.
	log []string
	// fail is asked before anything is done; a status that is not 0 is the answer.
	fail func(r *http.Request) int
	// mangle changes an asset that was uploaded.
	mangle func(*fakeAsset)
	// withoutDigests makes it a server that is some years old.
	withoutDigests bool
}

type fakeRelease struct {
	ID         int64        `json:"id"`
	Tag        string       `json:"tag_name"`
	Commit     string       `json:"target_commitish"`
	Name       string       `json:"name"`
	Body       string       `json:"body"`
	Draft      bool         `json:"draft"`
	Prerelease bool         `json:"prerelease"`
	MakeLatest string       `json:"make_latest,omitempty"`
	Discussion string       `json:"discussion_category_name,omitempty"`
	Immutable  bool         `json:"immutable"`
	UploadURL  string       `json:"upload_url"`
	HTMLURL    string       `json:"html_url"`
	assets     []*fakeAsset // as they came
}

type fakeAsset struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Size   int64  `json:"size"`
	Digest string `json:"digest,omitempty"`
	body   string
}

func newFakeGitHub(t testing.TB) *fakeGitHub {
	f := &fakeGitHub{t: t, nextID: 1, commits: []string{testCommit}, tags: map[string]string{}, annotations: map[string]string{}}
	mux := http.NewServeMux()
	const releases = "/api/v3/repos/owner/repo/releases"
	mux.HandleFunc("GET "+releases, f.listReleases)
	mux.HandleFunc("POST "+releases, f.createRelease)
	mux.HandleFunc("POST "+releases+"/generate-notes", f.generateNotes)
	mux.HandleFunc("PATCH "+releases+"/{id}", f.editRelease)
	mux.HandleFunc("GET "+releases+"/{id}/assets", f.listAssets)
	mux.HandleFunc("DELETE "+releases+"/assets/{id}", f.deleteAsset)
	mux.HandleFunc("POST /uploads/{id}/assets", f.upload)
	mux.HandleFunc("GET /api/v3/repos/owner/repo/git/{kind}/{name...}", f.object)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.Method != http.MethodGet {
			f.log = append(f.log, r.Method+" "+r.URL.Path)
		}
		if r.Header.Get("Authorization") != "Bearer "+testToken {
			f.refuse(w, http.StatusUnauthorized, "Bad credentials: "+r.Header.Get("Authorization"))
			return
		}
		if f.fail != nil {
			if status := f.fail(r); status != 0 {
				f.refuse(w, status, http.StatusText(status))
				return
			}
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.server.Close)
	return f
}

// github is a client that never waits.
func (f *fakeGitHub) github() GitHub {
	return GitHub{Owner: "owner", Repo: "repo", Token: testToken, BaseURL: f.server.URL + "/api/v3", Client: f.server.Client(),
		pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func (f *fakeGitHub) refuse(w http.ResponseWriter, status int, message string, errors ...map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"message": message, "errors": errors})
}

func (f *fakeGitHub) id() int64 {
	f.nextID++
	return f.nextID
}

// release adds a release, as somebody else would.
func (f *fakeGitHub) release(r fakeRelease) *fakeRelease {
	r.ID = f.id()
	r.UploadURL = fmt.Sprintf("%s/uploads/%d/assets{?name,label}", f.server.URL, r.ID)
	r.HTMLURL = "https://github.example.com/owner/repo/releases/tag/" + r.Tag
	if r.Draft {
		r.HTMLURL = fmt.Sprintf("https://github.example.com/owner/repo/releases/tag/untagged-%d", r.ID)
	}
	f.releases = append(f.releases, &r)
	return &r
}

func (f *fakeGitHub) find(w http.ResponseWriter, r *http.Request) *fakeRelease {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, release := range f.releases {
		if release.ID == id {
			return release
		}
	}
	f.refuse(w, http.StatusNotFound, "Not Found")
	return nil
}

// page answers with one page of all.
func page[T any](f *fakeGitHub, w http.ResponseWriter, r *http.Request, all []T) {
	size, number := 30, 1
	if n, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil {
		size = min(n, 100)
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil && n > 0 {
		number = n
	}
	begin, end := min(len(all), (number-1)*size), min(len(all), number*size)
	if end < len(all) {
		next := *r.URL
		query := next.Query()
		query.Set("page", strconv.Itoa(number+1))
		next.RawQuery = query.Encode()
		w.Header().Set("Link", fmt.Sprintf(`<%s%s>; rel="next"`, f.server.URL, next.String()))
	}
	f.answer(w, http.StatusOK, append([]T{}, all[begin:end]...))
}

func (f *fakeGitHub) answer(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(what); err != nil {
		f.t.Error(err)
	}
}

func (f *fakeGitHub) listReleases(w http.ResponseWriter, r *http.Request) {
	newest := slices.Clone(f.releases)
	slices.Reverse(newest)
	page(f, w, r, newest)
}

func (f *fakeGitHub) createRelease(w http.ResponseWriter, r *http.Request) {
	var wanted fakeRelease
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		f.t.Error(err)
	}
	f.answer(w, http.StatusCreated, f.release(wanted))
}

func (f *fakeGitHub) generateNotes(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Tag    string `json:"tag_name"`
		Commit string `json:"target_commitish"`
	}
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		f.t.Error(err)
	}
	if f.tags[wanted.Tag] == "" && wanted.Commit == "" {
		f.refuse(w, http.StatusUnprocessableEntity, "Invalid target_commitish")
		return
	}
	f.answer(w, http.StatusOK, map[string]string{"name": wanted.Tag, "body": "What changed in " + wanted.Tag})
}

func (f *fakeGitHub) editRelease(w http.ResponseWriter, r *http.Request) {
	release := f.find(w, r)
	if release == nil {
		return
	}
	release.MakeLatest = ""
	if err := json.NewDecoder(r.Body).Decode(release); err != nil {
		f.t.Error(err)
	}
	if release.Discussion != "" && release.Discussion != "Announcements" {
		release.Draft = true
		f.refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	if !release.Draft {
		release.HTMLURL = "https://github.example.com/owner/repo/releases/tag/" + release.Tag
		if f.tags[release.Tag] == "" {
			f.tags[release.Tag] = release.Commit
		}
	}
	f.answer(w, http.StatusOK, release)
}

// object answers with a tag, an annotated tag or a commit.
func (f *fakeGitHub) object(w http.ResponseWriter, r *http.Request) {
	refer := func(sha string) map[string]any {
		if f.annotations[sha] != "" {
			return map[string]any{"object": map[string]string{"type": "tag", "sha": sha}}
		}
		return map[string]any{"object": map[string]string{"type": "commit", "sha": sha}}
	}
	name := r.PathValue("name")
	switch kind := r.PathValue("kind"); {
	case kind == "ref" && f.tags[strings.TrimPrefix(name, "tags/")] != "":
		f.answer(w, http.StatusOK, refer(f.tags[strings.TrimPrefix(name, "tags/")]))
	case kind == "tags" && f.annotations[name] != "":
		f.answer(w, http.StatusOK, refer(f.annotations[name]))
	case kind == "commits" && slices.Contains(f.commits, name):
		f.answer(w, http.StatusOK, map[string]string{"sha": name})
	default:
		f.refuse(w, http.StatusNotFound, "Not Found")
	}
}

func (f *fakeGitHub) listAssets(w http.ResponseWriter, r *http.Request) {
	if release := f.find(w, r); release != nil {
		page(f, w, r, release.assets)
	}
}

func (f *fakeGitHub) deleteAsset(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, release := range f.releases {
		for i, a := range release.assets {
			if a.ID == id {
				release.assets = slices.Delete(release.assets, i, i+1)
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
	}
	f.refuse(w, http.StatusNotFound, "Not Found")
}

func (f *fakeGitHub) upload(w http.ResponseWriter, r *http.Request) {
	release := f.find(w, r)
	if release == nil {
		return
	}
	name := r.URL.Query().Get("name")
	if release.Immutable {
		f.refuse(w, http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
		return
	}
	if slices.ContainsFunc(release.assets, func(a *fakeAsset) bool { return a.Name == name }) {
		f.refuse(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "ReleaseAsset", "code": "already_exists", "field": "name"})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	if r.ContentLength != int64(len(body)) || r.Header.Get("Content-Type") == "" {
		f.t.Errorf("%s: %d bytes were announced, as %q", name, r.ContentLength, r.Header.Get("Content-Type"))
	}
	asset := f.asset(release, name, string(body))
	if f.mangle != nil {
		f.mangle(asset)
	}
	f.answer(w, http.StatusCreated, asset)
}

// asset adds a complete asset.
func (f *fakeGitHub) asset(release *fakeRelease, name, body string) *fakeAsset {
	asset := &fakeAsset{ID: f.id(), Name: name, State: "uploaded", Size: int64(len(body)), body: body}
	if !f.withoutDigests {
		asset.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(body)))
	}
	release.assets = append(release.assets, asset)
	return asset
}

// get returns the asset of a release with a name.
func (r *fakeRelease) get(name string) *fakeAsset {
	return r.assets[slices.IndexFunc(r.assets, func(a *fakeAsset) bool { return a.Name == name })]
}

// contents are the assets of a release by name.
func (r *fakeRelease) contents() map[string]string {
	all := map[string]string{}
	for _, a := range r.assets {
		all[a.Name] = a.body
	}
	return all
}

// count returns the number of requests that begin with prefix.
func (f *fakeGitHub) count(prefix string) (n int) {
	for _, line := range f.log {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// wantContents are files as write makes them.
func wantContents(names ...string) map[string]string {
	return maps.Collect(func(yield func(string, string) bool) {
		for _, name := range names {
			if !yield(name, "content of "+name) {
				return
			}
		}
	})
}

package githubtest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	// Token is the only token that a server accepts.
	Token = "ghp_secret0123456789"
	// Commit is the commit that has been pushed to the repository of a new server.
	Commit = "0123abcd"
)

// A Server implements the parts of GitHub's API that releases need, for any repository. Its fields may be changed
// between requests.
type Server struct {
	// URL is the base of the API, for GITHUB_API_URL. It has no final slash.
	URL string
	// Releases are in the order of their creation.
	Releases []*Release
	// Commits have been pushed.
	Commits []string
	// Tags maps tags to the objects that they refer to.
	Tags map[string]string
	// Annotations maps the objects of annotated tags to commits.
	Annotations map[string]string
	// Log has method and path of each request that was not a read.
	Log []string
	// Fail is called before a request is answered. A status other than 0 is the answer.
	Fail func(r *http.Request) int
	// Mangle changes an asset after its upload.
	Mangle func(*Asset)
	// Public lets everyone read. Otherwise, all requests need the token.
	Public bool
	// WithoutDigests omits the digests of assets, as older servers do.
	WithoutDigests bool

	t      testing.TB
	server *httptest.Server
	mu     sync.Mutex
	nextID int64
}

// A Release is a release in the API.
type Release struct {
	ID         int64    `json:"id"`
	Tag        string   `json:"tag_name"`
	Commit     string   `json:"target_commitish"`
	Name       string   `json:"name"`
	Body       string   `json:"body"`
	Draft      bool     `json:"draft"`
	Prerelease bool     `json:"prerelease"`
	MakeLatest string   `json:"make_latest,omitempty"`
	Discussion string   `json:"discussion_category_name,omitempty"`
	Immutable  bool     `json:"immutable"`
	UploadURL  string   `json:"upload_url"`
	HTMLURL    string   `json:"html_url"`
	Assets     []*Asset `json:"-"` // in the order of their uploads
}

// An Asset is a file of a release. Body is its content.
type Asset struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Size   int64  `json:"size"`
	Digest string `json:"digest,omitempty"`
	URL    string `json:"browser_download_url"`
	Body   string `json:"-"`
}

// New starts a server on loopback, and stops it at the end of the test.
func New(t testing.TB) *Server {
	f := &Server{t: t, nextID: 1, Commits: []string{Commit}, Tags: map[string]string{}, Annotations: map[string]string{}}
	mux := http.NewServeMux()
	const releases = "/api/v3/repos/{owner}/{repo}/releases"
	mux.HandleFunc("GET "+releases, f.listReleases)
	mux.HandleFunc("POST "+releases, f.createRelease)
	mux.HandleFunc("POST "+releases+"/generate-notes", f.generateNotes)
	mux.HandleFunc("PATCH "+releases+"/{id}", f.editRelease)
	mux.HandleFunc("GET "+releases+"/{id}/{name}", func(w http.ResponseWriter, r *http.Request) {
		switch r.PathValue("id") { // patterns for these would be ambiguous
		case "tags":
			f.releaseByTag(w, r.PathValue("name"))
		case "assets":
			f.downloadAsset(w, r, r.PathValue("name"))
		default:
			f.listAssets(w, r)
		}
	})
	mux.HandleFunc("DELETE "+releases+"/assets/{id}", f.deleteAsset)
	mux.HandleFunc("POST /uploads/{id}/assets", f.upload)
	mux.HandleFunc("GET /api/v3/repos/{owner}/{repo}/git/{kind}/{name...}", f.object)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.Method != http.MethodGet {
			f.Log = append(f.Log, r.Method+" "+r.URL.Path)
		}
		if id, ok := strings.CutPrefix(r.URL.Path, storage); ok {
			f.serveAsset(w, r, id)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+Token && !(f.Public && r.Method == http.MethodGet) {
			f.refuse(w, http.StatusUnauthorized, "Bad credentials: "+r.Header.Get("Authorization"))
			return
		}
		if f.Fail != nil {
			if status := f.Fail(r); status != 0 {
				f.refuse(w, status, http.StatusText(status))
				return
			}
		}
		mux.ServeHTTP(w, r)
	}))
	f.URL = f.server.URL + "/api/v3"
	t.Cleanup(f.server.Close)
	return f
}

func (f *Server) refuse(w http.ResponseWriter, status int, message string, errors ...map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"message": message, "errors": errors})
}

func (f *Server) id() int64 {
	f.nextID++
	return f.nextID
}

// Add adds a release, as another client would.
func (f *Server) Add(r Release) *Release {
	r.ID = f.id()
	r.UploadURL = fmt.Sprintf("%s/uploads/%d/assets{?name,label}", f.server.URL, r.ID)
	r.HTMLURL = "https://github.example.com/owner/repo/releases/tag/" + r.Tag
	if r.Draft {
		r.HTMLURL = fmt.Sprintf("https://github.example.com/owner/repo/releases/tag/untagged-%d", r.ID)
	}
	f.Releases = append(f.Releases, &r)
	return &r
}

func (f *Server) find(w http.ResponseWriter, r *http.Request) *Release {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, release := range f.Releases {
		if release.ID == id {
			return release
		}
	}
	f.refuse(w, http.StatusNotFound, "Not Found")
	return nil
}

// page answers with one page of all.
func page[T any](f *Server, w http.ResponseWriter, r *http.Request, all []T) {
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

func (f *Server) answer(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(what); err != nil {
		f.t.Error(err)
	}
}

func (f *Server) listReleases(w http.ResponseWriter, r *http.Request) {
	newest := slices.Clone(f.Releases)
	slices.Reverse(newest)
	page(f, w, r, newest)
}

func (f *Server) createRelease(w http.ResponseWriter, r *http.Request) {
	var wanted Release
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		f.t.Error(err)
	}
	f.answer(w, http.StatusCreated, f.Add(wanted))
}

func (f *Server) generateNotes(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Tag    string `json:"tag_name"`
		Commit string `json:"target_commitish"`
	}
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		f.t.Error(err)
	}
	if f.Tags[wanted.Tag] == "" && wanted.Commit == "" {
		f.refuse(w, http.StatusUnprocessableEntity, "Invalid target_commitish")
		return
	}
	f.answer(w, http.StatusOK, map[string]string{"name": wanted.Tag, "body": "What changed in " + wanted.Tag})
}

func (f *Server) editRelease(w http.ResponseWriter, r *http.Request) {
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
		if f.Tags[release.Tag] == "" {
			f.Tags[release.Tag] = release.Commit
		}
	}
	f.answer(w, http.StatusOK, release)
}

// object answers with a tag, an annotated tag or a commit.
func (f *Server) object(w http.ResponseWriter, r *http.Request) {
	refer := func(sha string) map[string]any {
		if f.Annotations[sha] != "" {
			return map[string]any{"object": map[string]string{"type": "tag", "sha": sha}}
		}
		return map[string]any{"object": map[string]string{"type": "commit", "sha": sha}}
	}
	name := r.PathValue("name")
	switch kind := r.PathValue("kind"); {
	case kind == "ref" && f.Tags[strings.TrimPrefix(name, "tags/")] != "":
		f.answer(w, http.StatusOK, refer(f.Tags[strings.TrimPrefix(name, "tags/")]))
	case kind == "tags" && f.Annotations[name] != "":
		f.answer(w, http.StatusOK, refer(f.Annotations[name]))
	case kind == "commits" && slices.Contains(f.Commits, name):
		f.answer(w, http.StatusOK, map[string]string{"sha": name})
	default:
		f.refuse(w, http.StatusNotFound, "Not Found")
	}
}

func (f *Server) listAssets(w http.ResponseWriter, r *http.Request) {
	if release := f.find(w, r); release != nil {
		page(f, w, r, release.Assets)
	}
}

func (f *Server) deleteAsset(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, release := range f.Releases {
		for i, a := range release.Assets {
			if a.ID == id {
				release.Assets = slices.Delete(release.Assets, i, i+1)
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
	}
	f.refuse(w, http.StatusNotFound, "Not Found")
}

func (f *Server) upload(w http.ResponseWriter, r *http.Request) {
	release := f.find(w, r)
	if release == nil {
		return
	}
	name := r.URL.Query().Get("name")
	if release.Immutable {
		f.refuse(w, http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
		return
	}
	if slices.ContainsFunc(release.Assets, func(a *Asset) bool { return a.Name == name }) {
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
	asset := f.AddAsset(release, name, string(body))
	if f.Mangle != nil {
		f.Mangle(asset)
	}
	f.answer(w, http.StatusCreated, asset)
}

// AddAsset adds a complete asset to a release.
func (f *Server) AddAsset(release *Release, name, body string) *Asset {
	asset := &Asset{ID: f.id(), Name: name, State: "uploaded", Size: int64(len(body)), Body: body}
	asset.URL = f.server.URL + storage + strconv.FormatInt(asset.ID, 10)
	if !f.WithoutDigests {
		asset.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(body)))
	}
	release.Assets = append(release.Assets, asset)
	return asset
}

// Get returns the asset with a name, which the release must have.
func (r *Release) Get(name string) *Asset {
	return r.Assets[slices.IndexFunc(r.Assets, func(a *Asset) bool { return a.Name == name })]
}

// Contents returns the content of each asset, by name.
func (r *Release) Contents() map[string]string {
	all := map[string]string{}
	for _, a := range r.Assets {
		all[a.Name] = a.Body
	}
	return all
}

// Count returns the number of lines of Log that begin with prefix.
func (f *Server) Count(prefix string) (n int) {
	for _, line := range f.Log {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

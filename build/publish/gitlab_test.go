package publish

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A gitlabServer implements the part of GitLab's API that releases need, for the project
// group/name.
type gitlabServer struct {
	t      testing.TB
	server *httptest.Server

	mu sync.Mutex
	// files are the files of the package acme 1.2.3, in the order of their uploads.
	files   []fakeFile
	release *fakeGitLabRelease
	// tag is the commit of the tag; empty means that the tag does not exist.
	tag string
	log []string // each request that was not a read
	// public lets everyone read.
	public bool
	// fail is called before a request is executed. A status other than 0 is the response.
	fail func(r *http.Request) int
}

type fakeFile struct {
	ID     int64  `json:"id"`
	Name   string `json:"file_name"`
	SHA256 string `json:"file_sha256"`
	body   string
}

type fakeGitLabRelease struct {
	Tag, Name, Description, Ref string
	Links                       map[string]string
}

func newGitLabServer(t testing.TB) *gitlabServer {
	s := &gitlabServer{t: t}
	mux := http.NewServeMux()
	const project = "/api/v4/projects/{project}"
	mux.HandleFunc("GET "+project+"/repository/tags/{tag}", func(w http.ResponseWriter, r *http.Request) {
		if s.tag == "" || r.PathValue("tag") != tag {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		s.answer(w, map[string]any{"name": tag, "commit": map[string]string{"id": s.tag}})
	})
	mux.HandleFunc("GET "+project+"/packages", func(w http.ResponseWriter, r *http.Request) {
		found := []any{map[string]any{"id": 6, "name": "acme-other", "version": "1.2.3"}}
		if len(s.files) > 0 {
			found = append(found, map[string]any{"id": 7, "name": "acme", "version": "1.2.3"})
		}
		s.answer(w, found)
	})
	mux.HandleFunc("GET "+project+"/packages/7/package_files", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") != "2" && len(s.files) > 1 { // two pages
			w.Header().Set("X-Next-Page", "2")
			s.answer(w, s.files[:1])
			return
		}
		s.answer(w, s.files[min(len(s.files)-1, 1):])
	})
	mux.HandleFunc("PUT "+project+"/packages/generic/acme/1.2.3/{file}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(body)) {
			s.t.Errorf("%d of %d bytes, %v", len(body), r.ContentLength, err)
		}
		s.answer(w, s.put(r.PathValue("file"), string(body)))
	})
	mux.HandleFunc("GET "+project+"/packages/generic/acme/1.2.3/{file}", func(w http.ResponseWriter, r *http.Request) {
		for _, f := range s.files {
			if f.Name == r.PathValue("file") {
				fmt.Fprint(w, f.body)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	})
	mux.HandleFunc("GET "+project+"/releases/{tag}", func(w http.ResponseWriter, r *http.Request) { s.answerRelease(w) })
	mux.HandleFunc("POST "+project+"/releases", func(w http.ResponseWriter, r *http.Request) {
		var o struct {
			fakeGitLabRelease
			Tag    string `json:"tag_name"`
			Assets struct{ Links []map[string]string }
		}
		s.decode(r, &o)
		s.release = &fakeGitLabRelease{Tag: o.Tag, Name: o.Name, Description: o.Description, Ref: o.Ref, Links: map[string]string{}}
		for _, l := range o.Assets.Links {
			s.link(l)
		}
		if s.tag == "" {
			s.tag = o.Ref
		}
		s.answerRelease(w)
	})
	link := func(w http.ResponseWriter, r *http.Request) {
		l := map[string]string{}
		s.decode(r, &l)
		s.link(l)
		s.answer(w, map[string]any{"id": 1})
	}
	mux.HandleFunc("POST "+project+"/releases/{tag}/assets/links", link)
	mux.HandleFunc("PUT "+project+"/releases/{tag}/assets/links/{id}", link)
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Method != http.MethodGet {
			s.log = append(s.log, r.Method+" "+r.URL.Path)
		}
		if s.fail != nil {
			if status := s.fail(r); status != 0 {
				w.WriteHeader(status)
				return
			}
		}
		user, password, _ := r.BasicAuth()
		basic := strings.Contains(r.URL.Path, "/generic/") && (user == "slipway" && password == "glpat-secret" || user == "gitlab-ci-token" && password == "job-secret")
		switch {
		case s.public && r.Method == http.MethodGet && r.Header.Get("Private-Token")+r.Header.Get("Job-Token") == "":
			mux.ServeHTTP(w, r)
		case r.Header.Get("Private-Token") != "glpat-secret" && r.Header.Get("Job-Token") != "job-secret" && !basic:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"message": "not with %s"}`, r.Header.Get("Private-Token"))
		case r.Header.Get("Job-Token") != "" && strings.Contains(r.URL.Path, "/repository/"):
			w.WriteHeader(http.StatusForbidden)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *gitlabServer) put(name, body string) fakeFile {
	f := fakeFile{int64(len(s.files) + 1), name, fmt.Sprintf("%x", sha256.Sum256([]byte(body))), body}
	s.files = append(s.files, f)
	return f
}

func (s *gitlabServer) link(l map[string]string) {
	if l["direct_asset_path"] != "/"+l["name"] {
		s.t.Errorf("link %v", l)
	}
	s.release.Links[l["name"]] = l["url"]
}

func (s *gitlabServer) answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *gitlabServer) decode(r *http.Request, v any) {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *gitlabServer) answerRelease(w http.ResponseWriter) {
	if s.release == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	links := []map[string]any{}
	for name, url := range s.release.Links {
		links = append(links, map[string]any{"id": len(links) + 1, "name": name, "url": url})
	}
	s.answer(w, map[string]any{"tag_name": s.release.Tag, "commit": map[string]string{"id": s.tag}, "assets": map[string]any{"links": links},
		"_links": map[string]string{"self": "https://gitlab.example.com/group/name/-/releases/" + s.release.Tag}})
}

func (s *gitlabServer) gitlab() GitLab {
	return GitLab{Project: "group/name", Token: "glpat-secret", BaseURL: s.server.URL + "/api/v4",
		pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

// want returns the release of files from write.
func (s *gitlabServer) want(names ...string) *fakeGitLabRelease {
	r := &fakeGitLabRelease{Tag: tag, Name: "Acme", Description: "Notes", Ref: "0123abcd", Links: map[string]string{}}
	for _, name := range names {
		r.Links[name] = s.server.URL + "/api/v4/projects/group%2Fname/packages/generic/acme/1.2.3/" + name
	}
	return r
}

var gitlabOptions = GitLabOptions{Tag: tag, Commit: "0123abcd", Name: "Acme", Notes: "Notes", Package: "acme", Version: "1.2.3"}

func TestGitLab(t *testing.T) {
	for _, job := range []bool{false, true} {
		s := newGitLabServer(t)
		g := s.gitlab()
		if job {
			g.Token, g.JobToken, s.tag = "", "job-secret", "0123abcd"
		}
		files := write(t, "a.zip", "b", "c.txt")
		s.fail = func(r *http.Request) int {
			if r.Method == http.MethodPost && len(s.files) != 3 {
				t.Error("the release exists before it is complete")
			}
			return 0
		}
		must(t, g.Check(t.Context(), files, gitlabOptions))
		if len(s.log) > 0 {
			t.Errorf("Check changed something: %v", s.log)
		}
		address, err := g.Publish(t.Context(), files, gitlabOptions)
		must(t, err)
		if address != "https://gitlab.example.com/group/name/-/releases/"+tag {
			t.Errorf("it is at %s", address)
		}
		if diff := cmp.Diff(s.want("a.zip", "b", "c.txt"), s.release); diff != "" {
			t.Error(diff)
		}
		got := map[string]string{}
		for _, f := range s.files {
			got[f.Name] = f.body
		}
		if diff := cmp.Diff(wantContents("a.zip", "b", "c.txt"), got); diff != "" {
			t.Error(diff)
		}
		s.log = nil
		_, err = g.Publish(t.Context(), files, gitlabOptions)
		must(t, err)
		if len(s.log) > 0 {
			t.Errorf("the second time it sent %v", s.log)
		}
	}
}

// A run after an interruption, or after a person has created the release, completes the release.
func TestGitLabGoesOn(t *testing.T) {
	s := newGitLabServer(t)
	s.put("a", "old")
	s.put("a", "content of a") // the newest file counts
	s.tag = "0123abcd"
	s.release = &fakeGitLabRelease{Tag: tag, Name: "Theirs", Links: map[string]string{"a": "https://elsewhere.example.com/a", "x": "theirs"}}
	_, err := s.gitlab().Publish(t.Context(), write(t, "a", "b"), gitlabOptions)
	must(t, err)
	want := s.want("a", "b")
	want.Name, want.Description, want.Ref = "Theirs", "", ""
	want.Links["x"] = "theirs"
	if diff := cmp.Diff(want, s.release); diff != "" {
		t.Error(diff)
	}
	if n := len(s.files); n != 3 {
		t.Errorf("%d files", n)
	}
}

func TestGitLabKeepsFiles(t *testing.T) {
	s := newGitLabServer(t)
	s.put("a", "other")
	for _, replace := range []bool{false, true} {
		o := gitlabOptions
		o.Replace = replace
		checked := s.gitlab().Check(t.Context(), write(t, "a", "b"), o)
		_, err := s.gitlab().Publish(t.Context(), write(t, "a", "b"), o)
		for _, err := range []error{checked, err} {
			if (err == nil) != replace || err != nil && !strings.Contains(err.Error(), "a: the package acme 1.2.3 has it with sha256:") {
				t.Errorf("replace %v: error is %v", replace, err)
			}
		}
		if replace != (len(s.files) == 3) {
			t.Errorf("replace %v: %d files", replace, len(s.files))
		}
	}
}

func TestGitLabTriesAgain(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusBadGateway} {
		s := newGitLabServer(t)
		failed := map[string]bool{}
		s.fail = func(r *http.Request) int {
			key := r.Method + r.URL.Path
			if first := !failed[key]; first {
				failed[key] = true
				return status
			}
			return 0
		}
		_, err := s.gitlab().Publish(t.Context(), write(t, "a", "b"), gitlabOptions)
		must(t, err)
		if diff := cmp.Diff(s.want("a", "b"), s.release); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGitLabErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(s *gitlabServer, g *GitLab, o *GitLabOptions)
		want string
	}{
		{"no token", func(_ *gitlabServer, g *GitLab, _ *GitLabOptions) { g.Token = "" }, "missing token: set GITLAB_TOKEN"},
		{"a wrong token", func(_ *gitlabServer, g *GitLab, _ *GitLabOptions) { g.Token = "glpat-wrong" }, "not with ***\"}: the token is wrong or has expired"},
		{"no tag", func(_ *gitlabServer, _ *GitLab, o *GitLabOptions) { o.Tag = "" }, "missing tag"},
		{"a tag elsewhere", func(s *gitlabServer, _ *GitLab, _ *GitLabOptions) { s.tag = "fedcba98" }, "already exists there at commit fedcba98"},
		{"a release elsewhere, for a job", func(s *gitlabServer, g *GitLab, _ *GitLabOptions) {
			g.Token, g.JobToken = "", "job-secret"
			s.tag, s.release = "fedcba98", &fakeGitLabRelease{Tag: tag}
		}, "already exists there at commit fedcba98"},
		{"no rights", func(s *gitlabServer, _ *GitLab, _ *GitLabOptions) {
			s.fail = func(r *http.Request) int {
				if strings.HasSuffix(r.URL.Path, "/packages") {
					return http.StatusForbidden
				}
				return 0
			}
		}, "listing the package acme 1.2.3: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newGitLabServer(t)
			g, o := s.gitlab(), gitlabOptions
			c.set(s, &g, &o)
			checked := g.Check(t.Context(), write(t, "a"), o)
			_, published := g.Publish(t.Context(), write(t, "a"), o)
			for _, err := range []error{checked, published} {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "glpat-") {
					t.Errorf("error is %v, want %q", err, c.want)
				}
			}
			if slices.ContainsFunc(s.log, func(string) bool { return true }) {
				t.Errorf("it sent %v", s.log)
			}
		})
	}
	// The token must not be sent to another server.
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("it was sent %v", r.Header) }))
	defer other.Close()
	moved := httptest.NewServer(http.RedirectHandler(strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound))
	defer moved.Close()
	g := GitLab{Project: "group/name", Token: "glpat-secret", BaseURL: moved.URL}
	if err := g.Check(t.Context(), write(t, "a"), gitlabOptions); err == nil || !strings.Contains(err.Error(), "redirects to another server") {
		t.Errorf("error is %v", err)
	}
	if err := (GitLab{Token: "x"}).Check(t.Context(), write(t, "a b"), gitlabOptions); err == nil || !strings.Contains(err.Error(), "a b: GitLab does not allow the name") {
		t.Errorf("error is %v", err)
	}
}

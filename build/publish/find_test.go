package publish

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/publish/githubtest"
)

// content reads a file of a release, with nothing but its address.
func content(t *testing.T, client *http.Client, address Address, name string) string {
	t.Helper()
	at, err := address(t.Context(), name)
	must(t, err)
	response, err := client.Get(at)
	must(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	must(t, err)
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", name, response.Status)
	}
	return string(raw)
}

// missing checks that a release does not have a file.
func missing(t *testing.T, address Address) {
	t.Helper()
	if at, err := address(t.Context(), "other.zip"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file is at %q, %v", at, err)
	}
}

func TestFindOnGitHub(t *testing.T) {
	for name, token := range map[string]string{"private": githubtest.Token, "public": ""} {
		t.Run(name, func(t *testing.T) {
			f := githubtest.New(t)
			f.Public = token == ""
			release := f.Add(githubtest.Release{Tag: tag})
			for i := range 120 { // more than one page
				f.AddAsset(release, "x"+strings.Repeat("x", i), "")
			}
			f.AddAsset(release, "c.zip", "content")
			f.AddAsset(release, "other.zip", "half").State = "starter"
			f.Add(githubtest.Release{Tag: "v9.0.0", Draft: true})
			g := client(f)
			g.Token = token
			address, err := g.Find(t.Context(), tag)
			must(t, err)
			if got := content(t, http.DefaultClient, address, "c.zip"); got != "content" {
				t.Errorf("got %q", got)
			}
			missing(t, address)
			for _, tag := range []string{"v8.0.0", "v9.0.0"} {
				_, err := g.Find(t.Context(), tag)
				if !errors.Is(err, ErrNotPublished) || strings.Contains(err.Error(), "set GITHUB_TOKEN") != (token == "") {
					t.Errorf("%s: got %v", tag, err)
				}
			}
		})
	}
	f := githubtest.New(t)
	g := client(f)
	g.Token = "wrong5ecret"
	if _, err := g.Find(t.Context(), tag); err == nil || strings.Contains(err.Error(), g.Token) {
		t.Errorf("with a wrong token: %v", err)
	}
}

func TestFindOnGitLab(t *testing.T) {
	for name, login := range map[string]GitLab{"private": {Token: "glpat-secret"}, "of a job": {JobToken: "job-secret"}, "public": {}} {
		t.Run(name, func(t *testing.T) {
			s := newGitLabServer(t)
			must(t, func() error {
				_, err := s.gitlab().Publish(t.Context(), write(t, "a.zip", "b.txt"), gitlabOptions)
				return err
			}())
			s.public = name == "public"
			login.Project, login.BaseURL = "group/name", s.gitlab().BaseURL
			address, err := login.Find(t.Context(), gitlabOptions)
			must(t, err)
			if got := content(t, http.DefaultClient, address, "b.txt"); got != "content of b.txt" {
				t.Errorf("got %q", got)
			}
			missing(t, address)
			s.release = nil
			_, err = login.Find(t.Context(), gitlabOptions)
			if !errors.Is(err, ErrNotPublished) || strings.Contains(err.Error(), "set GITLAB_TOKEN") != s.public {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFindInS3(t *testing.T) {
	s := newS3Server(t)
	s.put("acme/v1/b-build1.txt", "content")
	key := func(name string) string { return "acme/v1/" + strings.Replace(name, ".", "-build1.", 1) }
	address, err := s.s3().Find(t.Context(), "acme/v1/", key)
	must(t, err)
	if got := content(t, s.server.Client(), address, "b.txt"); got != "content" {
		t.Errorf("got %q", got)
	}
	missing(t, address)
	if _, err := s.s3().Find(t.Context(), "acme/v2/", key); !errors.Is(err, ErrNotPublished) {
		t.Errorf("got %v", err)
	}
	bucket := s.s3()
	bucket.Bucket = "other"
	if _, err := bucket.Find(t.Context(), "", key); err == nil || errors.Is(err, ErrNotPublished) {
		t.Errorf("without the bucket: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.s3().Find(ctx, "acme/v1/", key); err == nil {
		t.Error("a cancelled search found it")
	}
}

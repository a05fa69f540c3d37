package version

import (
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestPublicRemote(t *testing.T) {
	for text, want := range map[string]string{
		"https://github.com/acme/acme.git":              "https://github.com/acme/acme",
		"https://me:s3cr3t@git.example.com:8443/a/b":    "https://git.example.com:8443/a/b",
		"https://git.example.com/a/b?token=s3cr3t#main": "https://git.example.com/a/b",
		"git@github.com:acme/acme.git":                  "https://github.com/acme/acme",
		"github.com:acme/acme/":                         "https://github.com/acme/acme",
		"ssh://git@git.example.com:2222/a/b.git":        "https://git.example.com/a/b",
		"/srv/git/acme.git":                             "",
		"../acme":                                       "",
		"file:///srv/git/acme":                          "",
		`C:\src\acme`:                                   "",
		"C:/src/acme":                                   "",
		"":                                              "",
		"https://%zz":                                   "",
	} {
		if got := publicRemote(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestRemoteOfACloneOfAClone(t *testing.T) {
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	repo := testfile.NewRepo(t, first)
	testfile.Write(t, filepath.Join(first, "a"), "a")
	repo.Commit("first", "2026-01-01T00:00:00Z")
	repo.Run("clone", "-q", first, second)
	if got := Remote(t.Context(), second); got != "" {
		t.Errorf("without a remote: %q", got)
	}
	repo.Run("remote", "add", "origin", "git@git.example.com:acme/acme.git")
	if got := Remote(t.Context(), second); got != "https://git.example.com/acme/acme" {
		t.Errorf("got %q", got)
	}
	repo.Run("remote", "set-url", "origin", second)
	if got := Remote(t.Context(), second); got != "" {
		t.Errorf("in a circle: %q", got)
	}
}

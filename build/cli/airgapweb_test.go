package cli

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// The airgap commands take the URL of an archive for its path, and print no password in it.
func TestArchivesByURL(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(packed(t), "*linux-amd64.tar.zst"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no archive: %v", err)
	}
	archive := found[0]
	files := http.FileServer(http.Dir(filepath.Dir(archive)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "hunter2secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	url := strings.Replace(server.URL, "//", "//user:hunter2secret@", 1) + "/" + filepath.Base(archive)
	dir := t.TempDir()
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "PROGRESS": "plain"}
	old, delta := filepath.Join(filepath.Dir(archive), "old"), filepath.Join(filepath.Dir(archive), "images.delta")
	testfile.Write(t, old, "not an archive")
	if status, _, stderr := run(t, env, "airgap", "diff", old, archive, "-o", delta); status != 0 {
		t.Fatal(stderr)
	}
	beside := func(file string) string { return strings.TrimSuffix(url, filepath.Base(archive)) + filepath.Base(file) }
	_, listed, _ := run(t, env, "airgap", "ls", archive)
	image := strings.Fields(strings.Split(listed, "\n")[1])[1]
	for _, args := range [][]string{
		{"airgap", "ls", url}, {"airgap", "ls", "--json", url}, {"airgap", "ls", "--proof", url},
		{"airgap", "verify", url}, {"airgap", "find", image, url}, {"airgap", "find", "--json", image, url},
		{"airgap", "extract", image, "--from", url, "--path", "/etc=" + filepath.Join(dir, "etc")},
		{"airgap", "slice", url, "--images", image, "-o", filepath.Join(dir, "slice.tar.zst")},
		{"airgap", "push", url, imagetest.Registry(t) + "/mirror"},
		{"airgap", "sbom", url, "-o", filepath.Join(dir, "sbom.json")},
		{"airgap", "diff", beside(old), url, "-o", filepath.Join(dir, "delta")},
		{"airgap", "apply", beside(old), beside(delta), "-o", filepath.Join(dir, "new.tar.zst")},
	} {
		status, stdout, stderr := run(t, env, args...)
		if status != 0 || strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
		status, stdout, stderr = run(t, env, append(args, "--offline")...)
		if status != 2 || !strings.Contains(stderr, "is on a web server") || strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("%q offline: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	status, _, stderr := run(t, env, "airgap", "ls", strings.Replace(url, "user:hunter2secret", "user:hunter2wrong", 1))
	if status != 1 || !strings.Contains(stderr, "the server answered 401 Unauthorized") || strings.Contains(stderr, "hunter2") {
		t.Errorf("with another password: exit status %d\n%s", status, stderr)
	}
}

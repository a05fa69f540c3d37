package rebuild

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestOpenEarlier(t *testing.T) {
	const report = `{"project": "acme", "release": {"version": "v1"}, "made": []}`
	dist, published, alone, none := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	testfile.Write(t, filepath.Join(dist, "artifacts.json"), report)
	testfile.Write(t, filepath.Join(dist, "artifacts", "list.txt"), "a\nb\n")
	testfile.Write(t, filepath.Join(published, "artifacts.json"), report)
	testfile.Write(t, filepath.Join(published, "list.txt"), "a\nb\n")
	testfile.Write(t, filepath.Join(alone, "before.json"), report)
	site := httptest.NewServer(http.FileServer(http.Dir(published)))
	defer site.Close()
	empty := httptest.NewServer(http.FileServer(http.Dir(none)))
	defer empty.Close()
	outside := release.Options{Project: t.TempDir()}
	list := release.Made{Kind: "list", Path: "dist/artifacts/list.txt"}
	for _, c := range []struct {
		name, where string
		lines       []string
		fails       string
	}{
		{"a dist", dist, []string{"a", "b"}, ""},
		{"its report", filepath.Join(dist, "artifacts.json"), []string{"a", "b"}, ""},
		{"published files", published, []string{"a", "b"}, ""},
		{"a URL", site.URL, []string{"a", "b"}, ""},
		{"a report alone", filepath.Join(alone, "before.json"), nil, ""},
		{"a folder without a report", none, nil, "want a dist, its artifacts.json, the URL of a release that has it, or, in a project, the tag of one"},
		{"a tag without a project", "v1.2.3", nil, "reading v1.2.3: "},
		{"a URL without a report", empty.URL, nil, "a release without a published artifacts.json cannot be compared"},
		{"a list for a report", filepath.Join(dist, "artifacts", "list.txt"), nil, "reading "},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := OpenEarlier(t.Context(), c.where, outside)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("got %v, want %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			lines, err := e.Lines(t.Context(), list)
			if e.Report().Project != "acme" || !slices.Equal(lines, c.lines) || (err != nil) != (c.lines == nil) || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("project %q, lines %q, %v", e.Report().Project, lines, err)
			}
		})
	}
}

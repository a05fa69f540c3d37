package glob

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"a.txt", "b.go", "charts/x.yaml", "charts/sub/y.yaml", "charts/sub/y.md", "other/z.yaml"} {
		testfile.Write(t, filepath.Join(dir, filepath.FromSlash(file)), file)
	}
	for _, c := range []struct{ patterns, want string }{
		{"", ""},
		{"a.txt", "a.txt"},
		{"./a.txt", "a.txt"},
		{"missing", ""},
		{"charts", "charts/sub/y.md charts/sub/y.yaml charts/x.yaml"},
		{"charts/**", "charts/sub/y.md charts/sub/y.yaml charts/x.yaml"},
		{"charts charts/sub", "charts/sub/y.md charts/sub/y.yaml charts/x.yaml"},
		{"charts/*.yaml", "charts/x.yaml"},
		{"charts/**/*.yaml", "charts/sub/y.yaml charts/x.yaml"},
		{"**/*.yaml !other", "charts/sub/y.yaml charts/x.yaml"},
		{"charts !charts/sub charts/sub/y.md", "charts/sub/y.md charts/x.yaml"},
		{". !charts !other", "a.txt b.go"},
		{"[ab].*", "a.txt b.go"},
	} {
		t.Run(c.patterns, func(t *testing.T) {
			s, err := New(strings.Fields(c.patterns)...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			place := func(p string) string { return filepath.Join(dir, filepath.FromSlash(p)) }
			if err := s.Walk(place, func(p string, entry fs.DirEntry) error {
				if !entry.IsDir() {
					got = append(got, p)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWrongPattern(t *testing.T) {
	if _, err := New("a/[b"); err == nil || !strings.Contains(err.Error(), "want a pattern") {
		t.Errorf("got %v", err)
	}
}

package extract

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/fileop"
)

// The next run restores or removes what a killed run has left beside a folder, whether or not it
// succeeds.
func TestTempFolderCompletesOrRevertsAKilledRun(t *testing.T) {
	const gone = 2 * fileop.LeftoverAge
	for _, c := range []struct {
		name   string
		before map[string]time.Duration // folders and their age
		want   []string                 // other folders while the new one is written
		final  string                   // the final content of the folder
	}{
		{"killed before the second rename", map[string]time.Duration{".opt.12.tmp": gone, ".opt.12.tmp.old": gone}, []string{"opt"}, ".opt.12.tmp.old"},
		{"killed after the second rename", map[string]time.Duration{"opt": 0, ".opt.12.tmp.old": 0}, []string{"opt"}, "opt"},
		{"killed twice", map[string]time.Duration{".opt.1.tmp.old": gone, ".opt.2.tmp.old": 0}, []string{"opt"}, ".opt.2.tmp.old"},
		{"another run at work", map[string]time.Duration{"opt": 0, ".opt.12.tmp": 0}, []string{".opt.12.tmp", "opt"}, "opt"},
		{"names of others", map[string]time.Duration{".opt.tmp.old": gone, ".opt2.12.tmp.old": gone, ".opt.x.tmp": gone},
			[]string{".opt.tmp.old", ".opt.x.tmp", ".opt2.12.tmp.old"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, age := range c.before {
				folder := filepath.Join(dir, name)
				if err := os.Mkdir(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, "from"), []byte(name), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(folder, time.Time{}, time.Now().Add(-age)); err != nil {
					t.Fatal(err)
				}
			}
			folder, err := newTempFolder(filepath.Join(dir, "opt"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := folder.discard(); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, e.Name())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			from, err := os.ReadFile(filepath.Join(dir, "opt", "from"))
			if string(from) != c.final {
				t.Errorf("opt is %q (%v), want %q", from, err, c.final)
			}
		})
	}
}

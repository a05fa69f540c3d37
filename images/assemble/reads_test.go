package assemble

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestReads(t *testing.T) {
	for _, c := range []struct {
		name, dockerfile, target, want string
	}{
		{"a name", "FROM scratch\nCOPY --from=bin tool /bin/", "", "dist/bin/tool"},
		{"a wildcard", "FROM scratch\nCOPY --from=bin tool* /bin/", "", "dist/bin/tool dist/bin/tool-ctl"},
		{"a folder", "FROM scratch\nCOPY dist/bin /bin/", "", "dist/bin/other dist/bin/tool dist/bin/tool-ctl"},
		{"a wildcard for a folder", "FROM scratch\nADD d*/bin/o* /bin/", "", "dist/bin/other"},
		{"everything", "FROM scratch\nCOPY . /", "", "dist/bin/other dist/bin/tool dist/bin/tool-ctl"},
		{"with ./ and /", "FROM scratch\nCOPY --from=bin ./tool /bin/\nCOPY --from=bin /other /", "", "dist/bin/other dist/bin/tool"},
		{"nothing of ours", "FROM scratch\nCOPY charts /charts/", "", ""},
		{"a stage that is needed", "FROM scratch AS a\nCOPY --from=bin tool /\nFROM scratch\nCOPY --from=a /tool /x", "", "dist/bin/tool"},
		{"a stage that is not needed", "FROM scratch AS a\nCOPY --from=bin tool /\nFROM scratch\nCOPY charts /", "", ""},
		{"another target", "FROM scratch AS a\nCOPY --from=bin tool /\nFROM scratch\nCOPY --from=bin other /", "a", "dist/bin/tool"},
		{"a stage with a base stage", "FROM scratch AS a\nCOPY --from=bin tool /\nFROM a\nCOPY charts /", "", "dist/bin/tool"},
		{"a variable", "FROM scratch\nARG NAME=tool\nCOPY --from=bin $NAME /", "", "dist/bin/other dist/bin/tool dist/bin/tool-ctl"},
		{"a context as base", "FROM bin\nCOPY charts /", "", "dist/bin/other dist/bin/tool dist/bin/tool-ctl"},
		{"a base that may have triggers", "FROM registry.example.com/base\nCOPY --from=bin tool /", "", "dist/bin/other dist/bin/tool dist/bin/tool-ctl"},
		{"a command with a mount", "FROM scratch\nRUN --mount=from=bin,target=/x true", "", "dist/bin/other dist/bin/tool dist/bin/tool-ctl"},
		{"through a symlink", "FROM scratch\nCOPY link/tool /", "", "dist/bin/other dist/bin/tool dist/bin/tool-ctl"},
		{"a text", "FROM scratch\nCOPY <<EOF /tool\ntext\nEOF", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(c.dockerfile+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if c.name == "through a symlink" {
				testfile.Symlink(t, "dist/bin", filepath.Join(dir, "link"))
			}
			graph, err := New(Options{}).Graph(images.BuildContext{Dir: dir, Target: c.target,
				Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Contexts: map[string]string{"bin": filepath.Join(dir, "dist/bin")}})
			if err != nil {
				t.Fatal(err)
			}
			reads, err := graph.Reads(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, file := range []string{"dist/bin/other", "dist/bin/tool", "dist/bin/tool-ctl"} { // none of them exists yet
				if reads.Has(filepath.Join(dir, file)) {
					got = append(got, file)
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

package release

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A keptDist is the dist of a release as it was.
type keptDist struct {
	report Report
	dir    string
}

func (k keptDist) Report() Report { return k.report }
func (k keptDist) Lines(_ context.Context, m Made) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(k.dir, filepath.FromSlash(m.Path)))
	return strings.Fields(string(raw)), err
}

func TestPlanDiff(t *testing.T) {
	r := makeExplained(t)
	report, err := r.open().readReport()
	if err != nil {
		t.Fatal(err)
	}
	diff := func() []string {
		t.Helper()
		d, err := r.open().Diff(t.Context(), "dist", keptDist{report, r.dir})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		why.WriteChanges(&out, d.Changes, 0)
		text := strings.ReplaceAll(digestText.ReplaceAllString(out.String(), "#"), r.other, "other")
		return strings.Split(strings.TrimSpace(strings.ReplaceAll(text, r.registry, "own")), "\n")
	}
	if got := diff(); got[0] != "" {
		t.Errorf("the same release: %q", got)
	}
	r.configure("  level: fastest", "  level: default")
	if got, want := diff(), []string{"setting the plan: # -> #"}; !slices.Equal(got, want) {
		t.Errorf("another level: got %q, want %q", got, want)
	}
	r.configure("  level: default", "  level: fastest")

	r.env["TAG"], r.env["SOURCE_DATE_EPOCH"], r.env["CHANNEL"] = "v1.3.0", "1700000001", "edge"
	r.pushBase("base:1", "moved")
	testfile.Write(t, filepath.Join(r.dir, "images.txt"), r.other+"/tools/pause:3.11\n"+r.other+"/base:1\n")
	r.configure("binaries:\n", "binaries:\n  - {name: helper, module: src, package: ./cmd/acme}\n")
	r.configure("    core: {images: [acme-runtime]}\n", "")
	r.configure("[tar.gz, deb]", "[tar.gz, zip]")
	want := []string{
		"release version: v1.2.3+acme1 -> v1.3.0",
		"release SOURCE_DATE_EPOCH: 2023-11-14T22:13:20Z -> 2023-11-14T22:13:21Z",
		"setting CHANNEL: stable -> edge",
		"binary helper@linux/amd64: none -> dist/bin/linux-amd64/helper",
		"image acme-runtime@linux/amd64: own/team/acme-runtime:v1.2.3-acme1-linux-amd64 -> own/team/acme-runtime:v1.3.0-linux-amd64",
		"index acme-runtime: own/team/acme-runtime:v1.2.3-acme1 -> own/team/acme-runtime:v1.3.0",
		"bundle acme@linux/amd64: none -> dist/artifacts/acme.linux-amd64.zip",
		"archive core@linux/amd64: dist/artifacts/acme-images-core.linux-amd64.tar.gz -> none",
		"archive core@linux/amd64: dist/artifacts/acme-images-core.linux-amd64.tar.zst -> none",
		"list core@linux/amd64: dist/artifacts/acme-images-core.linux-amd64.txt -> none",
		"bundle acme@linux/amd64: dist/artifacts/acme.linux-amd64.deb -> none",
		"base other/base:1 for linux/amd64: # -> #",
		"line images@linux/amd64: other/tools/pause:3.10 -> other/tools/pause:3.11",
		"line images@linux/amd64: none -> other/base:1",
	}
	if got := diff(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

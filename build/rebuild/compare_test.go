package rebuild

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/testfile"
)

// makeDist makes a dist with files of dist/artifacts, and returns it.
func makeDist(t *testing.T, files map[string]string) *dist {
	t.Helper()
	dir := t.TempDir()
	kinds := map[string]string{"tool.provenance.json": "provenance", "sums.txt": "checksums"}
	var report release.Report
	for name, content := range files {
		testfile.Write(t, filepath.Join(dir, "dist", "artifacts", name), content)
		kind := kinds[name]
		if strings.HasSuffix(name, ".sigstore.json") {
			kind = "signature"
		}
		report.Made = append(report.Made, release.Made{Kind: kind, Name: name, Path: "dist/artifacts/" + name, Digest: "sha256:" + sumOf([]byte(content))})
	}
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(dir, "dist", "artifacts.json"), string(raw))
	d, err := openDist(dir, filepath.Join(dir, "dist"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A release that was made in CI has the invocation in its provenance, which a rebuild has not.
func TestInvocationsMayDiffer(t *testing.T) {
	provenance := func(commit, metadata string) string {
		return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"tool","digest":{"sha256":"%064d"}}],`+
			`"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"%s"},"runDetails":{"builder":{"id":"x"}%s}}}`, 1, commit, metadata)
	}
	metadata := `,"metadata":{"invocationId":"https://ci/1"}`
	files := func(provenance, tool string) map[string]string {
		sums := sumOf([]byte(tool)) + "  tool\n" + sumOf([]byte(provenance)) + "  tool.provenance.json\n"
		return map[string]string{"tool": tool, "tool.provenance.json": provenance, "sums.txt": sums,
			"tool.provenance.json.sigstore.json": "of " + provenance, "sums.txt.sigstore.json": "of " + sums, "tool.sigstore.json": "of " + tool}
	}
	rebuilt := files(provenance("a", ""), "tool")
	lying := files(provenance("a", metadata), "tool")
	lying["sums.txt"] = strings.Replace(lying["sums.txt"], sumOf([]byte(lying["tool.provenance.json"])), sumOf(nil), 1)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string // files that differ
	}{
		{"equal", rebuilt, nil},
		{"another invocation", files(provenance("a", metadata), "tool"), nil},
		{"another commit", files(provenance("b", metadata), "tool"), []string{"tool.provenance.json", "sums.txt"}},
		{"another tool", files(provenance("a", metadata), "tools"), []string{"tool", "sums.txt"}},
		{"a checksum of other provenance", lying, []string{"sums.txt"}},
	} {
		second := makeDist(t, rebuilt)
		comparison, err := compareSides(t.Context(), "dist", makeDist(t, c.files), second, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		differ := map[string]bool{}
		for _, d := range comparison.Differences {
			differ[strings.TrimPrefix(d.Path[0], "dist/artifacts/")] = true
		}
		for _, name := range c.want {
			if !differ[name] {
				t.Errorf("%s: %s has no difference", c.name, name)
			}
			delete(differ, name)
		}
		if len(differ) > 0 && c.name != "a checksum of other provenance" {
			t.Errorf("%s: these differ: %v", c.name, differ)
		}
		if c.name != "another invocation" {
			continue
		}
		second.Report.Project, second.Report.Release.Version, second.Report.Release.Commit = "acme", "v1", strings.Repeat("a", 40)
		made, err := summary(second.Report, comparison)
		if err != nil {
			t.Fatal(err)
		}
		if !made.About("sha256:"+sumOf([]byte("tool"))) || len(made.Subjects) != 1 {
			t.Errorf("the summary is about %v", made.Subjects)
		}
	}
}

package doctor

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A project is a checkout with a slipway.yaml.
type project struct {
	t       *testing.T
	dir     string
	env     map[string]string
	options Options
}

// newProject writes a project with a list of one image, for Linux on two architectures. config is added to slipway.yaml.
func newProject(t *testing.T, config string) *project {
	t.Helper()
	p := &project{t: t, dir: t.TempDir(), env: map[string]string{"TAG": "v1.2.3", "SOURCE_DATE_EPOCH": "1700000000", "REGISTRY": imagetest.Registry(t)}}
	p.options.Cache, p.options.CacheSize, p.options.Jobs = t.TempDir(), workbench.DefaultCacheSize, runtime.GOMAXPROCS(0)
	p.write("slipway.yaml", "project: acme\nplatforms: [linux/amd64, linux/arm64]\n"+config)
	return p
}

func (p *project) write(file, content string) {
	p.t.Helper()
	testfile.Write(p.t, filepath.Join(p.dir, filepath.FromSlash(file)), content)
}

// open returns the release, as of a new process.
func (p *project) open() *release.Release {
	p.t.Helper()
	p.options.Config = filepath.Join(p.dir, "slipway.yaml")
	p.options.Getenv = func(name string) (string, bool) { v, ok := p.env[name]; return v, ok }
	r, err := release.Open(p.t.Context(), p.options.Options)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { r.Close() })
	return r
}

func (p *project) examine() *Result {
	p.t.Helper()
	result, err := Examine(p.t.Context(), p.open(), p.options)
	if err != nil {
		p.t.Fatal(err)
	}
	return result
}

// wants returns an error unless a finding has the severity and the check, and contains the texts. Paths are relative to the
// project, with slashes.
func (p *project) wants(r *Result, s Severity, check string, texts ...string) {
	p.t.Helper()
	found := slices.ContainsFunc(r.Findings, func(f Diagnosis) bool {
		text := p.text(f)
		return f.Severity == s && f.Check == check && !slices.ContainsFunc(texts, func(want string) bool { return !strings.Contains(text, want) })
	})
	if !found {
		p.t.Errorf("no %s of %s with %q in\n%s", s, check, texts, p.texts(r))
	}
}

// wantsOnly is wants, and wants no other finding of the check.
func (p *project) wantsOnly(r *Result, s Severity, check string, texts ...string) {
	p.t.Helper()
	p.wants(r, s, check, texts...)
	if n := len(r.about(check)); n != 1 {
		p.t.Errorf("%d findings of %s, want one:\n%s", n, check, p.texts(r))
	}
}

// wantsNone returns an error if a check has a finding.
func (p *project) wantsNone(r *Result, check string) {
	p.t.Helper()
	if len(r.about(check)) > 0 {
		p.t.Errorf("%s found\n%s", check, p.texts(r))
	}
}

func (r *Result) about(check string) []Diagnosis {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Diagnosis) bool { return f.Check != check })
}

func (p *project) text(f Diagnosis) string {
	return strings.ReplaceAll(filepath.ToSlash(f.String()), filepath.ToSlash(p.dir)+"/", "")
}

func (p *project) texts(r *Result) string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, string(f.Severity)+" "+f.Check+" "+p.text(f))
	}
	return strings.Join(lines, "\n")
}

func TestNothingIsFoundInAGoodProject(t *testing.T) {
	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/tools/pause:3", imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000)), imagetest.Image(t, "linux/arm64")))
	p := newProject(t, "airgap: {lists: {images: {file: images.txt}}}\n")
	p.write("images.txt", registry+"/tools/pause:3\n")
	r := p.examine()
	if len(r.Findings) > 0 || len(r.Disks) == 0 {
		t.Errorf("%d disks, found\n%s", len(r.Disks), p.texts(r))
	}
}

func TestFindingsAreInOneLine(t *testing.T) {
	x := &examination{check: "tools"}
	testfile.Write(t, filepath.Join(t.TempDir(), "x"), "")
	x.find(Error, "slipway.yaml:3:5", "wanted a\nfound b", "do c")
	if got, want := x.result.Findings[0].String(), "slipway.yaml:3:5: wanted a; found b: do c"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheResultIsSorted(t *testing.T) {
	r := Result{Checks: []string{"tools", "disk"}, Findings: []Diagnosis{
		{Severity: Note, Check: "disk"}, {Severity: Error, Check: "disk"}, {Severity: Error, Check: "disk"}, {Severity: Warning, Check: "tools"},
	}, Skipped: []Skipped{{"rate", "offline"}}}
	r.sort()
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := "note: \nCHECK  RESULT\ntools  1 warning\ndisk   1 error, 1 note\nrate   skipped: offline\n"
	if got := text.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/cost"
	"github.com/slipway-build/slipway/internal/golden"
)

func platform(t testing.TB, text string) images.Platform {
	t.Helper()
	var p images.Platform
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

// small returns a report that has something in each section.
func small(t testing.TB) *report.Document {
	t.Helper()
	amd64, windows := platform(t, "linux/amd64"), platform(t, "windows/amd64:10.0.20348.4294")
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	base, own := report.SizedLayer{DiffID: digest("b"), Size: 30_000_000}, report.SizedLayer{DiffID: digest("c"), Size: 12_000_000}
	again := base
	again.Elsewhere = true
	return &report.Document{
		Project: "acme", Release: version.Release{Version: "v1.3.0+acme1", Tag: "v1.3.0-acme1", Commit: "c0ffee5e1e5d15c0", Epoch: time.Unix(0, 0).UTC()},
		Made: []release.Made{
			{Kind: "binary", Name: "acme", Platform: amd64, Path: "dist/bin/linux-amd64/acme", Digest: digest("1"), Size: 41_000_000},
			{Kind: "binary", Name: "helper", Platform: amd64, Path: "dist/bin/linux-amd64/helper", Digest: digest("2"), Size: 3_000_000},
			{Kind: "image", Name: "runtime", Platform: amd64, Ref: "docker.io/acme/runtime:v1.3.0-acme1-linux-amd64", Digest: digest("3"), Size: 42_000_000},
			{Kind: "image", Name: "runtime", Platform: windows, Ref: "docker.io/acme/runtime:v1.3.0-acme1-windows-ltsc2022-amd64", Digest: digest("4"), Size: 30_000_000},
			{Kind: "archive", Name: "core", Platform: amd64, Path: "dist/artifacts/acme-images.linux-amd64.tar.zst", Digest: digest("5"), Size: 36_000_000},
		},
		Images: []report.SizedImage{
			{Image: "acme/runtime:v1.3.0-acme1-linux-amd64", Platform: amd64, Digest: digest("3"), Size: 42_000_000, Layers: []report.SizedLayer{base, own}},
			{Image: "acme/runtime:v1.3.0-acme1-windows-ltsc2022-amd64", Platform: windows, Digest: digest("4"), Layers: []report.SizedLayer{again}},
		},
		Archives: []report.SizedArchive{{Name: "core", Platform: amd64, Path: "dist/artifacts/acme-images.linux-amd64.tar.zst", Size: 36_000_000, Rest: 5_000,
			Images: []report.SizedImage{{Image: "acme/runtime:v1.3.0-acme1", Platform: amd64, Digest: digest("6"), Size: 35_995_000, Layers: []report.SizedLayer{base, own}}}}},
		Shared:   []report.SharedLayer{{DiffID: digest("b"), Size: 30_000_000, Images: []string{"acme/runtime:v1.3.0-acme1-linux-amd64", "acme/runtime:v1.3.0-acme1-windows-ltsc2022-amd64"}, Archives: []string{"core for linux/amd64"}, Saved: 30_000_000}},
		Packages: []report.Software{{Name: "golang/golang.org/x/net", Versions: []string{"v0.46.0"}, Subjects: 2}},
		Runs: []*record.Record{{Format: 1, Command: "slipway package", Slipway: "v1.2.3", Project: "acme", Machine: record.Machine{OS: "linux", Arch: "amd64", Cores: 2},
			Release: version.Release{Version: "v1.3.0+acme1", Epoch: time.Unix(0, 0).UTC()}, Started: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), Seconds: 12.5, Failure: "compressing: disk full",
			Steps: []record.Step{{Kind: "binary", Target: "acme@linux/amd64", State: record.Made, Reasons: []why.Change{{Kind: "file", Name: "main.go", Old: digest("1"), New: digest("2")}}},
				{Kind: "archive", Target: "core@linux/amd64", State: record.Unfinished}},
			Tasks: []record.Task{{Name: "compile acme for linux/amd64", Steps: []string{"binary acme@linux/amd64"}, End: 10, Bytes: 41_000_000},
				{Name: "layer", Steps: []string{"image runtime@linux/amd64"}, Lane: 1, End: 1, Cached: true, Bytes: 30_000_000},
				{Name: "write core", Steps: []string{"archive core@linux/amd64"}, Start: 10, End: 12.5, Failure: "disk full"}},
			Warnings: []string{"slipway.yaml:3: odd"}}},
		Notes: []string{"dist/artifacts/odd.tar.zst: not an archive"},
		Changes: &report.Changes{With: "v1.2.0.html", Earlier: version.Release{Version: "v1.2.0+acme1"},
			Artifacts: []report.ArtifactChange{{Status: report.Changed, Kind: "binary", Name: "acme", Platform: amd64, Where: "dist/bin/linux-amd64/acme", OldSize: 40_000_000, Size: 41_000_000},
				{Status: report.Removed, Kind: "binary", Name: "gone", Platform: amd64, Where: "dist/bin/linux-amd64/gone", OldSize: 5_000_000}},
			Images:   []report.ImageChange{{Status: report.Changed, Platform: amd64, Old: "acme/runtime:v1.2.0-acme1", New: "acme/runtime:v1.3.0-acme1", OldSize: 41_000_000, Size: 42_000_000}},
			Packages: []report.PackageChange{{Name: "golang/golang.org/x/net", Old: []string{"v0.45.0"}, New: []string{"v0.46.0"}}},
			Updates:  []report.UpdateCost{{Name: "acme-images.linux-amd64.tar.zst", Sizes: cost.Sizes{Archive: 36_000_000, Delta: 2_000_000, Portable: 2_100_000, Pull: 12_000_000}}},
		},
	}
}

func write(t testing.TB, r *report.Document) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, r, "v1.2.3"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var inlined = regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>|sha256-[^']*`)

// The golden file has the page without its style sheet and its script.
func TestSmallPage(t *testing.T) {
	page := write(t, small(t))
	if again := write(t, small(t)); again != page {
		t.Error("two pages of a report differ")
	}
	golden.Equal(t, []byte(inlined.ReplaceAllString(page, "…")))
}

func TestAPageContainsItsReport(t *testing.T) {
	r := small(t)
	again, err := report.Decode([]byte(write(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Error(diff)
	}
}

// Names and messages cannot become elements or attributes of the page.
func TestNamesAreEscaped(t *testing.T) {
	const planted = `"'><script>alert(1)</script><!--<img src=x onerror=alert(2)>&lt;`
	r := small(t)
	r.Project, r.Release.Version, r.Notes = planted, planted, []string{planted}
	r.Made[0].Name, r.Made[0].Path, r.Made[0].Digest = planted, planted, planted
	r.Images[0].Image, r.Images[0].Layers[0].DiffID = planted, planted
	r.Archives[0].Path, r.Archives[0].Images[0].Image = planted, planted
	r.Shared[0].DiffID, r.Shared[0].Images = planted, []string{planted}
	run := r.Runs[0]
	run.Command, run.Shard, run.Machine.Name, run.Failure, run.Warnings = planted, planted, planted, planted, []string{planted}
	run.Tasks[0].Name, run.Tasks[0].Worker, run.Tasks[1].From = planted, planted, planted
	run.Steps[0].Target, run.Steps[0].Reasons[0].Name = planted, planted
	r.Changes.With, r.Changes.Earlier.Version = planted, planted
	r.Changes.Images[0].Old, r.Changes.Packages[0].Name, r.Changes.Artifacts[0].Where, r.Changes.Updates[0].Name = planted, planted, planted, planted
	page := write(t, r)
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("the page has %d scripts, want its data and its script", n)
	}
	for _, bad := range []string{"<img", "<!--", "alert(1)</script>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %s", bad)
		}
	}
	again, err := report.Decode([]byte(page))
	if err != nil || again.Project != planted || again.Changes.With != planted {
		t.Errorf("reading the data of the page: %v", err)
	}
}

// A browser computes the digest of what is between the tags.
func TestThePolicyAllowsTheScript(t *testing.T) {
	page := write(t, small(t))
	_, script, _ := strings.Cut(page, "<script>")
	script, _, _ = strings.Cut(script, "</script>")
	sum := sha256.Sum256([]byte(script))
	page = html.UnescapeString(page)
	if want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(page, want) {
		t.Errorf("the policy lacks %s", want)
	}
	for _, outside := range []string{"src=", "url(", "@import", "http://", "https://"} {
		if strings.Contains(inlined.FindString(page), outside) || strings.Contains(script, outside) {
			t.Errorf("the page refers to something outside: %s", outside)
		}
	}
}

// A report of a dist without images, archives and SBOMs is a page all the same.
func TestAnEmptyReport(t *testing.T) {
	page := write(t, &report.Document{Project: "acme", Made: []release.Made{}})
	if !strings.Contains(page, "<h1>acme</h1>") || strings.Contains(page, "<table>") {
		t.Error("want a title and no tables")
	}
}

// The first rows of a long table are shown before the whole one, which is closed; below a picture, only the latter is.
func TestLongTablesAreClosed(t *testing.T) {
	rows := func(n int) *table { return &table{Caption: "Files", Rows: make([][]cell, n)} }
	s := section{Parts: []part{{Table: rows(long)}, {Title: "many", Table: rows(long + 1)}, {Treemap: &treemap{}, Table: rows(long + 1)}, {Lead: "no table"}}}
	s.fold()
	var got []string
	for _, p := range s.Parts {
		if p.Table != nil {
			got = append(got, fmt.Sprintf("%s %d %v", p.Table.Caption, len(p.Table.Rows), p.Table.Closed))
		}
	}
	want := []string{"Files 30 false", "Files: the first 10 of 31 10 false", "Files: all 31 31 true", "Files: all 31 31 true"}
	if diff := cmp.Diff(want, got); diff != "" || len(s.Parts) != 5 {
		t.Errorf("%d parts: %s", len(s.Parts), diff)
	}
}

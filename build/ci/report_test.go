package ci

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images/airgap/cost"
)

func TestTheSummaryOfAReport(t *testing.T) {
	made := result(t)
	r := &report.Document{Project: made.Project, Release: made.Release, Made: made.Made,
		Runs: []*record.Record{{Command: "slipway package", Shard: "1/2", Seconds: 100, Failure: "disk full", Steps: []record.Step{{State: record.Made}, {State: record.UpToDate}},
			Tasks: []record.Task{{Name: "compile a|b", End: 75}, {Name: "fetch", End: 5, Cached: true}, {Name: "write", Start: 75, End: 100}}}},
		Changes: &report.Changes{Earlier: version.Release{Version: "v1.2.0"}, Images: make([]report.ImageChange, 2),
			Updates: []report.UpdateCost{{Sizes: cost.Sizes{Archive: 100_000_000, Delta: 3_000_000}}}},
	}
	for i, growth := range []int64{1, -7000, 500, 2, 30, 0} {
		r.Changes.Artifacts = append(r.Changes.Artifacts, report.ArtifactChange{Status: report.Changed, Kind: "binary", Where: "dist/bin/" + string(rune('a'+i)), OldSize: 10_000, Size: 10_000 + growth})
	}
	files := Files{Summary: filepath.Join(t.TempDir(), "summary.md")}
	if err := files.WriteReport(r); err != nil {
		t.Fatal(err)
	}
	want := "## slipway report: acme v1.3.0+acme1\n\n" +
		"Binaries: 0. Images: 0. Archives: 2. Files to publish: 2.0 MB.\n\n" +
		"`slipway package --shard 1/2` took 1m40s. Steps made: 1, up to date: 1. Tasks from caches: 1 of 3. It failed.\n\n" +
		"| critical path | time | share of the run |\n|---|--:|--:|\n| compile a\\|b | 1m15s | 75 % |\n| write | 25.0s | 25 % |\n\n" +
		"Since v1.2.0: 2 images, 0 packages and 6 artifacts differ. Deltas of all archives have 3.0 MB instead of 100.0 MB.\n\n" +
		"| largest changes | kind | name | growth |\n|---|---|---|--:|\n" +
		"| changed | binary | `dist/bin/b` | -7.0 kB |\n| changed | binary | `dist/bin/c` | +500 B |\n| changed | binary | `dist/bin/e` | +30 B |\n" +
		"| changed | binary | `dist/bin/d` | +2 B |\n| changed | binary | `dist/bin/a` | +1 B |\n\n"
	if diff := cmp.Diff(want, read(t, files.Summary)); diff != "" {
		t.Error(diff)
	}
	if err := (Files{}).WriteReport(r); err != nil {
		t.Errorf("outside of CI: %v", err)
	}
}

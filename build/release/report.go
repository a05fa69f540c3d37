package release

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// A report collects the results of a run.
type report struct {
	mu   sync.Mutex
	made map[madeKey]Made
	kept []Kept
}

// A Kept is a tag that publish has left unchanged.
type Kept struct {
	Ref string `json:"ref"`
	// Version is the version of the tag in the registry, or empty.
	Version string `json:"version,omitempty"`
	Reason  string `json:"reason"`
}

func (r *report) keep(k Kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, k)
}

func (r *report) add(m Made) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made == nil {
		r.made = map[madeKey]Made{}
	}
	r.made[m.key()] = m // again, if a step was repeated
}

// digest returns the digest that this run has recorded for a file. The cache does not trust files this new, and would
// read the file again.
func (r *report) digest(path string) (v1.Hash, bool) {
	m, ok := r.find(path)
	if !ok || m.Path != path {
		return v1.Hash{}, false
	}
	h, err := v1.NewHash(m.Digest)
	return h, err == nil
}

// find returns what this run has made under a tag or at a path.
func (r *report) find(where string) (Made, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range kinds {
		if m, ok := r.made[madeKey{kind, where}]; ok {
			return m, true
		}
	}
	return Made{}, false
}

// sorted returns the results by kind, name and platform.
func (r *report) sorted() []Made {
	r.mu.Lock()
	defer r.mu.Unlock()
	made := slices.Collect(maps.Values(r.made))
	sortMade(made)
	return made
}

// kinds has the values of Made.Kind, in the order of the report.
var kinds = []string{"binary", "image", "index", "archive", "list", "bundle", "sbom", "provenance", "vex", "checksums", "signature", "release", "command"}

func sortMade(made []Made) {
	slices.SortFunc(made, func(a, b Made) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Name, b.Name),
			images.ComparePlatforms(a.Platform.Platform, b.Platform.Platform), cmp.Compare(a.Where(), b.Where()))
	})
}

// A Report is the content of dist/artifacts.json.
type Report struct {
	Project string          `json:"project"`
	Release version.Release `json:"release"`
	// Inputs is nil in reports of old versions.
	Inputs *Inputs `json:"inputs,omitempty"`
	Made   []Made  `json:"made"`
	// Kept is only in the results of publish.
	Kept []Kept `json:"kept,omitempty"`
}

// readReport returns the report of earlier runs, or an empty one.
func (r *Release) readReport() (Report, error) {
	report, err := readReport(r.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return report, nil
	}
	if err != nil {
		return report, fmt.Errorf("%w: remove it and run again", err)
	}
	return report, nil
}

// readReport returns the report of a folder.
func readReport(folder output.Folder) (report Report, err error) {
	raw, err := regular.ReadFile(folder.Path(output.ReportFile))
	if err == nil {
		err = json.Unmarshal(raw, &report)
	}
	if err != nil {
		return Report{}, fmt.Errorf("reading %s: %w", folder.Path(output.ReportFile), err)
	}
	return report, nil
}

// readOwnReport returns the report of earlier runs without the entries of a release with other inputs.
func (r *Release) readOwnReport() (Report, error) {
	report, err := r.readReport()
	if err != nil {
		return report, err
	}
	if same, err := r.same(report); err != nil || !same {
		report.Made = nil
		return report, err
	}
	return report, nil
}

// digests maps the paths and tags of a report to digests.
func (r Report) digests() map[string]string {
	out := map[string]string{}
	for _, m := range r.Made {
		out[m.Where()] = m.Digest
	}
	return out
}

// writeReport writes dist/artifacts.json, unless it is unchanged. It keeps entries of earlier runs with the same inputs
// if they are in the full plan.
func (r *Release) writeReport() error {
	made := r.report.sorted()
	has := map[madeKey]bool{}
	for _, m := range made {
		has[m.key()] = true
	}
	earlier, err := r.readOwnReport()
	if err != nil {
		return err
	}
	planned := r.full.Names()
	for _, m := range earlier.Made {
		if !has[m.key()] && (planned[m.Where()] || planned[format.Whole(m.Path)] || planned[plan.SignatureOf(format.Whole(plan.SignedFile(m.Path)))]) {
			made = append(made, m)
		}
	}
	inputs, err := r.inputs()
	if err != nil {
		return err
	}
	sortMade(made)
	var out bytes.Buffer
	if err := progress.WriteJSON(&out, Report{Project: r.Plan.Project, Release: r.Plan.Release, Inputs: &inputs, Made: made}); err != nil {
		return err
	}
	return output.WriteFile(r.path(output.ReportFile), out.Bytes())
}

// Result returns the results of a run: what it made or, for publish, what it published.
func (r *Release) Result(s plan.Selection) Report {
	made := &r.report
	if s.Verb == "publish" {
		made = &r.published
	}
	return Report{Project: r.Plan.Project, Release: r.Plan.Release, Made: made.sorted(), Kept: made.kept}
}

// WriteSummary prints the results of a run, or the places where it has published them, with sizes and digests.
func (r *Release) WriteSummary(_ context.Context, w io.Writer, s plan.Selection) error {
	result, title := r.Result(s), "MADE"
	made := result.Made
	if s.Verb == "publish" {
		title = "PUBLISHED"
	}
	// The user may have narrowed the run too far.
	head := []string{fmt.Sprintf("%s %s, in %s", r.Plan.Project, r.Plan.Release.Version, r.relative("dist/"))}
	for _, skipped := range r.Plan.Skipped {
		head = append(head, "left out: "+skipped)
	}
	for _, k := range result.Kept {
		head = append(head, fmt.Sprintf("unchanged: %s: %s", k.Ref, k.Reason))
	}
	if len(made) == 0 {
		head = append(head, "nothing to "+s.Verb+" (see slipway plan)")
	}
	t := progress.NewTable(title, "PLATFORM", "WHAT", "SIZE", "DIGEST").AlignRight("SIZE")
	for _, m := range made {
		platform := ""
		if m.Platform.OS != "" {
			platform = m.Platform.String()
		}
		t.Add(m.Kind, platform, m.Where(), progress.FormatBytes(m.Size), shortDigest(m.Digest))
	}
	return progress.WriteTables(w, head, t)
}

// shortDigest shortens a digest for a table. artifacts.json has the complete digest.
func shortDigest(d string) string {
	if _, hex, ok := strings.Cut(d, ":"); ok && len(hex) > 12 {
		return d[:len(d)-len(hex)+12]
	}
	return d
}

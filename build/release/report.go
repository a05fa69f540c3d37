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

// A report collects what a run made. The file, dist/artifacts.json, is that of
// the whole release: what earlier runs made stays in it for as long as the
// release is the same.
type report struct {
	mu   sync.Mutex
	made []Made
}

func (r *report) add(m Made) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A step that was done over reports the same thing once more.
	if i := slices.IndexFunc(r.made, func(o Made) bool { return o.key() == m.key() }); i >= 0 {
		r.made[i] = m
		return
	}
	r.made = append(r.made, m)
}

// digest is that of a file that this run has made, or found as it should be. A file
// so new is not remembered by the cache, and would be read once more.
func (r *report) digest(path string) (v1.Hash, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.made {
		if m.Path == path {
			h, err := v1.NewHash(m.Digest)
			return h, err == nil
		}
	}
	return v1.Hash{}, false
}

// sorted is what was made, by kind, then by name and platform.
func (r *report) sorted() []Made {
	r.mu.Lock()
	defer r.mu.Unlock()
	made := slices.Clone(r.made)
	sortMade(made)
	return made
}

// kinds are in the order in which they are made.
var kinds = []string{"binary", "image", "index", "archive", "list", "bundle", "checksums", "release"}

func sortMade(made []Made) {
	slices.SortStableFunc(made, func(a, b Made) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Name, b.Name),
			images.ComparePlatforms(a.Platform.Platform, b.Platform.Platform), cmp.Compare(a.where(), b.where()))
	})
}

// A Report is the content of dist/artifacts.json.
type Report struct {
	Project string          `json:"project"`
	Release version.Release `json:"release"`
	// Inputs are missing in reports of old versions.
	Inputs *Inputs `json:"inputs,omitempty"`
	Made   []Made  `json:"made"`
}

// readReport reads what earlier runs reported; nothing if there were none.
func (b *Builder) readReport() (Report, error) {
	var r Report
	raw, err := regular.ReadFile(b.path(output.ReportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return r, fmt.Errorf("reading %s: %w: remove it and run again", b.path(output.ReportFile), err)
	}
	return r, nil
}

// readOwnReport is readReport, but for the entries of other inputs than this run has.
func (b *Builder) readOwnReport() (Report, error) {
	r, err := b.readReport()
	if err != nil {
		return r, err
	}
	if same, err := b.same(r); err != nil || !same {
		r.Made = nil
		return r, err
	}
	return r, nil
}

// digests are those of a report, by path or tag.
func (r Report) digests() map[string]string {
	out := map[string]string{}
	for _, m := range r.Made {
		out[m.where()] = m.Digest
	}
	return out
}

// writeReport writes dist/artifacts.json, if it says anything new. It keeps what
// earlier runs made from the same inputs, as far as the plan still names it.
func (b *Builder) writeReport() error {
	made := b.report.sorted()
	has := map[string]bool{}
	for _, m := range made {
		has[m.key()] = true
	}
	earlier, err := b.readOwnReport()
	if err != nil {
		return err
	}
	planned := b.full.Names()
	for _, m := range earlier.Made {
		if !has[m.key()] && (planned[m.where()] || planned[format.Whole(m.Path)]) {
			made = append(made, m)
		}
	}
	inputs, err := b.inputs()
	if err != nil {
		return err
	}
	sortMade(made)
	var out bytes.Buffer
	if err := progress.WriteJSON(&out, Report{b.Plan.Project, b.Plan.Release, &inputs, made}); err != nil {
		return err
	}
	return output.WriteFile(b.path(output.ReportFile), out.Bytes())
}

// WriteSummary prints what a run made, or where it published it, with sizes and
// digests.
func (b *Builder) WriteSummary(_ context.Context, w io.Writer, s plan.Selection) error {
	made, title := b.report.sorted(), "MADE"
	if s.Verb == "publish" {
		made, title = b.published.sorted(), "PUBLISHED"
	}
	// What a run was narrowed to may be less than was meant, or nothing.
	head := []string{fmt.Sprintf("%s %s, in %s", b.Plan.Project, b.Plan.Release.Version, b.relative("dist/"))}
	for _, skipped := range b.Plan.Skipped {
		head = append(head, "left out: "+skipped)
	}
	if len(made) == 0 {
		head = append(head, "there was nothing to "+s.Verb+" (see slipway plan)")
	}
	t := progress.NewTable(title, "PLATFORM", "WHAT", "SIZE", "DIGEST").AlignRight("SIZE")
	for _, m := range made {
		platform := ""
		if m.Platform.OS != "" {
			platform = m.Platform.String()
		}
		t.Add(m.Kind, platform, m.where(), progress.FormatBytes(m.Size), shortDigest(m.Digest))
	}
	return progress.WriteTables(w, head, t)
}

// shortDigest is what a person compares; artifacts.json has all of it.
func shortDigest(d string) string {
	if _, hex, ok := strings.Cut(d, ":"); ok && len(hex) > 12 {
		return d[:len(d)-len(hex)+12]
	}
	return d
}

package ci

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// writeSummary appends a section about a command to the summary: its results with sizes and digests, changes since the
// previous release, the warnings, and the failure.
func (f Files) writeSummary(j Job) error {
	if f.Summary == "" {
		return nil
	}
	var out strings.Builder
	title, r := j.Command, j.Result
	if r.Project != "" {
		title += ": " + r.Project + " " + r.Release.Version
	}
	if j.Failure != nil {
		title += " failed"
	}
	fmt.Fprintf(&out, "## %s\n\n", escape(title))
	if j.Failure != nil {
		writeCode(&out, progress.Presentable(j.Failure).Error())
	}
	for _, warning := range j.Warnings {
		fmt.Fprintf(&out, "> [!WARNING]\n> %s\n\n", strings.ReplaceAll(escape(warning), "\n", "\n> "))
	}
	if j.Failure == nil {
		if err := f.writeTable(&out, r); err != nil {
			return err
		}
	}
	if err := appendTo(f.Summary, out.String()); err != nil {
		return fmt.Errorf("writing the summary of the job: %w", err)
	}
	return nil
}

// writeTable writes a row for each result, and one for each result of the previous release that is missing although the
// command made others of its kind.
func (f Files) writeTable(out *strings.Builder, r release.Report) error {
	for _, k := range r.Kept {
		fmt.Fprintf(out, "unchanged: `%s`: %s\n\n", k.Ref, escape(k.Reason))
	}
	if len(r.Made) == 0 {
		return nil
	}
	previous, err := f.ReadPrevious()
	if err != nil {
		return err
	}
	head, rule := "| kind | platform | name | size | digest |", "|---|---|---|--:|---|"
	if previous != nil {
		head, rule = head+" since "+escape(previous.Release.Version)+" |", rule+"---|"
	}
	fmt.Fprintf(out, "%s\n%s\n", head, rule)
	earlier := map[identity]release.Made{}
	if previous != nil {
		for _, m := range previous.Made {
			earlier[identify(m, previous.Release)] = m
		}
	}
	kinds, made := map[string]bool{}, map[identity]bool{}
	for _, m := range r.Made {
		kinds[m.Kind] = true
		change := ""
		if previous != nil {
			id := identify(m, r.Release)
			old, ok := earlier[id]
			made[id] = true // an index may be published under several tags
			change = " " + difference(old, ok, m) + " |"
		}
		fmt.Fprintf(out, "| %s | %s | `%s` | %s | `%s` |%s\n", m.Kind, platform(m), m.Where(), size(m), m.Digest, change)
	}
	if previous != nil {
		for _, m := range previous.Made {
			if kinds[m.Kind] && !made[identify(m, previous.Release)] {
				fmt.Fprintf(out, "| %s | %s | `%s` | %s | `%s` | removed |\n", m.Kind, platform(m), m.Where(), size(m), m.Digest)
			}
		}
	}
	out.WriteByte('\n')
	return nil
}

// ReadPrevious reads the report of the previous release. It returns nil if Previous is empty.
func (f Files) ReadPrevious() (*release.Report, error) {
	if f.Previous == "" {
		return nil, nil
	}
	raw, err := regular.ReadFile(f.Previous)
	if err != nil {
		return nil, fmt.Errorf("reading the report of the previous release (SLIPWAY_PREVIOUS): %w", err)
	}
	var r release.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("reading the report of the previous release (SLIPWAY_PREVIOUS): %s: %w", f.Previous, err)
	}
	return &r, nil
}

// An identity is the same for the same item of two releases. It has no path, which may contain the version.
type identity struct{ kind, name, platform, path string }

func identify(m release.Made, of version.Release) identity {
	path := m.Path
	for _, text := range []string{of.Version, of.Tag} {
		if text != "" {
			path = strings.ReplaceAll(path, text, "VERSION")
		}
	}
	return identity{m.Kind, m.Name, platform(m), path}
}

func difference(old release.Made, known bool, m release.Made) string {
	switch change := m.Size - old.Size; {
	case !known:
		return "new"
	case old.Digest == m.Digest:
		return "same"
	case change == 0:
		return "changed"
	case change > 0:
		return "+" + progress.FormatBytes(change)
	default:
		return "-" + progress.FormatBytes(-change)
	}
}

func platform(m release.Made) string {
	if m.Platform.OS == "" {
		return ""
	}
	return m.Platform.String()
}

func size(m release.Made) string {
	if m.Size == 0 {
		return ""
	}
	return progress.FormatBytes(m.Size)
}

// escape protects the characters that Markdown or HTML would interpret.
var escape = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[").Replace

// writeCode writes text as a block of code, with a fence that the text does not contain.
func writeCode(out *strings.Builder, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(out, "%s\n%s\n%s\n\n", fence, text, fence)
}

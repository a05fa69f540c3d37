package page

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/progress"
)

// changes shows what has changed since an earlier release.
func changes(r *report.Document) section {
	c := r.Changes
	if c == nil {
		return section{}
	}
	s := section{ID: "changes", Title: "What has changed since " + cmp.Or(c.Earlier.Version, c.With), Lead: summary(c)}
	for _, p := range []part{updates(c), imageChanges(c), packageChanges(c), artifactChanges(c)} {
		if len(p.Table.Rows) > 0 {
			s.Parts = append(s.Parts, p)
		}
	}
	if len(s.Parts) == 0 {
		s.Parts = []part{{Lead: "Nothing differs: both releases have the same files and images."}}
	}
	return s
}

// summary returns a sentence about the changes.
func summary(c *report.Changes) string {
	counts := map[string]int{}
	for _, i := range c.Images {
		counts[i.Status]++
	}
	text := fmt.Sprintf("Compared with %s: %s (%d added, %d removed, %d changed), %s and %s differ.", c.With, plural(len(c.Images), "image", "images"),
		counts[report.Added], counts[report.Removed], counts[report.Changed], plural(len(c.Packages), "package", "packages"), plural(len(c.Artifacts), "artifact", "artifacts"))
	if total := c.Carried(); total.Archive > 0 {
		text += fmt.Sprintf(" Deltas of all archives have %s instead of %s.", progress.FormatBytes(total.Delta), progress.FormatBytes(total.Archive))
	}
	return text
}

func updates(c *report.Changes) part {
	t := &table{Caption: "For nodes that have " + cmp.Or(c.Earlier.Version, "the archives before"),
		Columns: []column{{"Archive", false}, {"Whole", true}, {"Delta", true}, {"Portable delta", true}, {"Pull from a registry", true}}}
	for _, u := range c.Updates {
		t.Rows = append(t.Rows, []cell{text(u.Name), bytesCell(u.Archive), bytesCell(u.Delta), bytesCell(u.Portable), bytesCell(u.Pull)})
	}
	return part{Title: "What an operator carries", Table: t}
}

func imageChanges(c *report.Changes) part {
	t := &table{Caption: "Images that differ",
		Columns: []column{{"Status", false}, {"Platform", false}, {"Before", false}, {"Now", false}, {"Size", true}, {"Growth", true}}}
	for _, i := range c.Images {
		now := i.New
		if i.Old == i.New {
			now = "made again, same name"
		}
		t.Rows = append(t.Rows, []cell{text(i.Status), text(i.Platform.String()), text(cmp.Or(i.Old, "–")), text(cmp.Or(now, "–")), bytesCell(i.Size), growth(i.Size - i.OldSize)})
	}
	return part{Title: "Images", Table: t}
}

func packageChanges(c *report.Changes) part {
	t := &table{Caption: "Packages with other versions, from the SBOMs of both releases", Columns: []column{{"Package", false}, {"Before", false}, {"Now", false}}}
	for _, p := range c.Packages {
		t.Rows = append(t.Rows, []cell{text(p.Name), text(cmp.Or(strings.Join(p.Old, ", "), "–")), text(cmp.Or(strings.Join(p.New, ", "), "–"))})
	}
	return part{Title: "Packages", Table: t}
}

func artifactChanges(c *report.Changes) part {
	t := &table{Caption: "Files, images and indexes that differ, the largest change first",
		Columns: []column{{"Status", false}, {"Kind", false}, {"Platform", false}, {"File or tag", false}, {"Before", true}, {"Now", true}, {"Growth", true}}}
	for _, a := range c.ByGrowth() {
		platform := ""
		if a.Platform.OS != "" {
			platform = a.Platform.String()
		}
		t.Rows = append(t.Rows, []cell{text(a.Status), text(a.Kind), text(platform), text(a.Where), bytesCell(a.OldSize), bytesCell(a.Size), growth(a.Growth())})
	}
	return part{Title: "Files", Table: t}
}

// growth shows a change of a size, with its sign.
func growth(n int64) cell {
	switch {
	case n == 0:
		return cell{Text: "±0", Sort: "0"}
	case n < 0:
		return cell{Text: "−" + progress.FormatBytes(-n), Sort: fmt.Sprint(n)}
	}
	return cell{Text: "+" + progress.FormatBytes(n), Sort: fmt.Sprint(n)}
}

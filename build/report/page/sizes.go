package page

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/progress"
)

// sizes shows what binaries, images and archives consist of.
func sizes(r *report.Document) section {
	s := section{ID: "sizes", Title: "Sizes", Lead: "Areas are in proportion to bytes. The tables have the same numbers."}
	for _, p := range []part{binaries(r), ownImages(r), archives(r)} {
		if len(p.Table.Rows) > 0 {
			s.Parts = append(s.Parts, p)
		}
	}
	return s
}

func binaries(r *report.Document) part {
	t := &table{Caption: "Binaries by platform", Columns: []column{{"Binary", false}, {"Platform", false}, {"Size", true}, {"Share", true}}}
	var (
		groups groups
		total  int64
	)
	for _, m := range r.Made {
		if m.Kind == "binary" {
			total += m.Size
		}
	}
	for _, m := range bySize(r.Made) {
		if m.Kind == "binary" {
			groups.add(m.Platform.String(), m.Name, m.Size)
			t.Rows = append(t.Rows, []cell{text(m.Name), text(m.Platform.String()), bytesCell(m.Size), share(m.Size, total)})
		}
	}
	return part{Title: "Binaries", Treemap: groups.draw("Binaries by platform"), Table: t}
}

func ownImages(r *report.Document) part {
	t := &table{Caption: "Images and their layers, compressed as in a registry",
		Columns: []column{{"Image", false}, {"Platform", false}, {"Layers", true}, {"Largest layer", true}, {"Size", true}, {"Shared with an image above", true}}}
	var groups groups
	for _, i := range r.Images {
		t.Rows = append(t.Rows, groups.addImage(repositoryOf(i.Image)+" "+i.Platform.String(), i))
	}
	return part{Title: "Images by layers", Treemap: groups.draw("Images by layers"), Table: t,
		Lead: "A layer of several images counts for the first of them."}
}

// addImage adds an image as a group of its layers, and returns its row of the table.
func (g *groups) addImage(name string, i report.SizedImage) []cell {
	var largest, before int64
	for n, l := range i.Layers {
		largest = max(largest, l.Size)
		if l.Elsewhere {
			before += l.Size
			continue
		}
		g.add(name, fmt.Sprintf("layer %d (%s)", n+1, shortDigest(l.DiffID)), l.Size)
	}
	return []cell{text(i.Image), text(i.Platform.String()), number(int64(len(i.Layers))), bytesCell(largest), bytesCell(i.Size + before), bytesCell(before)}
}

func archives(r *report.Document) part {
	t := &table{Caption: "Archives by images, compressed as in the archive", Columns: []column{{"Archive", false}, {"Platform", false}, {"Image", false}, {"Size", true}, {"Share", true}}}
	var groups groups
	for _, a := range r.Archives {
		group := path.Base(a.Path)
		for _, i := range a.Images {
			groups.add(group, shortName(i.Image), i.Size)
			t.Rows = append(t.Rows, []cell{text(group), text(a.Platform.String()), text(i.Image), bytesCell(i.Size), share(i.Size, a.Size)})
		}
		rest, label := a.Rest, "manifests, names and index"
		if len(a.Images) == 0 {
			rest, label = a.Size, "content not read"
		}
		groups.add(group, label, rest)
		t.Rows = append(t.Rows, []cell{text(group), text(a.Platform.String()), text(label), bytesCell(rest), share(rest, a.Size)})
	}
	return part{Title: "Archives by images", Treemap: groups.draw("Archives by images"), Table: t,
		Lead: "Of formats with the same images, such as .tar.zst and .tar.gz, the smallest is shown. A layer counts for the first image that has it."}
}

// sharing shows the layers of several images.
func sharing(r *report.Document) section {
	s := section{ID: "shared", Title: "What is shared"}
	if len(r.Shared) == 0 {
		return s
	}
	var saved, repeated int64
	t := &table{Caption: "Layers of several images or archives",
		Columns: []column{{"Layer", false}, {"Size", true}, {"Images", false}, {"Archives", true}, {"Saved", true}, {"In other archives, too", true}}}
	for _, l := range r.Shared {
		saved, repeated = saved+l.Saved, repeated+l.Repeated
		t.Rows = append(t.Rows, []cell{digestCell(l.DiffID), bytesCell(l.Size), listCell(l.Images), number(int64(len(l.Archives))), bytesCell(l.Saved), bytesCell(l.Repeated)})
	}
	s.Lead = fmt.Sprintf("Layers of several images are stored once, which saves %s. %s are in more than one archive of a platform.", progress.FormatBytes(saved), progress.FormatBytes(repeated))
	s.Parts = []part{{Table: t}}
	return s
}

// files lists everything that was made.
func files(r *report.Document) section {
	s := section{ID: "files", Title: "Everything that was made"}
	if len(r.Made) == 0 {
		return s
	}
	t := &table{Caption: "Files, images and indexes of the release, the largest first",
		Columns: []column{{"Kind", false}, {"Platform", false}, {"File or tag", false}, {"Size", true}, {"Digest", false}}}
	for _, m := range bySize(r.Made) {
		platform := ""
		if m.Platform.OS != "" {
			platform = m.Platform.String()
		}
		t.Rows = append(t.Rows, []cell{text(m.Kind), text(platform), text(m.Where()), bytesCell(m.Size), digestCell(m.Digest)})
	}
	s.Parts = []part{{Table: t}}
	return s
}

func text(s string) cell { return cell{Text: s} }

func number(n int64) cell { return cell{Text: fmt.Sprint(n), Sort: fmt.Sprint(n)} }

// bytesCell shows a size. 0 is a dash.
func bytesCell(n int64) cell {
	if n == 0 {
		return cell{Text: "–", Sort: "0"}
	}
	return cell{Text: progress.FormatBytes(n), Sort: fmt.Sprint(n)}
}

func share(n, of int64) cell {
	if of == 0 {
		return cell{Text: "–", Sort: "0"}
	}
	percent := 100 * float64(n) / float64(of)
	return cell{Text: fmt.Sprintf("%.1f %%", percent), Sort: fmt.Sprintf("%.4f", percent)}
}

// digestCell shows the beginning of a digest.
func digestCell(digest string) cell {
	return cell{Text: shortDigest(digest), Full: digest, Code: true}
}

func shortDigest(digest string) string {
	_, hex, ok := strings.Cut(digest, ":")
	if !ok {
		return digest
	}
	return hex[:min(len(hex), 12)]
}

// listed is the number of names in a cell.
const listed = 3

// listCell shows some names.
func listCell(names []string) cell {
	names = slices.Clone(names)
	full := strings.Join(names, ", ")
	if more := len(names) - listed; more > 1 {
		return cell{Text: fmt.Sprintf("%s and %d more", strings.Join(names[:listed], ", "), more), Full: full}
	}
	return cell{Text: full}
}

// bySize sorts what was made, the largest first.
func bySize(made []release.Made) []release.Made {
	made = slices.Clone(made)
	slices.SortStableFunc(made, func(a, b release.Made) int { return cmp.Compare(b.Size, a.Size) })
	return made
}

// repositoryOf returns the last part of the name of a repository.
func repositoryOf(ref string) string {
	if parsed, err := images.ParseReference(ref); err == nil {
		return path.Base(parsed.Context().Name())
	}
	return shortName(ref)
}

// shortName returns the last part of a reference, without the registry and the folders of a repository.
func shortName(ref string) string {
	if parsed, err := images.ParseReference(ref); err == nil {
		return path.Base(parsed.String())
	}
	return path.Base(ref)
}

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/olds"
	"github.com/slipway-build/slipway/images/airgap/cost"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// sizes is the output of size --json.
type sizes struct {
	Updates []*cost.Update `json:"updates"`
}

func (p *Program) sizeCommand() *cobra.Command {
	var asJSON, markdown, layers bool
	c := &cobra.Command{
		Use:     "size (OLD | --from OLD… | -f LIST.txt) NEW",
		Short:   "Show what an update costs: the size of its delta and of a pull, by image and layer",
		GroupID: "tools",
		Long: `Size compares archives before and after an update. OLD and NEW are an archive each, or a
folder with archives, such as the dist of two releases: archives of the same name are
compared. OLD may also be several archives (--from), or images, as for airgap diff:
` + olds.Forms + `.
Each archive of NEW is then compared with all of them.

Without writing a delta, it says what the deltas of airgap diff have for each image and
layer, and what a node with the old images would pull from a registry. The sizes are exact,
and add up to the delta that airgap diff writes with the same OLD and NEW.

A layer of several images counts for the first of them. With --markdown, the result is a
table for release notes.`,
		Example: examples("slipway size v1.34.1/images.tar.zst v1.34.2/images.tar.zst", "slipway size v1.34.1/dist v1.34.2/dist --markdown",
			"slipway size v1.34.1/images.tar.zst v1.34.2/images.tar.zst --json",
			"slipway size -f v1.34.1/images.txt v1.34.2/images.tar.zst"),
	}
	named := p.namedOlds(c)
	c.RunE = func(c *cobra.Command, words []string) error {
		if asJSON && markdown {
			return usage.Errorf("choose one of --json and --markdown")
		}
		old, new, err := named(words)
		if err != nil {
			return err
		}
		var found []*cost.Update
		if err := p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
			if finder := p.find(old); len(words) == 2 && !layers && finder.AreFiles() {
				found, err = w.Size(ctx, old[0], new)
			} else {
				found, err = finder.Size(ctx, w, new, layers)
			}
			return err
		}); err != nil {
			return err
		}
		if asJSON {
			return p.writeJSON(sizes{found})
		}
		for i, u := range found {
			if err := p.writeSize(u, markdown, i > 0); err != nil {
				return err
			}
		}
		return nil
	}
	c.Flags().BoolVar(&layers, "layers", false, "measure deltas for the layers of the old images, as airgap diff --layers writes them")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON, with all layers")
	c.Flags().BoolVar(&markdown, "markdown", false, "print tables in Markdown, for release notes")
	return c
}

// writeSize prints what one update costs: as a table, or in Markdown.
func (p *Program) writeSize(u *cost.Update, markdown, next bool) error {
	titles := []string{"IMAGE", "STATUS", "ARCHIVE", "DELTA", "PORTABLE", "PULL"}
	rows := sizeRows(u)
	var b strings.Builder
	if next {
		b.WriteString("\n")
	}
	head := u.New
	if u.Old != "" {
		head = u.Old + " to " + u.New
	}
	if !markdown {
		fmt.Fprintf(&b, "%s\n", head)
		t := progress.NewTable(titles...).AlignRight(titles[2:]...)
		for _, row := range rows {
			t.Add(row...)
		}
		if err := t.Write(&b); err != nil {
			return err
		}
		b.WriteString(largestLayers(u, ""))
		_, err := fmt.Fprint(p.Stdout, b.String())
		return err
	}
	fmt.Fprintf(&b, "**%s**\n\n| image | status | archive | delta | portable delta | pull |\n|---|---|---:|---:|---:|---:|\n", head)
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	b.WriteString(largestLayers(u, "`"))
	_, err := fmt.Fprint(p.Stdout, b.String())
	return err
}

// sizeRows returns the rows of a table: images that changed, those that did not as one, what belongs to no image, and the
// total, in bytes.
func sizeRows(u *cost.Update) (rows [][]string) {
	row := func(name, status string, s cost.Sizes, format func(int64) string) {
		rows = append(rows, []string{name, status, format(s.Archive), format(s.Delta), format(s.Portable), format(s.Pull)})
	}
	var unchanged cost.Sizes
	count := 0
	for _, img := range u.Images {
		if img.Status == cost.Unchanged {
			unchanged, count = unchanged.Plus(img.Sizes), count+1
			continue
		}
		name := img.Image
		if img.Old != "" && img.Old != img.Image {
			name += " (was " + img.Old + ")"
		}
		row(name, img.Status, img.Sizes, progress.FormatBytes)
	}
	if count > 0 {
		row(fmt.Sprintf("%d other images", count), cost.Unchanged, unchanged, progress.FormatBytes)
	}
	for _, name := range u.Removed {
		row(name, "removed", cost.Sizes{}, progress.FormatBytes)
	}
	row("names, index and recipe", "", u.Rest, progress.FormatBytes)
	row("total", "", u.Total, progress.FormatBytes)
	row("total, in bytes", "", u.Total, func(n int64) string { return fmt.Sprint(n) })
	return rows
}

// largestLayers returns a sentence about the layers with the largest parts of the delta, or "".
func largestLayers(u *cost.Update, quote string) string {
	type part struct {
		text string
		size int64
	}
	var parts []part
	for _, img := range u.Images {
		for _, l := range img.Layers {
			if l.Delta > 0 {
				text := fmt.Sprintf("%s of %s%.19s%s in %s", progress.FormatBytes(l.Delta), quote, l.Digest, quote, img.Image)
				parts = append(parts, part{text, l.Delta})
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.size, a.size) })
	var texts []string
	for _, l := range parts[:min(len(parts), 5)] {
		texts = append(texts, l.text)
	}
	return "\nLargest layers of the delta: " + strings.Join(texts, ", ") + ".\n"
}

package page

import (
	"strings"
	"unicode/utf8"

	"github.com/slipway-build/slipway/progress"
)

// groups are what a treemap shows.
type groups struct {
	names []string
	items map[string][]item
}

// An item has a name and a size, in bytes.
type item struct {
	name string
	size int64
}

// add adds an item to a group.
func (g *groups) add(group, name string, size int64) {
	if g.items == nil {
		g.items = map[string][]item{}
	}
	if _, known := g.items[group]; !known {
		g.names = append(g.names, group)
	}
	g.items[group] = append(g.items[group], item{name, size})
}

// A treemap is a picture of sizes in groups.
type treemap struct {
	Title, About  string
	Width, Height float64
	Groups        []tile
}

// A tile is a box with one or two lines of text. Those of a group have tiles within.
type tile struct {
	box
	Name, Size string
	// Lines are the lines that fit.
	Lines []string
	// Color is the number of a color of the style sheet.
	Color int
	Tiles []tile
}

const (
	mapWidth, mapHeight = 1000, 420 // of a treemap
	fontSize            = 12
	letter              = 0.62 * fontSize // the mean width of a letter in wide fonts
	boldLetter          = 0.72 * fontSize
	lineHeight          = 16
	headHeight          = 22 // of the name of a group
	gap                 = 2
	colors              = 6
)

// draw draws the groups.
func (g *groups) draw(title string) *treemap {
	m := &treemap{Title: title, Width: mapWidth, Height: mapHeight}
	totals, all := make([]float64, len(g.names)), int64(0)
	for i, name := range g.names {
		for _, it := range g.items[name] {
			totals[i] += float64(it.size)
			all += it.size
		}
	}
	m.About = "A treemap of " + plural(len(g.names), "group", "groups") + " with " + progress.FormatBytes(all) + "; the table below has its numbers."
	for i, at := range squarify(totals, box{0, 0, mapWidth, mapHeight}) {
		if at.W == 0 || at.H == 0 {
			continue
		}
		group := tile{box: at.inset(gap/2, 0), Name: g.names[i], Size: progress.FormatBytes(int64(totals[i])), Color: i % colors}
		head := 0.0
		if at.H > 3*headHeight && at.W > 6*letter {
			head = headHeight
			group.Lines = []string{fit(group.Name+"  "+group.Size, group.Name, at.W*letter/boldLetter)}
		}
		sizes := make([]float64, len(g.items[g.names[i]]))
		for j, it := range g.items[g.names[i]] {
			sizes[j] = float64(it.size)
		}
		for j, inner := range squarify(sizes, group.inset(gap, head)) {
			if inner.W == 0 || inner.H == 0 {
				continue
			}
			it := g.items[g.names[i]][j]
			one := tile{box: inner.inset(gap/2, 0), Name: it.name, Size: progress.FormatBytes(it.size)}
			one.label()
			group.Tiles = append(group.Tiles, one)
		}
		m.Groups = append(m.Groups, group)
	}
	return m
}

// label sets the lines that fit into a tile.
func (t *tile) label() {
	if t.H < lineHeight+4 || t.W < 4*letter {
		return
	}
	t.Lines = []string{shorten(t.Name, t.W)}
	if t.H >= 2*lineHeight+4 {
		t.Lines = append(t.Lines, shorten(t.Size, t.W))
	}
}

// fit returns the longer text if it fits into a width, and otherwise the shorter one, shortened.
func fit(long, short string, width float64) string {
	if float64(utf8.RuneCountInString(long))*letter <= width-8 {
		return long
	}
	return shorten(short, width)
}

// shorten cuts a text to a width, with an ellipsis in its middle: names differ at both ends.
func shorten(text string, width float64) string {
	room, runes := int((width-8)/letter), []rune(text)
	switch {
	case len(runes) <= room:
		return text
	case room < 3:
		return ""
	}
	head := (room - 1) / 2
	return strings.TrimSpace(string(runes[:head])) + "…" + strings.TrimSpace(string(runes[len(runes)-(room-1-head):]))
}

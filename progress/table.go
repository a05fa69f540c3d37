package progress

import (
	"io"
	"strings"
)

// A Table is text in columns, such as a plan or what a run has made.
type Table struct {
	Columns []Column
	rows    [][]string
}

// A Column is a column's title and alignment.
type Column struct {
	Title string
	// Right aligns numbers.
	Right bool
}

// Add adds a row. It has a cell for every column.
func (t *Table) Add(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	t.rows = append(t.rows, cells)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write writes the titles and the rows, in columns as wide as they must be on a
// terminal. The titles are bold if
// styled. Nothing else depends on where it is written to, and no line ends in
// spaces.
func (t *Table) Write(w io.Writer, styled bool) error {
	titles := make([]string, len(t.Columns))
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
		widths[i] = width(c.Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], width(row[i]))
		}
	}
	var b strings.Builder
	b.WriteString(styleIf(styled, bold, t.line(titles, widths)) + "\n")
	for _, row := range t.rows {
		b.WriteString(t.line(row, widths) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		if t.Columns[i].Right {
			b.WriteString(columns().FillLeft(cell, widths[i]))
		} else {
			b.WriteString(pad(cell, widths[i]))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Table is text in columns, such as a plan or the artifacts of a run.
type Table struct {
	columns []column
	rows    [][]string
}

type column struct {
	title string
	// right aligns a column right, for numbers.
	right bool
}

// NewTable returns a table without rows. Its columns are aligned left.
func NewTable(titles ...string) *Table {
	t := &Table{}
	for _, title := range titles {
		t.columns = append(t.columns, column{title: title})
	}
	return t
}

// AlignRight aligns the columns with these titles right, as is usual for numbers.
func (t *Table) AlignRight(titles ...string) *Table {
	for i := range t.columns {
		t.columns[i].right = t.columns[i].right || slices.Contains(titles, t.columns[i].title)
	}
	return t
}

// Add adds a row, with a cell for every column.
func (t *Table) Add(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	t.rows = append(t.rows, cells)
}

// Write writes the titles and the rows. The output depends only on the table, and no line ends in
// spaces.
func (t *Table) Write(w io.Writer) error {
	titles := make([]string, len(t.columns))
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
		widths[i] = width(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], width(row[i]))
		}
	}
	var b strings.Builder
	b.WriteString(t.line(titles, widths) + "\n")
	for _, row := range t.rows {
		b.WriteString(t.line(row, widths) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteTables writes the lines of head, then each table that has rows, after an empty line.
func WriteTables(w io.Writer, head []string, tables ...*Table) error {
	if _, err := fmt.Fprintln(w, strings.Join(head, "\n")); err != nil {
		return err
	}
	for _, t := range tables {
		if len(t.rows) == 0 {
			continue
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		if err := t.Write(w); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON writes v for programs: indented, without escaping < and &.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (t *Table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		if t.columns[i].right {
			b.WriteString(columns().FillLeft(cell, widths[i]))
		} else {
			b.WriteString(pad(cell, widths[i]))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/slipway-build/slipway/build/report"
)

//go:embed assets
var assets embed.FS

var (
	style  = asset("style.css")
	script = asset("script.js")
	// The content of the element script must have this digest: https://www.w3.org/TR/CSP3/#match-element-to-source-list
	scriptDigest = sha256.Sum256([]byte(script))
	layout       = template.Must(template.New("page.html").Funcs(template.FuncMap{"px": px, "slug": slug}).ParseFS(assets, "assets/*.html"))
)

// asset returns an embedded file, with the line ends that browsers see.
func asset(name string) string {
	raw, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return strings.ReplaceAll(string(raw), "\r\n", "\n")
}

// A view is what the template shows.
type view struct {
	Title, Lead  string
	State        state
	Facts        []fact
	Notes        []string
	Sections     []section
	Version      string
	Style        template.CSS
	Script, Data template.JS
	ScriptDigest string
}

// A state is the result of the runs, in words and as a class of the style sheet.
type state struct{ Class, Text string }

// A fact is a key figure.
type fact struct{ Label, Value, Note string }

// A section is a part of the page with a heading.
type section struct {
	ID, Title, Lead string
	Parts           []part
}

// The number of rows from which a table is closed, and the number of rows that are shown of it.
const (
	long  = 30
	shown = 10
)

// fold closes long tables. Below a picture, the whole table is closed; elsewhere, its first rows are shown before it.
func (s *section) fold() {
	var parts []part
	for _, p := range s.Parts {
		whole := p.Table
		if whole == nil || whole.Closed || len(whole.Rows) <= long {
			parts = append(parts, p)
			continue
		}
		closed := *whole
		closed.Closed, closed.Caption = true, fmt.Sprintf("%s: all %d", whole.Caption, len(whole.Rows))
		if p.Treemap != nil {
			p.Table = &closed
			parts = append(parts, p)
			continue
		}
		p.Table = &table{Caption: fmt.Sprintf("%s: the first %d of %d", whole.Caption, shown, len(whole.Rows)), Columns: whole.Columns, Rows: whole.Rows[:shown]}
		parts = append(parts, p, part{Table: &closed})
	}
	s.Parts = parts
}

// A part of a section is a figure, a table, or both. The title is a heading, unless it is empty.
type part struct {
	Title, Lead string
	Treemap     *treemap
	Timeline    *timeline
	Table       *table
}

// A table has a caption and rows. A closed one is shown when the reader opens it.
type table struct {
	Closed  bool
	Caption string
	Columns []column
	Rows    [][]cell
}

// A column has a title. Numbers are aligned at the right.
type column struct {
	Title  string
	Number bool
}

// A cell is a text. Sort is the value to sort by, if it is not the text; Full is the text without shortening.
type cell struct {
	Text, Sort, Full string
	Code             bool
}

// Write writes a report as a page. version is that of Slipway.
func Write(w io.Writer, r *report.Document, version string) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	v := view{
		Title: strings.TrimSpace(r.Project + " " + r.Release.Version), Lead: lead(r), State: result(r), Facts: append(timeFacts(r), facts(r)...), Notes: notes(r), Version: version,
		Style: template.CSS(style), Script: template.JS(script), ScriptDigest: base64.StdEncoding.EncodeToString(scriptDigest[:]),
		Data: template.JS(data),
	}
	for _, s := range []section{changes(r), runs(r), caching(r), sizes(r), sharing(r), files(r)} {
		s.fold()
		if len(s.Parts) > 0 {
			v.Sections = append(v.Sections, s)
		}
	}
	var out bytes.Buffer
	if err := layout.Execute(&out, v); err != nil {
		return fmt.Errorf("writing the page of the report: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

// px formats a length of an SVG.
func px(f float64) string {
	text := fmt.Sprintf("%.1f", f)
	return strings.TrimSuffix(text, ".0")
}

// slug returns a text as an id of HTML.
func slug(text string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, text), "-")
}

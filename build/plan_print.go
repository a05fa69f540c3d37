package build

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
)

// Select narrows a plan to what a selection would do, for --dry-run. The rest of
// the plan is untouched.
func (p *Plan) Select(s Selection) *Plan {
	out := *p
	has := func(verb, part string) bool { return s.Verb == verb && slices.Contains(s.Parts, part) }
	if !has("build", "binaries") {
		out.Binaries = nil
	}
	if !has("build", "images") && !has("publish", "images") {
		out.Images = nil
	}
	if !has("build", "images") {
		out.Indexes = slices.DeleteFunc(slices.Clone(p.Indexes), func(i IndexStep) bool {
			if i.Platform != nil {
				return !has("publish", "images")
			}
			return !has("publish", "index")
		})
	}
	if !has("package", "airgap") {
		out.Archives, out.Lists = nil, nil
	}
	if !has("package", "bundles") {
		out.Bundles = nil
	}
	if s.Verb != "package" {
		out.Checksums = nil
	}
	if s.Verb != "publish" {
		out.Destinations = nil
	}
	return &out
}

// WriteJSON prints the plan for programs.
func (p *Plan) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(p)
}

// WriteTable prints the plan for a person.
func (p *Plan) WriteTable(w io.Writer) error {
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	r := p.Release
	t.line("%s %s, tag %s", p.Project, r.Version, r.Tag)
	if r.Commit != "" {
		t.line("commit %s, %s", r.Commit, r.Epoch.UTC().Format("2006-01-02T15:04:05Z"))
	}
	for _, skipped := range p.Skipped {
		t.line("left out: %s", skipped)
	}
	t.section("BINARY\tPLATFORM\tPACKAGE\tFILE", len(p.Binaries))
	for _, b := range p.Binaries {
		pkg := b.Package
		if b.Module != "." {
			pkg += " (" + b.Module + ")"
		}
		t.row(b.Name, b.Platform.String(), pkg, b.Output)
	}
	t.section("IMAGE\tPLATFORM\tTARGET\tBUILDER\tTAG", len(p.Images))
	for _, i := range p.Images {
		target := i.Dockerfile
		if i.Target != "" {
			target += " " + i.Target
		}
		builder := i.Builder
		if i.Address != "" {
			builder += " " + i.Address
		}
		t.row(i.Image, i.Platform.String(), target, builder, i.Ref)
	}
	t.section("INDEX\tOF", len(p.Indexes))
	for _, i := range p.Indexes {
		for n, member := range i.Members {
			ref := i.Ref
			if n > 0 {
				ref = ""
			}
			t.row(ref, member)
		}
	}
	t.section("ARCHIVE\tPLATFORM\tIMAGES\tFILES", len(p.Archives))
	for _, a := range p.Archives {
		files := make([]string, len(a.Outputs))
		for i, output := range a.Outputs {
			files[i] = path.Base(output)
		}
		t.row(a.List, a.Platform.String(), fmt.Sprint(len(a.Images)), strings.Join(append(files, path.Base(a.Text)), " "))
	}
	t.section("BUNDLE\tPLATFORM\tFILES", len(p.Bundles))
	for _, b := range p.Bundles {
		files := make([]string, len(b.Outputs))
		for i, output := range b.Outputs {
			files[i] = path.Base(output)
		}
		t.row(b.Name, b.Platform.String(), strings.Join(files, " "))
	}
	t.section("LIST OR CHECKSUMS", len(p.Lists)+len(p.Checksums))
	for _, l := range p.Lists {
		t.row(l.Output)
	}
	for _, s := range p.Checksums {
		t.row(s.Output)
	}
	t.section("PUBLISHED TO", len(p.Destinations))
	for _, d := range p.Destinations {
		t.row(d.String())
	}
	return t.w.Flush()
}

// String names a destination as a person would.
func (d Destination) String() string {
	switch {
	case d.Directory != "":
		return "folder " + d.Directory
	case d.OCI != "":
		return "OCI artifact " + d.OCI
	case d.GitHub != "":
		return "GitHub release of " + d.GitHub
	}
	return "registry " + d.Registry + "/" + d.Repository
}

// table prints sections of aligned columns.
type table struct{ w *tabwriter.Writer }

func (t *table) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

// section prints a header, if rows will follow.
func (t *table) section(header string, rows int) {
	if rows > 0 {
		t.w.Flush() // columns of one section say nothing of the next's
		fmt.Fprintf(t.w, "\n%s\n", header)
	}
}

func (t *table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }

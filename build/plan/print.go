package plan

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// Select returns the part of the plan that a selection carries out, for printing.
func (p *Plan) Select(s Selection) *Plan {
	out := *p
	has := func(verb, part string) bool { return s.Verb == verb && slices.Contains(s.Parts, part) }
	if !has("build", "binaries") && !has("package", "bundles") {
		out.Binaries = nil
	}
	if !s.MakesImages() && !has("publish", "images") {
		out.Images = nil
	}
	if !s.MakesImages() {
		out.Indexes = slices.DeleteFunc(slices.Clone(p.Indexes), func(i IndexStep) bool {
			if i.Platform != nil {
				return !has("publish", "images")
			}
			return !has("publish", "index")
		})
	}
	if s.Verb != "publish" {
		out.Indexes = withoutTags(out.Indexes)
	}
	if !has("package", "airgap") {
		out.Archives, out.Lists = nil, nil
	}
	if !has("package", "bundles") {
		out.Bundles = nil
	}
	out.addNeeded(p)
	out.SBOMs = out.sbomsOf(p.SBOMs)
	if s.Verb != "package" {
		out.Checksums, out.Sign = nil, nil
		// Only indexes need those of images before.
		out.SBOMs = kept(out.SBOMs, func(_ int, step SBOMStep) bool { return s.Verb == "build" && step.Attest })
	}
	if s.Verb == "publish" {
		out.Fetches, out.Hooks = nil, Hooks{}
	}
	out.Destinations = slices.DeleteFunc(slices.Clone(p.Destinations), func(d config.Destination) bool {
		if d.Registry != "" {
			return !has("publish", "images") && !has("publish", "index")
		}
		return !has("publish", "artifacts")
	})
	return &out
}

// WriteTable writes the plan as tables.
func (p *Plan) WriteTable(w io.Writer) error {
	r := p.Release
	head := []string{fmt.Sprintf("%s %s, tag %s", p.Project, r.Version, r.Tag)}
	if r.Commit != "" {
		head = append(head, "commit "+r.Commit)
	}
	head = append(head, "time "+r.Epoch.UTC().Format(time.RFC3339))
	for _, skipped := range p.Skipped {
		head = append(head, "left out: "+skipped)
	}
	fetched := progress.NewTable("FETCHED", "FROM")
	for _, f := range p.Fetches {
		fetched.Add(f.Path, redact.Text(f.URL))
	}
	commands := progress.NewTable("HOOK", "COMMAND")
	for _, h := range p.HookSteps() {
		commands.Add(h.Name, strings.TrimSpace(strings.Join(h.Run, " ")+strings.Join(strings.Fields(h.Shell), " ")))
	}
	binaries := progress.NewTable("BINARY", "PLATFORM", "PACKAGE", "FILE")
	for _, b := range p.Binaries {
		pkg := b.Package
		if b.Module != "." {
			pkg += " (" + b.Module + ")"
		}
		if b.Prebuilt != "" {
			pkg = b.Prebuilt
		}
		binaries.Add(b.Name, b.Platform.String(), pkg, b.Output)
	}
	made := progress.NewTable("IMAGE", "PLATFORM", "TARGET", "BUILDER", "TAG")
	for _, i := range p.Images {
		made.Add(i.Image, i.Platform.String(), strings.TrimSpace(i.Dockerfile+" "+i.Target), strings.TrimSpace(string(i.Builder)+" "+cmp.Or(strings.Join(i.Addresses, " "), i.Address)), i.Ref)
	}
	indexes := progress.NewTable("INDEX", "OF")
	for _, i := range p.Indexes {
		for n, member := range i.Members {
			ref := i.Ref
			if n > 0 {
				ref = ""
			}
			indexes.Add(ref, member)
		}
	}
	tags := progress.NewTable("MORE TAGS", "OF", "PUBLISHED")
	for _, i := range p.Indexes {
		for _, t := range i.Tags {
			tags.Add(t.Ref, i.Ref, t.text())
		}
	}
	archives := progress.NewTable("ARCHIVE", "PLATFORM", "IMAGES", "FILES")
	for _, a := range p.Archives {
		archives.Add(a.List, a.Platform.String(), fmt.Sprint(len(a.Images)), baseNames(a.files()))
	}
	bundles := progress.NewTable("BUNDLE", "PLATFORM", "FILES")
	for _, b := range p.Bundles {
		bundles.Add(b.Name, b.Platform.String(), baseNames(b.Outputs))
	}
	others := progress.NewTable("LIST OR CHECKSUMS")
	for _, l := range p.Lists {
		others.Add(l.Output)
	}
	for _, s := range p.Checksums {
		others.Add(s.Output)
	}
	sboms := progress.NewTable("SBOM", "OF")
	for _, s := range p.SBOMs {
		sboms.Add(path.Base(s.Output), s.Subject)
	}
	stated := progress.NewTable("STATEMENT", "ABOUT")
	for _, s := range p.VEX {
		stated.Add(s.Output, s.Source)
	}
	for _, s := range p.Proofs() {
		stated.Add(s.Output, s.Subject)
	}
	destinations := progress.NewTable("PUBLISHED TO")
	for _, d := range p.Destinations {
		destinations.Add(d.String())
	}
	return progress.WriteTables(w, head, fetched, commands, binaries, made, indexes, tags, archives, bundles, sboms, others, stated, p.signed(), destinations)
}

// signed returns the table of what is signed.
func (p *Plan) signed() *progress.Table {
	table := progress.NewTable("SIGNED", "BY")
	if s := p.Sign; s != nil {
		for _, what := range s.What() {
			table.Add(what, s.By())
		}
	}
	return table
}

func baseNames(paths []string) string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = path.Base(p)
	}
	return strings.Join(names, " ")
}

package scaffold

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// copies determines the origin of the files that the Dockerfile copies from its context: they exist, or are programs
// that Slipway compiles. With programs, the context is their folder, or a folder made of them and the other files.
func (p *project) copies(i *image, v *draft.Variant, d *survey.Dockerfile, context string) {
	s := stage{windows: d.Windows}
	for _, extra := range i.extra {
		s.file(context, extra)
	}
	for _, c := range stagesCopies(d, v.Target) {
		source := path.Clean(strings.TrimPrefix(resolve(v, d, c.Source), "/"))
		exists := p.Tree.Has(variableOf.ReplaceAllString(path.Join(context, source), "*"))
		var b *binary
		if i.staged || !exists { // programOf may rename the only program to source
			b = p.programOf(source)
		}
		switch {
		case b != nil:
			s.program(b, source)
		case i.staged && slices.Contains(i.extra, source):
		case exists:
			s.file(context, source)
		default:
			i.Doubts = append(i.Doubts, fmt.Sprintf("%s:%d copies %s, which is not in the checkout: make it in before: with outputs", d.File, c.Line, c.Source))
		}
	}
	switch {
	case s.programs == 0:
	case s.flat && len(s.files) == s.programs:
		v.Context = "dist/bin/${PLATFORM}"
	case s.doubt != "":
		i.Doubts = append(i.Doubts, fmt.Sprintf("%s copies %s and compiled programs: use COPY --from=bin for these, and contexts: {bin: \"dist/bin/${PLATFORM}\"} here", d.File, s.doubt))
	default:
		v.Staged = true
		for _, f := range s.files {
			if !slices.Contains(i.Stage, f) {
				i.Stage = append(i.Stage, f)
			}
		}
	}
}

// stagesCopies returns the copies from the context in the stages that a target needs.
func stagesCopies(d *survey.Dockerfile, target string) []survey.Copy {
	var all []survey.Copy
	for _, stage := range d.Reached(target) {
		all = append(all, stage.Copies...)
	}
	return all
}

// A stage collects the files of a build context.
type stage struct {
	windows  bool
	files    []draft.StagedFile
	programs int    // number of compiled programs in files
	flat     bool   // all programs are in the root of the context
	doubt    string // a source that cannot be copied
}

// program adds a compiled program under the path that the Dockerfile copies.
func (s *stage) program(b *binary, source string) {
	to := source
	if name, ok := strings.CutSuffix(source, ".exe"); ok || !s.windows {
		to = name + "${EXE}"
	}
	if strings.ContainsAny(to, "*?[") {
		s.doubt = source
	}
	s.flat = path.Dir(source) == "." && (s.flat || s.programs == 0)
	s.programs++
	s.files = append(s.files, draft.StagedFile{From: "dist/bin/${PLATFORM}/" + b.Name + "${EXE}", To: to})
}

// file adds a file, a folder or a pattern of the checkout.
func (s *stage) file(context, source string) {
	dir := path.Dir(source)
	if path.Join(context, source) == "." || strings.ContainsAny(dir, "*?[") || strings.Contains(source, "[") {
		s.doubt = source
		return
	}
	s.files = append(s.files, draft.StagedFile{From: path.Join(context, source), To: dir, Folder: true})
}

// programOf returns the binary for a source of COPY, or nil. The only program of a project gets the name that the
// Dockerfile expects.
func (p *project) programOf(source string) *binary {
	name := strings.TrimSuffix(path.Base(source), ".exe")
	for _, b := range p.binaries {
		if b.Name == name {
			return b
		}
	}
	if len(p.binaries) == 1 && !p.binaries[0].settled && programName.MatchString(name) && (strings.HasPrefix(path.Dir(source), "bin") || path.Dir(source) == "." || strings.Contains(source, "${ARCH}")) {
		b := p.binaries[0]
		b.Name, b.Release, b.settled = name, true, true
		return b
	}
	return nil
}

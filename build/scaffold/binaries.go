package scaffold

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// A binary is a binary of the project, and its origin.
type binary struct {
	*draft.Binary
	main    *survey.MainPackage
	settled bool   // described completely by another tool's file
	cgoFrom string // recipe that compiles it with cgo
}

// findBinaries finds the programs: those in another tool's file, else all main packages that are released.
func (p *project) findBinaries() {
	if p.module == nil {
		return
	}
	links, builds := p.Recipes.LinkVariables(), p.Recipes.GoBuilds()
	for _, b := range p.converted.Binaries {
		p.settledBinary(&binary{Binary: b, settled: true}, links)
	}
	settled := len(p.binaries) > 0
	names := map[string]bool{}
	for i := range p.module.Mains {
		main := &p.module.Mains[i]
		pkg := p.module.PackageOf(main.Dir)
		if slices.ContainsFunc(p.binaries, func(b *binary) bool { return b.Package == pkg }) {
			continue
		}
		if settled || !survey.Released(main.Dir) {
			p.remark("not released: the program " + path.Join(p.module.Dir, pkg))
			continue
		}
		name := path.Base(main.Dir)
		if pkg == "." {
			name = p.Project
		}
		b := &binary{main: main, Binary: &draft.Binary{Name: name, Package: pkg, Module: p.module.Dir, Ldflags: []string{"-s", "-w"}}}
		p.goBuildOf(b, builds)
		if names[b.Name] || !config.IsFileName(b.Name) {
			p.remark(fmt.Sprintf("unsure: %s is left out: %s is the name of another program, or not a valid file name", pkg, b.Name))
			continue
		}
		names[b.Name] = true
		p.linkerFlags(b, links)
		p.binaries = append(p.binaries, b)
	}
	p.binaryPlatforms()
	own := slices.ContainsFunc(p.binaries, func(b *binary) bool { return b.Name == p.Project })
	for _, b := range p.binaries {
		b.Release = !own || b.settled && b.Name != p.Project
	}
}

// maxRemarks is the maximum number of remarks of one kind.
const maxRemarks = 12

// remark adds a comment at the end of the file: KIND: TEXT. It adds at most maxRemarks of one kind, and then one about
// the rest.
func (p *project) remark(text string) {
	kind, _, _ := strings.Cut(text, ":")
	same := 0
	for _, r := range p.Remarks {
		if strings.HasPrefix(r, kind+":") {
			same++
		}
	}
	switch {
	case same < maxRemarks:
		p.Remarks = append(p.Remarks, text)
	case same == maxRemarks:
		p.Remarks = append(p.Remarks, kind+": and others")
	}
}

// settledBinary adds a binary from another tool's file. links are the linker variables of recipes.
func (p *project) settledBinary(b *binary, links []survey.LinkVariable) {
	if b.Module == "." {
		b.Module = p.module.Dir
	}
	if b.Name = cmp.Or(b.Name, p.Project); !config.IsFileName(b.Name) {
		b.Doubts = append(b.Doubts, fmt.Sprintf("%s calls it %s, which is not a name for a file", p.From, b.Name))
		b.Name = imageName(b.Name)
	}
	folder := path.Join(b.Module, b.Package)
	for _, m := range p.Modules {
		for i := range m.Mains {
			if m.Mains[i].Dir == folder {
				b.main = &m.Mains[i]
				b.Ldflags = slices.DeleteFunc(b.Ldflags, func(flag string) bool {
					assignment, isVariable := strings.CutPrefix(flag, "-X ")
					target, value, ok := strings.Cut(strings.Trim(assignment, "'"), "=")
					return isVariable && (!ok || value == "" || !m.CanSet(m.Mains[i], target))
				})
			}
		}
	}
	if b.main == nil {
		p.remark(fmt.Sprintf("unsure: %s is left out: %s lists it as a program, but it has no main package", folder, p.From))
		return
	}
	if p.converted.Base != "" && !slices.ContainsFunc(b.Ldflags, func(flag string) bool { return strings.HasPrefix(flag, "-X ") }) {
		p.linkerFlags(b, links) // ko gets them from the environment
	}
	p.binaries = append(p.binaries, b)
}

// goBuildOf sets the name, build tags and cgo of a binary from a go build command that compiles it.
func (p *project) goBuildOf(b *binary, builds []survey.GoBuild) {
	for _, g := range builds {
		if g.Elsewhere || cmp.Or(g.Package, ".") != b.Package {
			continue
		}
		if g.Output != "" && config.IsFileName(g.Output) && b.Package != "." && (b.Name == path.Base(b.Package)) {
			b.Name = g.Output
		}
		if len(b.Tags) == 0 && !g.Windows {
			b.Tags = g.Tags
			if len(g.Tags) == 0 && g.TagsDoubt != "" {
				b.Doubts = survey.AppendNew(b.Doubts, g.TagsDoubt)
			}
		}
		if g.Cgo {
			b.cgoFrom = cmp.Or(b.cgoFrom, g.File)
		}
	}
	if b.cgoFrom != "" {
		b.Doubts = append(b.Doubts, b.cgoFrom+` sets CGO_ENABLED=1; env: {CGO_ENABLED: "1"} needs a C compiler for each platform`)
	}
}

// linkerFlags adds the flags -X of recipes that apply to a binary, or those that the code suggests.
func (p *project) linkerFlags(b *binary, links []survey.LinkVariable) {
	version := false
	for _, v := range links {
		if !p.module.CanSet(*b.main, v.Path) {
			continue
		}
		own := strings.HasPrefix(v.Path, "main.") || strings.HasPrefix(v.Path, p.module.Path)
		if v.Value == "" || v.Guessed && !own {
			b.Doubts = append(b.Doubts, fmt.Sprintf("-X %s is left out: %s", v.Path, v.Doubt))
			continue
		}
		b.Ldflags = append(b.Ldflags, survey.LinkerVariable(v.Path+"="+v.Value))
		version = version || v.Value == "${VERSION}"
	}
	if version {
		return
	}
	for _, v := range p.module.VersionVariables(*b.main) {
		if !slices.ContainsFunc(b.Ldflags, func(f string) bool { return strings.HasPrefix(f, "-X "+v.Path+"=") }) {
			b.Ldflags = append(b.Ldflags, survey.LinkerVariable(v.Path+"="+v.Value))
		}
	}
}

// binaryPlatforms restricts binaries to the platforms for which they compile. If all programs are for Windows only, so
// is the project. Files for Windows without a build are a doubt.
func (p *project) binaryPlatforms() {
	for _, b := range p.binaries {
		if !b.main.Linux {
			p.addPlatforms("windows/amd64")
		}
	}
	linux, windows := draft.OfSystem(p.Platforms, "linux"), draft.OfSystem(p.Platforms, "windows")
	for _, b := range p.binaries {
		switch {
		case len(b.Platforms) > 0 && len(intersection(p.Platforms, b.Platforms)) == len(p.Platforms):
			b.Platforms = nil
		case len(b.Platforms) > 0:
		case !b.main.Linux:
			b.Platforms = windows
		case !b.main.Windows && len(windows) > 0:
			b.Platforms = linux
		}
	}
	if len(windows) > 0 {
		return
	}
	for _, file := range p.Tree.Files {
		if strings.HasSuffix(file, "_windows.go") && survey.Released(path.Dir(file)) {
			p.PlatformsDoubt = fmt.Sprintf("there are files for Windows, such as %s: add windows/amd64 if it is released", file)
			return
		}
	}
}

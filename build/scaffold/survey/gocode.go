package survey

import (
	"cmp"
	"errors"
	"go/ast"
	gobuild "go/build"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// A Module is a Go module of the tree.
type Module struct {
	Dir   string // "." for the root
	Path  string
	Mains []MainPackage

	tree *Tree
	// windows records whether the packages in folders compile for Windows.
	windows map[string]bool
	all     []*Module     // of the tree
	file    *modfile.File // nil if it cannot be parsed
}

// A MainPackage is a package that compiles to a program, on at least one of Linux and Windows.
type MainPackage struct {
	Dir            string // below the root of the tree
	Linux, Windows bool   // it compiles there

	files []string // of both
}

// readModules returns the modules of the tree with their main packages.
func readModules(t *Tree) []*Module {
	var modules []*Module
	for _, file := range t.Files {
		if path.Base(file) != "go.mod" {
			continue
		}
		text := []byte(t.Text(file))
		m := &Module{Dir: path.Dir(file), Path: modfile.ModulePath(text), tree: t, windows: map[string]bool{}}
		m.file, _ = modfile.ParseLax(file, text, nil)
		if m.Path != "" {
			modules = append(modules, m)
		}
	}
	for _, m := range modules {
		m.all = modules
	}
	for _, dir := range slices.Sorted(maps.Keys(t.folders)) {
		m := moduleOf(modules, dir)
		if m == nil || !t.saysMain(dir) {
			continue
		}
		linux, windows := t.mainFiles(dir, "linux"), t.mainFiles(dir, "windows")
		p := MainPackage{Dir: dir, Linux: linux != nil, Windows: windows != nil, files: AppendNew(linux, windows...)}
		p.Windows = p.Windows && m.compilesForWindows(dir)
		if p.Linux || p.Windows {
			m.Mains = append(m.Mains, p)
		}
	}
	return modules
}

// moduleOf returns the innermost module that contains a folder, or nil.
func moduleOf(modules []*Module, dir string) *Module {
	var inner *Module
	for _, m := range modules {
		if within(dir, m.Dir) && (inner == nil || len(m.Dir) > len(inner.Dir) || inner.Dir == ".") {
			inner = m
		}
	}
	return inner
}

func within(file, dir string) bool {
	return dir == "." || file == dir || strings.HasPrefix(file, dir+"/")
}

// PackageOf returns the package of a folder as ./path in the module.
func (m *Module) PackageOf(dir string) string {
	if m.Dir != "." {
		dir = strings.TrimPrefix(strings.TrimPrefix(dir, m.Dir), "/")
	}
	return PackageOf(cmp.Or(dir, "."))
}

// saysMain reports whether a Go file of a folder begins with package main.
func (t *Tree) saysMain(dir string) bool {
	return slices.ContainsFunc(t.goFiles(dir), func(file string) bool {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, t.head(file), parser.PackageClauseOnly)
		return err == nil && parsed.Name.Name == "main"
	})
}

// mainFiles returns the Go files of the main package in a folder for an operating system, or nil.
func (t *Tree) mainFiles(dir, goos string) []string {
	pkg, err := t.importDir(dir, goos)
	if err != nil || pkg.Name != "main" {
		return nil // no Go files, or none for this system
	}
	var files []string
	for _, f := range pkg.GoFiles {
		files = append(files, path.Join(dir, f))
	}
	return files
}

// importDir returns the files of a folder that are compiled for an operating system, and their imports.
func (t *Tree) importDir(dir, goos string) (*gobuild.Package, error) {
	target := gobuild.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = goos, "amd64", false
	return target.ImportDir(t.path(dir), 0)
}

// onlyLinux are packages of other modules that do not compile for Windows, or of which few functions exist there.
var onlyLinux = []string{"golang.org/x/sys/unix", "github.com/vishvananda/netlink"}

// compilesForWindows reports whether each package of the module that the package in dir imports has Go files for
// Windows. It reads each package once.
func (m *Module) compilesForWindows(dir string) bool {
	if known, ok := m.windows[dir]; ok {
		return known
	}
	m.windows[dir] = true // if a package imports itself, the compiler reports it
	pkg, err := m.tree.importDir(dir, "windows")
	if none := (*gobuild.NoGoError)(nil); errors.As(err, &none) || err == nil && len(pkg.GoFiles) == 0 { // there may be tests
		m.windows[dir] = len(m.tree.goFiles(dir)) == 0 // the package is generated
	} else if err == nil { // else the compiler reports it
		m.windows[dir] = !slices.ContainsFunc(pkg.Imports, func(imported string) bool {
			rel, ours := strings.CutPrefix(imported, m.Path+"/")
			return slices.Contains(onlyLinux, imported) || ours && !m.compilesForWindows(path.Join(m.Dir, rel))
		})
	}
	return m.windows[dir]
}

// stringVariables returns the package-level variables of files that -X can set: strings without a computed value.
func (t *Tree) stringVariables(files []string) []string {
	var found []string
	for _, file := range files {
		names, ok := t.variables[file]
		if !ok {
			names = readVariables(file, t.Text(file))
			t.variables[file] = names
		}
		found = append(found, names...)
	}
	return found
}

func readVariables(file, text string) []string {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil // the compiler reports it
	}
	var found []string
	for _, decl := range parsed.Decls {
		if vars, ok := decl.(*ast.GenDecl); ok && vars.Tok == token.VAR {
			for _, spec := range vars.Specs {
				found = append(found, settable(spec.(*ast.ValueSpec))...)
			}
		}
	}
	return found
}

func settable(spec *ast.ValueSpec) []string {
	if typ, ok := spec.Type.(*ast.Ident); spec.Type != nil && (!ok || typ.Name != "string") || spec.Type == nil && len(spec.Values) == 0 {
		return nil
	}
	var names []string
	for i, name := range spec.Names {
		if i < len(spec.Values) {
			if !maybeConstant(spec.Values[i]) {
				continue
			}
		}
		names = append(names, name.Name)
	}
	return names
}

// maybeConstant reports whether an expression may be a string constant, which -X replaces. A name may be that of a
// constant.
func maybeConstant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.Ident, *ast.SelectorExpr:
		return true
	case *ast.ParenExpr:
		return maybeConstant(e.X)
	case *ast.BinaryExpr:
		return e.Op == token.ADD && maybeConstant(e.X) && maybeConstant(e.Y)
	}
	return false
}

// versionPackage matches the last element of packages that contain the version.
var versionPackage = regexp.MustCompile(`(?i)^(version|buildversion|versioninfo|buildinfo|build)$`)

// VersionVariables returns the variables for the version that -X may set, by reading the code. Those in main packages
// are main.NAME.
func (m *Module) VersionVariables(main MainPackage) []LinkVariable {
	if found := m.versionVariablesOf("main", main.files); found != nil {
		return found
	}
	for _, dir := range slices.Sorted(maps.Keys(m.tree.folders)) {
		if versionPackage.MatchString(path.Base(dir)) && moduleOf(m.all, dir) == m {
			if found := m.versionVariablesOf(path.Join(m.Path, m.PackageOf(dir)), m.tree.goFiles(dir)); found != nil {
				return found
			}
		}
	}
	return nil
}

// versionVariablesOf returns the variables of a package, if one of them is for the version.
func (m *Module) versionVariablesOf(pkg string, files []string) []LinkVariable {
	names := m.tree.stringVariables(files)
	if !slices.ContainsFunc(names, func(n string) bool { return Meaning(n) == "${VERSION}" }) {
		return nil
	}
	var found []LinkVariable
	for _, name := range AppendNew(nil, names...) { // files for Linux and Windows may declare the same
		if value := Meaning(name); slices.Contains([]string{"${VERSION}", "${COMMIT}", "${SHORT_COMMIT}", "${REVISION}", "${DATE}"}, value) {
			found = append(found, LinkVariable{Path: pkg + "." + name, Value: value})
		}
	}
	return found
}

// CanSet reports whether -X can set a variable: it exists in package main or in a package of the module, or belongs to
// a required module, which is not read.
func (m *Module) CanSet(main MainPackage, target string) bool {
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return false
	}
	pkg, name := target[:dot], target[dot+1:]
	if pkg == "main" {
		return slices.Contains(m.tree.stringVariables(main.files), name)
	}
	if rel, ok := strings.CutPrefix(pkg+"/", m.Path+"/"); ok {
		return slices.Contains(m.tree.stringVariables(m.tree.goFiles(path.Join(m.Dir, rel))), name)
	}
	return m.file == nil || slices.ContainsFunc(m.file.Require, func(r *modfile.Require) bool {
		return strings.HasPrefix(pkg+"/", r.Mod.Path+"/")
	})
}

package slipway_test

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// maxLines is the maximum number of lines of a package without a reason. Tests do not count.
const maxLines = 2500

// large maps packages with more lines to the reasons.
var large = map[string]string{
	"images/engine":       "one build with BuildKit: the frontend, its inputs and results, and the connection share a job",
	"build/cli":           "every command, with its flags and its help; what commands do is elsewhere",
	"build/compile":       "the memory of earlier builds and the binaries of other machines depend on the same knowledge of what go reads",
	"build/config":        "every key of slipway.yaml is declared and checked here, with the position of each value",
	"images/airgap/delta": "what writes, applies and opens a delta shares its recipe and the limits of it; what does not is in packages of its own",
	"build/publish":       "every kind of destination compares the same files with what it has before anything is sent",
	"images/registry":     "every request to a registry shares the client, its pace and its limits; transport sends them",
	"images/store":        "what a store has is verified, cached and shared in one place; its files are in a package of their own",
	"build/workbench":     "jobs of images and archives share the sources, the cache and the disks; what does not is in packages of its own",
	"build/release":       "each step of a plan, which share the state of one run; what does not is in packages of its own",
}

// exported maps exported names that no other package uses to the reasons.
var exported = map[string]string{}

// libraries are the packages whose exported names are called from outside the module.
var libraries = map[string]string{
	"build/targets": "mage calls the targets",
}

// unused returns the entries of the tables that are not needed, packages without doc.go or with too many lines, and
// exported names that no other package uses.
func unused(files []goFile) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	imports, lines, docs := map[string]map[string]bool{}, map[string]int{}, map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		lines[f.pkg] += f.lines
		docs[f.pkg] = docs[f.pkg] || f.ast.Name.Name == "main" || strings.HasSuffix(f.name, "/doc.go")
		if imports[f.pkg] == nil {
			imports[f.pkg] = map[string]bool{}
		}
		for _, i := range f.imports() {
			if own := i.own(); own != "" {
				imports[f.pkg][own] = true
			} else if d := dependencyOf(i.path); d != "" {
				imports[f.pkg][d] = true
			}
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		if imports[pkg] == nil {
			say("%s is in the table of packages, and is not there", pkg)
			continue
		}
		for _, other := range packages[pkg] {
			if !imports[pkg][other] {
				say("%s is allowed to import %s, and does not", pkg, other)
			}
		}
		if !docs[pkg] {
			say("%s has no doc.go", pkg)
		}
		switch reason, n := large[pkg], lines[pkg]; {
		case n > maxLines && reason == "":
			say("%s has %d lines; more than %d need a reason in the table", pkg, n, maxLines)
		case n <= maxLines && reason != "":
			say("%s has %d lines, and needs no reason in the table of large packages", pkg, n)
		}
	}
	for _, d := range slices.Sorted(maps.Keys(dependencies)) {
		for _, pkg := range dependencies[d] {
			if !imports[pkg][d] {
				say("%s is allowed to import %s, and does not", pkg, d)
			}
		}
	}
	return append(found, unusedNames(files)...)
}

// unusedNames returns exported functions, types, variables, constants and methods that no other package uses, not even
// in a test. A type counts as used if a used declaration mentions it, and a constant if its type is used. A method
// counts as used if an interface, or a selector of another package, has its name, so that some unused ones are not
// found.
func unusedNames(files []goFile) (found []string) {
	// used has the names that other packages use, and selected all names of methods and fields that they use.
	used, selected := map[string]bool{}, map[string]map[string]bool{}
	note := func(name, pkg string) {
		if selected[name] == nil {
			selected[name] = map[string]bool{}
		}
		selected[name][pkg] = true
	}
	for _, f := range files {
		names := map[string]string{}
		for _, i := range f.imports() {
			if own := i.own(); own != "" {
				names[i.name] = own
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && names[x.Name] != "" && names[x.Name] != f.pkg {
					used[names[x.Name]+"."+n.Sel.Name] = true
				}
				note(n.Sel.Name, f.pkg)
			case *ast.InterfaceType:
				for _, m := range n.Methods.List {
					for _, name := range m.Names {
						note(name.Name, "an interface")
					}
				}
			}
			return true
		})
	}
	declared := map[string]declaration{}
	for _, f := range files {
		if !f.test && f.ast.Name.Name != "main" && libraries[f.pkg] == "" {
			declare(declared, &f)
		}
	}
	for changed := true; changed; {
		changed = false
		for name, d := range declared {
			if !used[name] && d.ofType != "" && used[d.pkg+"."+d.ofType] && d.constant {
				used[name], changed = true, true
			}
			if used[name] || d.method != "" && used[d.pkg+"."+d.ofType] {
				for _, mentioned := range d.mentions {
					if other := d.pkg + "." + mentioned; !used[other] {
						used[other], changed = true, true
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		d := declared[name]
		ok := used[name]
		if d.method != "" {
			ok = ok || standardMethods[d.method]
			for pkg := range selected[d.method] {
				ok = ok || pkg != d.pkg
			}
		}
		switch reason := exported[name]; {
		case !ok && reason == "":
			found = append(found, name+" is exported, and no other package uses it")
		case ok && reason != "":
			found = append(found, name+" is used, and needs no reason in the table of exported names")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exported)) {
		if _, ok := declared[name]; !ok {
			found = append(found, name+" is in the table of exported names, and is not there")
		}
	}
	return found
}

// standardMethods are methods that the standard library or modules call through interfaces.
var standardMethods = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "As": true, "String": true, "Read": true, "Write": true, "Close": true, "Seek": true,
	"ReadAt": true, "WriteTo": true, "ReadFrom": true, "MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true,
	"UnmarshalText": true, "UnmarshalYAML": true, "RoundTrip": true, "ServeHTTP": true, "Len": true, "Less": true, "Swap": true,
}

// A declaration is an exported name of a package.
type declaration struct {
	pkg string
	// method is the name of a method; ofType is the type of a method or constant.
	method, ofType string
	constant       bool
	// mentions are the exported names in a type or signature.
	mentions []string
}

// declare adds the exported declarations of a file.
func declare(all map[string]declaration, f *goFile) {
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if !d.Name.IsExported() {
				continue
			}
			one := declaration{pkg: f.pkg, mentions: mentions(d.Type)}
			if d.Recv == nil {
				all[f.pkg+"."+d.Name.Name] = one
				continue
			}
			one.method, one.ofType = d.Name.Name, typeName(d.Recv.List[0].Type)
			if ast.IsExported(one.ofType) {
				all[f.pkg+"."+one.ofType+"."+one.method] = one
			}
		case *ast.GenDecl:
			last := ""
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() {
						all[f.pkg+"."+spec.Name.Name] = declaration{pkg: f.pkg, mentions: mentions(spec.Type)}
					}
				case *ast.ValueSpec:
					if spec.Type != nil {
						last = typeName(spec.Type)
					} else if len(spec.Values) > 0 {
						last = ""
					}
					for _, name := range spec.Names {
						if name.IsExported() {
							one := declaration{pkg: f.pkg, ofType: last, constant: true}
							if spec.Type != nil {
								one.mentions = mentions(spec.Type)
							}
							for _, value := range spec.Values {
								if literal, ok := value.(*ast.CompositeLit); ok && literal.Type != nil {
									one.mentions = append(one.mentions, mentions(literal.Type)...)
								}
							}
							all[f.pkg+"."+name.Name] = one
						}
					}
				}
			}
		}
	}
}

// typeName returns the name of a type, or of the type that it points to.
func typeName(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// mentions returns the exported names of the same package in a type or signature.
func mentions(n ast.Node) (all []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			return false // of another package
		case *ast.Field:
			all = append(all, mentions(n.Type)...)
			return false
		case *ast.Ident:
			if n.IsExported() {
				all = append(all, n.Name)
			}
		}
		return true
	})
	return all
}

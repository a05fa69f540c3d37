package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/suggest"
	"github.com/slipway-build/slipway/progress"
)

// releaseVariables are the built-in release variables, followed by those of the commit.
var releaseVariables = append([]string{"VERSION", "TAG", "MAJOR", "MINOR", "PATCH", "COMMIT", "REGISTRY", "REPO", "PROJECT"}, commitVariables...)

// commitVariables are variables that vars may replace, because they were added after vars:
//
//	SHORT_COMMIT    the first 8 digits of the commit, as in the version of an untagged commit
//	REVISION        the commit, and .dirty if a tracked file differs from it
//	DIRTY           -dirty if a tracked file differs from the commit, else empty
//	DATE            the time of the release, in UTC, in the format of RFC 3339: SOURCE_DATE_EPOCH, else that of the commit
//	BRANCH          the current branch; empty if there is none, as in jobs of CI services for a tag
//	PRERELEASE      the pre-release of a semantic version, such as rc1, else empty
//	PREVIOUS_TAG    the nearest earlier git tag that is a version, with its prefix, else empty
var commitVariables = []string{"SHORT_COMMIT", "REVISION", "DIRTY", "DATE", "BRANCH", "PRERELEASE", "PREVIOUS_TAG"}

// scopes are the sets of platform variables, by the words of the tag expand:
//
//	OS, ARCH, VARIANT    of the platform, as Go and OCI call them
//	PLATFORM             linux-amd64, linux-arm-v7
//	EXE                  .exe on Windows, else empty
//	WINDOWS, OSVERSION   ltsc2022 and 10.0.20348.4294; empty elsewhere
//	NAME                 the name of the binary, image or bundle
//	LIST, LIST_SUFFIX    core and -core; the list called images has no suffix
//	FORMAT               tar.gz, deb, …; txt for the text list of an archive
//	ARTIFACT             the name of a file in dist/artifacts, ARTIFACT_STEM without ARTIFACT_EXT (.tar.gz, .txt, …)
var scopes = map[string][]string{
	"platform": {"OS", "ARCH", "VARIANT", "PLATFORM", "EXE"},
	"windows":  {"WINDOWS", "OSVERSION"},
	"name":     {"NAME"},
	"list":     {"LIST", "LIST_SUFFIX"},
	"format":   {"FORMAT"},
	"artifact": {"ARTIFACT", "ARTIFACT_STEM", "ARTIFACT_EXT"},
}

// PlatformVariables returns the variables of the scopes platform and windows. windows is the name of the Windows
// version, or empty.
func PlatformVariables(platform v1.Platform, windows string) map[string]string {
	exe := ""
	if platform.OS == "windows" {
		exe = ".exe"
	}
	return map[string]string{
		"OS": platform.OS, "ARCH": platform.Architecture, "VARIANT": platform.Variant,
		"PLATFORM": images.PlatformSlug(platform), "OSVERSION": platform.OSVersion,
		"WINDOWS": windows, "EXE": exe,
	}
}

// inScope returns the variables that a value of the struct tag expand allows.
func inScope(tag string) []string {
	var names []string
	for _, s := range strings.Fields(tag) {
		names = append(names, scopes[s]...)
	}
	slices.Sort(names)
	return names
}

// platformVariables returns the variables of all scopes.
func platformVariables() []string {
	var names []string
	for _, s := range scopes {
		names = append(names, s...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// variables resolves names while a file is decoded, each when it is first needed, so that variables, the version and
// REGISTRY may refer to one another in any order.
type variables struct {
	env      func(string) (string, bool)
	head     version.Head
	describe describer
	problems *problems
	// file is the path of slipway.yaml. fields has its values on which variables depend, by path ("version.base"), and
	// declared those of vars, by name.
	file     string
	fields   map[string]*yaml.Node
	declared map[string]*yaml.Node
	// set has the values of the command line, by name. given is that of the decoder.
	set   map[string]string
	given map[*yaml.Node]Position

	values map[string]variable
	// size is the total length of all values after expansion, in bytes.
	size int
	// trail has the names that are being resolved, outermost first, to detect cycles.
	trail []string

	// linked collects Config.Linked, and environment the names in Config.Environment.
	linked      map[string]string
	environment map[string]bool

	release        version.Release
	warnings       []string
	described      *version.Description // nil if it was not needed
	asked          Position             // of the value that is being expanded
	released, good bool                 // whether release has been set, and whether it has no problem
	untagged       bool                 // whether the version is neither TAG nor a git tag
}

// A variable is the value of a name. If it is bad, the problem has been reported.
type variable struct {
	value expression.Expression
	bad   bool
}

// environ returns an environment variable. ok is false if it is not set, or empty: CI systems set variables without a
// value to "".
func (v *variables) environ(name string) (string, bool) {
	value, ok := v.env(name)
	return value, ok && value != ""
}

// lookup resolves a name. known is false if the name is not declared.
func (v *variables) lookup(name string) (value variable, known bool) {
	node, declared := v.declared[name]
	if !declared && !slices.Contains(releaseVariables, name) {
		return variable{}, false
	}
	return v.remember(name, func() variable {
		if declared {
			return v.declaredValue(name, node)
		}
		return v.builtIn(name)
	}), true
}

// remember resolves a name once. The variables of a cycle are bad.
func (v *variables) remember(name string, resolve func() variable) variable {
	if value, ok := v.values[name]; ok {
		return value
	}
	if i := slices.Index(v.trail, name); i >= 0 {
		v.circle(append(slices.Clone(v.trail[i:]), name))
		return v.values[name]
	}
	v.trail = append(v.trail, name)
	value := resolve()
	v.trail = v.trail[:len(v.trail)-1]
	if _, decided := v.values[name]; !decided { // in a cycle, circle has set it
		v.values[name] = value
	}
	return v.values[name]
}

// circle reports a cycle of variables, once. names begins and ends with the same name.
func (v *variables) circle(names []string) {
	at := Position{File: v.file}
	for _, name := range names {
		// Built-in variables have no position, but the values on which they depend do.
		node, ok := v.declared[name]
		if !ok {
			node, ok = v.fields[name]
		}
		if ok && at.Line == 0 {
			at = v.position(node)
		}
		v.values[name] = variable{bad: true}
	}
	v.problems.add(at, "variables refer to one another in a cycle: %s", strings.Join(names, " -> "))
}

func (v *variables) declaredValue(name string, node *yaml.Node) variable {
	if value, ok := v.set[name]; ok {
		return variable{value: expression.Literal(value)}
	}
	if value, ok := v.environ(name); ok {
		return variable{value: expression.Literal(value)}
	}
	if node.Kind != yaml.ScalarNode {
		return variable{bad: true} // the decoder reports it
	}
	value, ok := v.expand(node.Value, v.position(node), platformVariables())
	return variable{value, !ok}
}

func (v *variables) builtIn(name string) variable {
	switch name {
	case "PROJECT":
		return v.field("project", "")
	case "REGISTRY":
		return v.environOrField("REGISTRY", "registry", "docker.io")
	case "REPO":
		if _, ok := v.fields["repository"]; !ok {
			return v.environOrField("REPO", "project", "")
		}
		return v.environOrField("REPO", "repository", "")
	case "COMMIT":
		return variable{value: expression.Literal(v.head.Commit)}
	case "SHORT_COMMIT":
		return variable{value: expression.Literal(v.head.Commit[:min(8, len(v.head.Commit))])}
	case "REVISION":
		return variable{value: expression.Literal(v.head.Commit + v.ifDirty(".dirty"))}
	case "DIRTY":
		return variable{value: expression.Literal(v.ifDirty("-dirty"))}
	case "PREVIOUS_TAG":
		return v.previousTag()
	case "BRANCH":
		return variable{value: expression.Literal(v.head.Branch)}
	}
	release, ok := v.resolveRelease()
	if !ok {
		return variable{bad: true}
	}
	return variable{value: expression.Literal(map[string]string{
		"VERSION": release.Version, "TAG": release.Tag,
		"DATE":  release.Epoch.UTC().Format(time.RFC3339),
		"MAJOR": release.Major, "MINOR": release.Minor, "PATCH": release.Patch,
		"PRERELEASE": version.PrereleaseOf(release.Version),
	}[name])}
}

// ifDirty returns suffix if a tracked file differs from the commit, else "".
func (v *variables) ifDirty(suffix string) string {
	if v.head.Dirty {
		return suffix
	}
	return ""
}

func (v *variables) environOrField(name, path, otherwise string) variable {
	if value, ok := v.environ(name); ok {
		return variable{value: expression.Literal(value)}
	}
	return v.field(path, otherwise)
}

// field returns the expanded value at a path of the file. In messages about cycles, its name is the path, which differs
// from all variables because it contains a dot or is in lower case.
func (v *variables) field(path, otherwise string) variable {
	node, ok := v.fields[path]
	if !ok {
		return variable{value: expression.Literal(otherwise)}
	}
	return v.remember(path, func() variable {
		if node.Kind != yaml.ScalarNode {
			return variable{bad: true} // the decoder reports it
		}
		value, ok := v.expand(node.Value, v.position(node), nil)
		return variable{value, !ok}
	})
}

// resolveRelease determines the version, once, and reports problems.
func (v *variables) resolveRelease() (version.Release, bool) {
	if !v.released {
		v.release, v.good = v.newRelease()
		v.released = true
	}
	return v.release, v.good
}

func (v *variables) newRelease() (version.Release, bool) {
	epoch := time.Unix(0, 0).UTC()
	if v.head.Commit != "" {
		epoch = v.head.Time
	}
	good := true
	if s, ok := v.environ("SOURCE_DATE_EPOCH"); ok {
		var err error
		if epoch, err = images.ParseEpoch(s); err != nil {
			v.problems.add(environment("SOURCE_DATE_EPOCH"), "%v", err)
			good = false
		}
	}
	scheme, ok := v.scheme()
	if !ok {
		return version.Release{}, false
	}
	at := v.position(v.fields["version.base"])
	tag, ok := v.environ("TAG")
	if ok {
		at = environment("TAG")
	}
	chosen, tagged, err := v.head.Choose(tag, scheme, v.history)
	if err != nil {
		v.problems.add(at, "%v", err)
		return version.Release{}, false
	}
	v.untagged = !tagged
	if d := v.described; d != nil && d.Shallow && d.Nearest == "" && !tagged {
		v.warnings = append(v.warnings, "the version is "+chosen+", since the clone is shallow and its history has no git tag: "+deepen+", or set version.base")
	}
	release, err := v.head.Release(chosen, epoch)
	if err != nil {
		v.problems.add(at, "%v", err)
		return version.Release{}, false
	}
	release.TagPrefix = scheme.Prefix
	return release, good
}

// Limits of the length of values, in bytes. Variables that refer to others several times grow exponentially. Linux
// allows no argument or environment variable longer than 128 KiB (MAX_ARG_STRLEN).
const (
	maxValueSize = 100_000
	maxSize      = 64_000_000 // of all values of the file together
)

// expand parses text, which is at a position of the file, and replaces all release variables. Platform variables remain
// if they are in allowed. Other platform variables, and unknown ones, are reported.
func (v *variables) expand(text string, at Position, allowed []string) (expression.Expression, bool) {
	parsed, err := expression.Parse(text)
	if err != nil {
		v.problems.add(at, "%v", err)
		return nil, false
	}
	return v.expandParsed(parsed, at, allowed)
}

// expandParsed is expand for a text that has been parsed.
func (v *variables) expandParsed(parsed expression.Expression, at Position, allowed []string) (expression.Expression, bool) {
	value, ok := v.resolve(parsed, at, allowed)
	if !ok {
		return nil, false
	}
	before := v.size
	if v.size += value.Size(); v.size > maxSize && before <= maxSize {
		v.problems.add(at, "after expansion, the values of the file are longer than %s in total", progress.FormatBytes(maxSize))
	}
	return value, v.size <= maxSize
}

func (v *variables) resolve(t expression.Expression, at Position, allowed []string) (out expression.Expression, good bool) {
	good = true
	size := 0
	add := func(pieces ...expression.Piece) {
		if size += expression.Expression(pieces).Size(); size > maxValueSize {
			if good {
				v.problems.add(at, "after expansion, the value is longer than %s", progress.FormatBytes(maxValueSize))
			}
			good = false
			return
		}
		out = append(out, pieces...)
	}
	for _, p := range t {
		if p.Name == "" {
			add(p)
			continue
		}
		fallback, ok := v.resolve(p.Fallback, at, allowed)
		good = good && ok
		value, ok := v.resolveName(p, at, allowed)
		if !ok {
			good = false
			continue
		}
		if p.HasFallback {
			if value, err := value.OrElse(fallback); err != nil {
				v.problems.add(at, "%v", err)
				good = false
			} else {
				add(value...)
			}
			continue
		}
		add(value...)
	}
	if !good {
		return nil, false
	}
	return out, true
}

func (v *variables) resolveName(p expression.Piece, at Position, allowed []string) (expression.Expression, bool) {
	_, declared := v.declared[p.Name]
	if slices.Contains(allowed, p.Name) && !declared {
		return expression.Expression{{Name: p.Name}}, true
	}
	if slices.Contains(platformVariables(), p.Name) && !declared {
		v.problems.add(at, "${%s} has no value here: it %s; known here: %s", p.Name, whenKnown(p.Name), strings.Join(v.known(allowed), ", "))
		return nil, false
	}
	v.asked = at
	value, known := v.lookup(p.Name)
	switch {
	case !known && p.HasFallback:
		// The name is not declared, so it is an environment variable.
		v.environment[p.Name] = true
		fromEnv, _ := v.environ(p.Name)
		return expression.Literal(fromEnv), true
	case !known:
		v.problems.add(at, "unknown variable ${%s}%s; known here: %s", p.Name, suggest.DidYouMean(p.Name, v.known(platformVariables())), strings.Join(v.known(allowed), ", "))
		return nil, false
	case value.bad:
		return nil, false
	}
	for _, inner := range value.value.Names() {
		if !slices.Contains(allowed, inner) {
			v.problems.add(at, "${%s} contains ${%s}, which has no value here: it %s", p.Name, inner, whenKnown(inner))
			return nil, false
		}
	}
	return value.value, true
}

// link adds the variables of a linked text to linked, except for platform variables and those that are in a Release.
func (v *variables) link(text string) {
	parsed, err := expression.Parse(text)
	if err != nil {
		return // already reported
	}
	for _, name := range parsed.Names() {
		if _, declared := v.declared[name]; slices.Contains(platformVariables(), name) && !declared || v.inRelease(name) {
			continue
		}
		if value, known := v.lookup(name); known && len(value.value.Names()) > 0 {
			v.linked[name] = value.value.String()
		} else if known {
			v.linked[name] = value.value.Text()
		} else {
			v.linked[name], _ = v.environ(name)
		}
	}
}

// inRelease reports whether a Release has all values on which a variable depends.
func (v *variables) inRelease(name string) bool {
	_, declared := v.declared[name]
	return !declared && slices.Contains(releaseVariables, name) && name != "REGISTRY" && name != "REPO" && name != "BRANCH" && name != "PREVIOUS_TAG"
}

// whenKnown returns what a platform variable depends on, for messages.
func whenKnown(name string) string {
	switch {
	case slices.Contains(scopes["windows"], name):
		return "differs by Windows version"
	case slices.Contains(scopes["name"], name):
		return "is the name of a binary, image or bundle"
	case slices.Contains(scopes["list"], name):
		return "is the name of an image list"
	case slices.Contains(scopes["format"], name):
		return "is the format of an archive or bundle"
	case slices.Contains(scopes["artifact"], name):
		return "is the name of an artifact"
	}
	return "differs by platform"
}

// known returns all names that may be used in a field with the platform variables allowed.
func (v *variables) known(allowed []string) []string {
	declared := slices.Sorted(maps.Keys(v.declared))
	return slices.Concat(declared, releaseVariables, allowed)
}

// position returns the position of a node, or of the whole file for nil.
func (v *variables) position(n *yaml.Node) Position {
	if n == nil {
		return Position{File: v.file}
	}
	if at, ok := v.given[n]; ok {
		return at
	}
	return Position{v.file, n.Line, n.Column}
}

// checkDeclared reports names that vars must not declare, and removes them.
func (v *variables) checkDeclared(keys map[string]*yaml.Node) {
	for name, key := range keys {
		var err error
		switch {
		case slices.Contains(commitVariables, name), slices.Contains(scopes["format"], name), slices.Contains(scopes["artifact"], name): // added after vars
		case slices.Contains(releaseVariables, name), slices.Contains(platformVariables(), name):
			err = fmt.Errorf("vars: %s is built in and cannot be declared", name)
		case !expression.IsName(name):
			err = fmt.Errorf("vars: %q is not a name of a variable: want letters, digits and _, and no digit at the beginning", name)
		}
		if err != nil {
			v.problems.add(v.position(key), "%v", err)
			delete(v.declared, name)
		}
	}
}

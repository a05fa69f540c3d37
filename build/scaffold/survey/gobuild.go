package survey

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A LinkVariable is the target of a linker flag -X, and its value in slipway.yaml.
type LinkVariable struct {
	Path, Value string
	Doubt       string // why it is omitted, or uncertain
	Guessed     bool   // only from the name of the variable
}

// A GoBuild is a command `go build` of a recipe.
type GoBuild struct {
	File      string   // FILE:LINE
	Package   string   // ./cmd/x, or "" if it is unknown
	Output    string   // the name of the program, or ""
	Tags      []string // build tags
	TagsDoubt string   // there are unknown tags
	Cgo       bool     // CGO_ENABLED=1
	Windows   bool     // GOOS=windows
	Elsewhere bool     // it compiles a program of another module
}

var (
	xFlag       = regexp.MustCompile(`(?:^|[\s"'=])-X[ =]+`)
	goBuildWord = regexp.MustCompile(`(?:\bgo|\$[({]GO[)}]|\$[({]GO:-go[)}]|\$GO|\bxx-go)\s+build\b`)
)

// LinkVariables returns the variables that the recipes set by -X, each once.
func (r *Recipes) LinkVariables() []LinkVariable {
	var found []LinkVariable
	for i := range r.all {
		in := &r.all[i]
		for _, line := range in.lines {
			for _, v := range r.linkVariablesOf(in, line.text, fmt.Sprintf("%s:%d", in.file, line.number)) {
				if !slices.ContainsFunc(found, func(f LinkVariable) bool { return f.Path == v.Path }) {
					found = append(found, v)
				}
			}
		}
	}
	return found
}

// linkVariablesOf returns the variables that a text sets by -X. where is its position.
func (r *Recipes) linkVariablesOf(in *recipe, text, where string) (found []LinkVariable) {
	for _, at := range xFlag.FindAllStringIndex(text, -1) {
		target, raw, ok := strings.Cut(cutFlagValue(text[at[1]:]), "=")
		if !ok {
			continue
		}
		name, complete := r.expand(in, target, false)
		dot := strings.LastIndexByte(name, '.')
		if !complete || dot <= 0 || strings.ContainsAny(name, " \"'$") {
			continue
		}
		v := LinkVariable{Path: name}
		value, complete := r.expand(in, raw, true)
		guess := Meaning(name[dot+1:])
		switch {
		case complete && value != "":
			v.Value = value
		case guess != "":
			v.Value, v.Guessed = guess, true
			v.Doubt = fmt.Sprintf("the value %s in %s is not known", raw, where)
		default:
			v.Doubt = fmt.Sprintf("the value %s in %s is not known", raw, where)
		}
		found = append(found, v)
	}
	return found
}

// LinkerVariable returns the flag -X for an assignment NAME=VALUE.
func LinkerVariable(assignment string) string {
	if strings.ContainsAny(assignment, " \t") {
		return "-X '" + assignment + "'"
	}
	return "-X " + assignment
}

// LinkerFlags splits a text into flags: -X NAME=VALUE without quotes, and others such as -s.
func LinkerFlags(text string) []string {
	var flags []string
	for text != "" {
		at := xFlag.FindStringIndex(text)
		before := text
		if at != nil {
			before = text[:at[0]]
		}
		for _, word := range shellWords(before) {
			if strings.HasPrefix(word, "-") {
				flags = append(flags, word)
			} else if len(flags) > 0 && strings.Trim(word, `"'`) != "" {
				flags[len(flags)-1] += " " + word // the value of -extldflags
			}
		}
		if at == nil {
			break
		}
		text = text[at[1]:]
		value := cutFlagValue(text)
		text = strings.TrimPrefix(strings.TrimPrefix(text, `"`), `'`)[len(value):]
		text = strings.TrimPrefix(strings.TrimPrefix(text, `"`), `'`)
		flags = append(flags, "-X "+value)
	}
	return flags
}

// cutFlagValue returns the word at the beginning of text. It ends at white space or a quote outside of references.
func cutFlagValue(text string) string {
	end := " \t\"'"
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		end, text = text[:1], text[1:]
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth--
		case depth <= 0 && strings.IndexByte(end, c) >= 0:
			return text[:i]
		}
	}
	return text
}

// GoBuilds returns the commands that compile programs.
func (r *Recipes) GoBuilds() []GoBuild {
	var found []GoBuild
	for i := range r.all {
		in := &r.all[i]
		exported := false // a script only for Windows exports GOOS
		for _, line := range in.lines {
			exported = exported || strings.Contains(line.text, "GOOS=windows") || strings.Contains(line.text, "GOOS: windows")
			at := goBuildWord.FindStringIndex(line.text)
			if at == nil {
				continue
			}
			command, _, _ := strings.Cut(line.text[at[1]:], "&&")
			g := GoBuild{File: fmt.Sprintf("%s:%d", in.file, line.number)}
			before, _ := r.expand(in, line.text[:at[0]], false)
			g.Windows = strings.Contains(before, "GOOS=windows")
			g.Cgo = strings.Contains(before, "CGO_ENABLED=1")
			r.goBuildFlags(in, &g, shellWords(command))
			found = append(found, g)
		}
		if exported {
			found = append(found, GoBuild{File: in.file, Windows: true})
		}
	}
	return found
}

// valued are the flags of go build whose value may be the next word.
var valued = []string{"o", "tags", "ldflags", "gcflags", "asmflags", "mod", "p"}

// wantsValue reports whether the value of a flag of go build is the next word.
func wantsValue(word string) bool {
	name, isFlag := strings.CutPrefix(strings.Trim(word, `"'`), "-")
	return isFlag && slices.Contains(valued, strings.TrimPrefix(name, "-"))
}

// goBuildFlags reads the words after `go build`.
func (r *Recipes) goBuildFlags(in *recipe, g *GoBuild, words []string) {
	var expanded []string
	for n, word := range words {
		if bare := strings.Trim(word, `"'`); strings.HasPrefix(bare, "$") && !strings.ContainsAny(bare, "/=") && (n == 0 || !wantsValue(words[n-1])) {
			if value, ok := r.expand(in, bare, false); ok && strings.HasPrefix(value, "-") {
				expanded = append(expanded, shellWords(value)...)
				continue
			}
		}
		expanded = append(expanded, word)
	}
	for i := 0; i < len(expanded); i++ {
		word := strings.Trim(expanded[i], `"'`)
		if !strings.HasPrefix(word, "-") {
			r.goBuildPackage(in, g, word)
			continue
		}
		name, value, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if wantsValue(word) && i+1 < len(expanded) {
			i++
			value = expanded[i]
		}
		value, ok := r.expand(in, strings.Trim(value, `"'`), false)
		switch {
		case name == "tags" && ok:
			g.Tags = strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == ',' })
		case name == "tags":
			g.TagsDoubt = fmt.Sprintf("%s has the build tags %s", g.File, strings.TrimSpace(expanded[i]))
		case name == "o" && ok && !strings.ContainsAny(value, "$@*"):
			g.Output = strings.TrimSuffix(path.Base(value), ".exe")
		}
	}
}

// goBuildPackage parses an argument that is not a flag: a package of this module, or of another, such as a tool.
func (r *Recipes) goBuildPackage(in *recipe, g *GoBuild, word string) {
	if pkg, ok := r.expand(in, word, false); ok && (strings.HasPrefix(pkg, "./") || pkg == "." || strings.HasSuffix(pkg, ".go")) {
		g.Package = PackageOf(pkg)
	} else if !strings.HasPrefix(word, "$") {
		g.Elsewhere = true
	}
}

// PackageOf returns the package for an argument of go build: ./cmd/x for ./cmd/x/main.go.
func PackageOf(arg string) string {
	if strings.HasSuffix(arg, ".go") {
		arg = path.Dir(arg)
	}
	if arg = path.Clean(arg); arg != "." {
		return "./" + arg
	}
	return arg
}

// shellWords splits a command at spaces that are not quoted, and stops at the end of the command. Words keep their
// quotes.
func shellWords(command string) []string {
	var words []string
	var word strings.Builder
	quote, depth := byte(0), 0
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth--
		case depth <= 0 && (c == ' ' || c == '\t'):
			flush()
			continue
		case depth <= 0 && (c == ';' || c == '|' || c == '&' || c == '>'):
			flush()
			return words
		}
		word.WriteByte(c)
	}
	flush()
	return words
}

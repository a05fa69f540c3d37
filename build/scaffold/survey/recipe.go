package survey

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Recipes has the variables and commands of all recipes of a tree.
type Recipes struct {
	vars map[string]string // of the first file that sets one
	// given has the variables that workflows pass to make.
	given map[string]string
	all   []recipe
}

// A recipe is a file with commands.
type recipe struct {
	file string
	// lines are the lines of the file with their numbers. A line that a backslash continues is joined with the next
	// one.
	lines []recipeLine
	vars  map[string]string
	shell bool
}

type recipeLine struct {
	text   string
	number int
}

var (
	assignment = regexp.MustCompile(`^\s*-?\s*(?:override\s+|export\s+|local\s+|readonly\s+|declare\s+|ARG\s+|ENV\s+)*([A-Za-z_][\w.-]*)\s*(\?=|::?=|\+=|=|:\s)\s*(.*)$`)
	makefile   = regexp.MustCompile(`^(GNUmakefile|[Mm]akefile([.-].*)?|.*\.mk)$`)
)

// isRecipe reports whether a file of the tree may have commands that make a release.
func isRecipe(file string) bool {
	name := path.Base(file)
	if strings.HasPrefix(file, ".github/workflows/") {
		return strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml")
	}
	dir := path.Dir(file)
	return file == ".gitlab-ci.yml" || makefile.MatchString(name) || IsDockerfile(name) || strings.HasSuffix(name, ".sh") ||
		path.Ext(name) == "" && (path.Base(dir) == "scripts" || path.Base(dir) == "build" || path.Base(dir) == "hack")
}

// readRecipes reads the recipes of a tree.
func readRecipes(t *Tree) *Recipes {
	r := &Recipes{vars: map[string]string{}, given: map[string]string{}}
	for _, file := range t.Files {
		if !isRecipe(file) || !Released(strings.TrimPrefix(strings.TrimPrefix(file, "scripts/"), "hack/")) {
			continue
		}
		one := recipe{file: file, lines: joinedLines(t.Text(file)), vars: map[string]string{}, shell: !makefile.MatchString(path.Base(file)) && !strings.HasSuffix(file, ".yml") && !strings.HasSuffix(file, ".yaml")}
		for _, line := range one.lines {
			one.assign(line.text)
			if strings.HasPrefix(file, ".github/") {
				r.assignMake(line.text)
			}
		}
		for name, value := range one.vars {
			if IsDockerfile(path.Base(file)) {
				break // its arguments have defaults, and are local
			}
			if old, ok := r.vars[name]; value != "" && (!ok || strings.Contains(old, "${{")) { // values that a workflow computes have a lower precedence
				r.vars[name] = value
			}
		}
		r.all = append(r.all, one)
	}
	return r
}

// joinedLines returns the lines of a text without comments. A line that ends with a backslash, or in a quoted value, is
// joined with the next one.
func joinedLines(text string) []recipeLine {
	var lines []recipeLine
	open := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		body, more := strings.CutSuffix(strings.TrimRight(line, " \t"), "\\")
		if open {
			lines[len(lines)-1].text += " " + strings.TrimSpace(body)
		} else {
			lines = append(lines, recipeLine{body, i + 1})
		}
		last := lines[len(lines)-1].text
		open = len(last) < 1<<14 && (more || openQuote.MatchString(last))
	}
	return lines
}

// openQuote matches the beginning of a value that continues on the next line of a shell script.
var openQuote = regexp.MustCompile(`^\s*[A-Za-z_]\w*="[^"]*$`)

// assign stores the value of a line that sets a variable. If a condition may replace the value later, the first one is
// kept.
func (r *recipe) assign(line string) {
	m := assignment.FindStringSubmatch(line)
	if m == nil {
		return
	}
	name, operator, value := m[1], m[2], strings.TrimSpace(m[3])
	if before, _, ok := strings.Cut(value, " #"); ok {
		value = strings.TrimSpace(before)
	}
	if r.shell && commandFollows(m[0], value) {
		return // NAME=VALUE before a command is its environment
	}
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && strings.IndexByte(value[1:], value[0]) == len(value)-2 {
		value = value[1 : len(value)-1]
	}
	old, known := r.vars[name]
	self := regexp.MustCompile(`\$[({]?` + regexp.QuoteMeta(name) + `\b(:?-[^})]*)?[)}]?`)
	switch {
	case operator == "+=":
		r.vars[name] = strings.TrimSpace(old + " " + value)
	case self.MatchString(value) && r.shell && !strings.Contains(value, ":-") && line[0] == ' ':
		// In an if of a shell script: a release has the value without this addition.
	case self.MatchString(value):
		r.vars[name] = strings.TrimSpace(self.ReplaceAllStringFunc(value, func(ref string) string {
			if _, fallback, ok := strings.Cut(ref, "-"); ok && old == "" {
				return strings.TrimRight(fallback, "})")
			}
			return old
		}))
	case !known || old == "":
		r.vars[name] = value
	}
}

// commandFollows reports whether, in a shell, a command follows the value of an assignment.
func commandFollows(line, value string) bool {
	words := shellWords(value)
	if declaration.MatchString(line) || len(words) < 2 {
		return false
	}
	return !strings.Contains(words[1], "=")
}

var declaration = regexp.MustCompile(`^\s*(?:override|export|local|readonly|declare|ARG|ENV)\s`)

// makeVariable matches a variable that a command passes to make.
var makeVariable = regexp.MustCompile(`\s([A-Z][A-Z0-9_]*)=([\w./:-]+)`)

// assignMake stores the variables that a command passes to make and that no file sets.
func (r *Recipes) assignMake(line string) {
	if !makeCommand.MatchString(line) {
		return
	}
	for _, m := range makeVariable.FindAllStringSubmatch(line, -1) {
		if r.given[m[1]] == "" {
			r.given[m[1]] = m[2]
		}
	}
}

var makeCommand = regexp.MustCompile(`(?:^|[\s:;&])make\s`)

var windowsVersionWord = regexp.MustCompile(`\b(1809|ltsc20(?:19|22|25))\b`)

// WindowsVersions returns the names of the versions of Windows in a variable of the recipes: 1809 or ltsc2019, which
// are the same, ltsc2022 and ltsc2025.
func (r *Recipes) WindowsVersions() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.vars)) {
		if upper := strings.ToUpper(name); strings.Contains(upper, "OSVERSIONS") || strings.Contains(upper, "WINDOWS_VERSIONS") {
			names = AppendNew(names, windowsVersionWord.FindAllString(r.vars[name], -1)...)
		}
	}
	if slices.Contains(names, "1809") {
		names = slices.DeleteFunc(names, func(n string) bool { return n == "ltsc2019" })
	}
	return names
}

var makeRule = regexp.MustCompile(`^([A-Za-z0-9_./-]+)\s*:(?:[^=]|$)`)

// MakeTarget returns the target of the Makefile in the root whose commands make a folder, or "".
func (r *Recipes) MakeTarget(folder string) string {
	for i := range r.all {
		in := &r.all[i]
		if !makefile.MatchString(in.file) { // others are not in the root
			continue
		}
		target := ""
		for _, line := range in.lines {
			if m := makeRule.FindStringSubmatch(line.text); m != nil {
				target = m[1]
			}
			command, isCommand := strings.CutPrefix(line.text, "\t")
			if words := strings.Fields(command); target == "" || !isCommand || len(words) < 2 || words[0] != "mkdir" {
				continue
			} else if made, ok := r.expand(in, words[len(words)-1], false); ok && path.Clean(made) == folder {
				return target
			}
		}
	}
	return ""
}

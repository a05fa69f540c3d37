package survey

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// A Dockerfile is the part of a Dockerfile that a survey needs.
type Dockerfile struct {
	File    string // in the tree
	Windows bool
	Name    string // words of the file name besides Dockerfile and windows, such as agent
	Args    []Arg  // of all stages, each once
	Starts  bool   // whether it has an ENTRYPOINT or CMD

	stages []Stage
}

// An Arg is a build argument of a Dockerfile with its default, or "".
type Arg struct {
	Name, Value string
	InFrom      bool // a FROM contains it
}

// A Stage is a stage of a Dockerfile.
type Stage struct {
	Copies     []Copy   // from the build context
	CopiesFrom []string // stages, contexts and images
	Run        int      // the line of the first RUN, or 0

	name, base string
}

// A Copy is a source of COPY or ADD in the build context.
type Copy struct {
	Source string
	Line   int
}

var (
	dockerfileName = regexp.MustCompile(`(?i)^(?:(.*)[._-])?(?:dockerfile|containerfile)(?:[._-](.*))?$`)
	windowsWord    = regexp.MustCompile(`(?i)(^|[._-])(windows|win|nanoserver|servercore)($|[._-])`)
)

// otherSuffixes are suffixes of files that are not Dockerfiles, despite their names.
var otherSuffixes = []string{".dockerignore", ".md", ".tmpl", ".yml", ".yaml", ".go", ".sh", ".py", ".txt", ".json"}

// IsDockerfile reports whether name is the name of a Dockerfile: Dockerfile, Dockerfile.windows, windows.Dockerfile,
// Dockerfile_windows, Containerfile.
func IsDockerfile(name string) bool {
	return dockerfileName.MatchString(name) && !slices.ContainsFunc(otherSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

var referenceOf = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)`)

// ReadDockerfile reads a Dockerfile of the tree. If BuildKit's parser refuses it, the error has the reason.
func ReadDockerfile(t *Tree, file string) (*Dockerfile, error) {
	d := &Dockerfile{File: file}
	words := "" // of the file name, besides Dockerfile
	if m := dockerfileName.FindStringSubmatch(path.Base(file)); m != nil {
		words = strings.Trim(m[1]+"."+m[2], ".")
	}
	d.Windows = windowsWord.MatchString(words)
	if d.Windows {
		words = windowsWord.ReplaceAllString(words, "$1")
	}
	d.Name = strings.Trim(words, "._-")
	parsed, err := parser.Parse(strings.NewReader(t.Text(file)))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	for _, node := range parsed.AST.Children {
		var words []string
		for n := node.Next; n != nil; n = n.Next {
			words = append(words, n.Value)
		}
		d.instruction(strings.ToUpper(node.Value), node.Flags, words, node.StartLine)
	}
	if len(d.stages) == 0 {
		return nil, fmt.Errorf("reading %s: missing FROM", file)
	}
	return d, nil
}

func (d *Dockerfile) instruction(name string, flags, words []string, line int) {
	stage := &Stage{} // of ARG before the first FROM
	if len(d.stages) > 0 {
		stage = &d.stages[len(d.stages)-1]
	}
	switch name {
	case "ARG":
		for _, word := range words {
			name, value, _ := strings.Cut(word, "=")
			if !slices.ContainsFunc(d.Args, func(a Arg) bool { return a.Name == name }) {
				d.Args = append(d.Args, Arg{Name: name, Value: strings.Trim(value, `"'`)})
			}
		}
	case "FROM":
		d.from(words)
	case "RUN", "ONBUILD":
		if stage.Run == 0 {
			stage.Run = line
		}
	case "COPY", "ADD":
		stage.copy(flags, words, line)
	case "ENTRYPOINT", "CMD":
		d.Starts = true
	}
}

// from begins a stage for the arguments of FROM: IMAGE [AS NAME].
func (d *Dockerfile) from(words []string) {
	if len(words) == 0 {
		return
	}
	s := Stage{base: words[0]}
	if len(words) == 3 {
		s.name = words[2]
	}
	for _, ref := range referenceOf.FindAllStringSubmatch(s.base, -1) {
		if i := slices.IndexFunc(d.Args, func(a Arg) bool { return a.Name == ref[1] }); i >= 0 {
			d.Args[i].InFrom = true
		}
	}
	if strings.Contains(s.base, "windows/") || strings.Contains(s.base, "mcr.microsoft.com/powershell") {
		d.Windows = true
	}
	d.stages = append(d.stages, s)
}

func (s *Stage) copy(flags, words []string, line int) {
	for _, flag := range flags {
		if from, ok := strings.CutPrefix(flag, "--from="); ok {
			s.CopiesFrom = append(s.CopiesFrom, from)
			return
		}
	}
	for _, source := range words[:max(0, len(words)-1)] {
		if !strings.Contains(source, "://") && !strings.HasPrefix(source, "<<") && !strings.HasPrefix(source, "git@") {
			s.Copies = append(s.Copies, Copy{source, line})
		}
	}
}

// Reached returns the stages that a target needs. If target is empty, it is the last stage.
func (d *Dockerfile) Reached(target string) []*Stage {
	var reached []*Stage
	var follow func(i int)
	follow = func(i int) {
		if i < 0 || slices.Contains(reached, &d.stages[i]) {
			return
		}
		reached = append(reached, &d.stages[i])
		for _, name := range append([]string{d.stages[i].base}, d.stages[i].CopiesFrom...) {
			follow(d.stage(name))
		}
	}
	if follow(d.stage(target)); reached == nil {
		follow(len(d.stages) - 1)
	}
	return reached
}

// stage returns the index of the stage with a name or number, or -1. A name may contain arguments, such as $TARGETOS.
func (d *Dockerfile) stage(name string) int {
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(d.stages) {
		return n
	}
	name = stageArgument.ReplaceAllStringFunc(name, func(ref string) string { return d.argument(strings.Trim(ref, "${}")) })
	return slices.IndexFunc(d.stages, func(s Stage) bool { return s.name != "" && strings.EqualFold(s.name, name) })
}

var stageArgument = regexp.MustCompile(`\$\w+|\$\{\w+\}`)

// argument returns the value of an argument on amd64, as far as the Dockerfile determines it.
func (d *Dockerfile) argument(name string) string {
	goos := "linux"
	if d.Windows {
		goos = "windows"
	}
	switch name {
	case "TARGETOS":
		return goos
	case "TARGETARCH", "BUILDARCH":
		return "amd64"
	}
	if i := slices.IndexFunc(d.Args, func(a Arg) bool { return a.Name == name }); i >= 0 {
		return d.Args[i].Value
	}
	return ""
}

// HasStage reports whether a stage has the name.
func (d *Dockerfile) HasStage(name string) bool { return d.stage(name) >= 0 }

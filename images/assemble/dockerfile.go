package assemble

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
)

// A dockerfile is a Dockerfile that has been parsed.
type dockerfile struct {
	name   string // as messages spell it
	lines  []string
	escape rune
	// argCommands are those before the first FROM.
	argCommands []instructions.ArgCommand
	// parsed are the stages as the parser returns them.
	parsed []instructions.Stage
	lint   *checks
	// expansion bounds what its variables come to.
	expansion buildfile.Expansion
}

// parseDockerfile parses a Dockerfile, whose syntax and checks build arguments may
// set. warn is told of what the checks find.
func parseDockerfile(file *buildfile.Dockerfile, args map[string]string, warn func(string)) (*dockerfile, error) {
	data := file.Data
	d := &dockerfile{name: file.Path, lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, d.at(nil, errors.New("it is empty"))
	}
	if err := d.checkSyntax(data, args[buildfile.SyntaxArg]); err != nil {
		return nil, err
	}
	var checks *string
	if value, ok := args[buildfile.CheckArg]; ok {
		checks = &value
	}
	var err error
	if d.lint, err = newChecks(d, data, checks, warn); err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, d.parseError(err)
	}
	d.escape = parsed.EscapeToken
	d.lint.emptyContinuations(parsed.Warnings)
	if d.parsed, d.argCommands, err = instructions.Parse(parsed.AST, d.lint.linter); err != nil {
		return nil, d.parseError(err)
	}
	if len(d.parsed) == 0 {
		return nil, d.at(nil, errors.New("it has no FROM, hence no stages to build"))
	}
	d.lint.stageNames(d.parsed)
	d.lint.casing(d.parsed)
	return d, nil
}

// frontends are the images whose syntax is the one built in here.
var frontends = map[string]bool{
	"index.docker.io/docker/dockerfile":          true,
	"index.docker.io/docker/dockerfile-upstream": true,
}

// checkSyntax refuses a Dockerfile that asks for another frontend than Docker's
// own: that would be a program to run.
func (d *dockerfile) checkSyntax(data []byte, arg string) error {
	syntax, _, location, ok := parser.DetectSyntax(data)
	if arg != "" {
		syntax, location, ok = arg, nil, true
	}
	if !ok {
		return nil
	}
	ref, err := images.ParseReference(syntax)
	if err == nil && frontends[ref.Context().Name()] {
		return nil
	}
	return d.at(location, fmt.Errorf("syntax %s is a frontend of its own, which has to be run; here there is Docker's, docker/dockerfile:1, alone; %s", syntax, otherBuilders))
}

// otherBuilders says who can do what an assembler in this process cannot.
const otherBuilders = "use --builder docker or --builder buildkit (BUILDER=docker, BUILDER=buildkit)"

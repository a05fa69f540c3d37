package dockerfile

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

// A File is a parsed Dockerfile.
type File struct {
	name   string // the path, for messages
	lines  []string
	Escape rune
	// argCommands are the ARGs before the first FROM.
	argCommands []instructions.ArgCommand
	// Parsed holds the stages as the parser returns them.
	Parsed []instructions.Stage
	Lint   *checks
	// expansion limits the total size of expanded variables.
	expansion buildfile.Expansion
}

// parseDockerfile parses a Dockerfile. Build arguments may set its syntax and its
// checks. warn is called with each finding of the checks.
func parseDockerfile(file *buildfile.Dockerfile, args map[string]string, warn func(string)) (*File, error) {
	data := file.Data
	d := &File{name: file.Path, lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, d.At(nil, errors.New("it is empty"))
	}
	if err := d.checkSyntax(data, args[buildfile.SyntaxArg]); err != nil {
		return nil, err
	}
	var checks *string
	if value, ok := args[buildfile.CheckArg]; ok {
		checks = &value
	}
	var err error
	if d.Lint, err = newChecks(d, data, checks, warn); err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, d.parseError(err)
	}
	d.Escape = parsed.EscapeToken
	d.Lint.emptyContinuations(parsed.Warnings)
	if d.Parsed, d.argCommands, err = instructions.Parse(parsed.AST, d.Lint.linter); err != nil {
		return nil, d.parseError(err)
	}
	if len(d.Parsed) == 0 {
		return nil, d.At(nil, errors.New("it has no FROM, hence no stages to build"))
	}
	d.Lint.stageNames(d.Parsed)
	d.Lint.casing(d.Parsed)
	return d, nil
}

// frontends are the images whose syntax the embedded builder supports.
var frontends = map[string]bool{
	"index.docker.io/docker/dockerfile":          true,
	"index.docker.io/docker/dockerfile-upstream": true,
}

// checkSyntax returns an error if the Dockerfile asks for a frontend other than
// Docker's own, because the frontend would have to run.
func (d *File) checkSyntax(data []byte, arg string) error {
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
	return d.At(location, fmt.Errorf("syntax %s is a separate frontend, which would have to be run; the embedded builder supports only Docker's, docker/dockerfile:1; %s", syntax, OtherBuilders))
}

// OtherBuilders ends the error for an instruction that only a build engine supports.
const OtherBuilders = "use --builder docker or --builder buildkit (BUILDER=docker, BUILDER=buildkit)"

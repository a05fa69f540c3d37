package dockerfile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
)

// checks runs BuildKit's build checks. They are warnings, or errors if the Dockerfile
// says "# check=error=true".
type checks struct {
	file   *File
	linter *linter.Linter
	found  []error
}

// newChecks returns the checks with the options of given, the build argument, or of the
// Dockerfile's directive if given is nil.
func newChecks(d *File, data []byte, given *string, warn func(string)) (*checks, error) {
	value, _, location, _ := parser.ParseDirective("check", data)
	if given != nil {
		value, location = *given, nil
	}
	config, err := linter.ParseLintOptions(value)
	if err != nil && given != nil {
		return nil, fmt.Errorf("build argument %s=%s: %w", buildfile.CheckArg, value, err)
	}
	if err != nil {
		return nil, d.At(location, err)
	}
	c := &checks{file: d}
	config.Warn = func(rule, _, _, message string, location []parser.Range) {
		found := d.At(location, fmt.Errorf("%s (check %s)", message, rule))
		c.found = append(c.found, found)
		if !config.ReturnAsError {
			warn(FirstLine(found))
		}
	}
	c.linter = linter.New(config)
	return c, nil
}

// Err returns the findings, if the Dockerfile makes them errors.
func (c *checks) Err() []error {
	if c.linter.Error() == nil {
		return nil
	}
	return c.found
}

// For returns the linter for an instruction with these comments before it, which may
// switch checks off.
func (c *checks) For(comments []string) *linter.Linter {
	return c.linter.WithMergedConfigFromComments(comments)
}

func (c *checks) emptyContinuations(warnings []parser.Warning) {
	for _, w := range warnings {
		if w.URL == linter.RuleNoEmptyContinuation.URL && w.Location != nil {
			c.linter.Run(&linter.RuleNoEmptyContinuation, []parser.Range{*w.Location}, linter.RuleNoEmptyContinuation.Format())
		}
	}
}

func (c *checks) stageNames(stages []instructions.Stage) {
	seen := map[string]bool{}
	for _, s := range stages {
		if s.Name == "" {
			continue
		}
		if s.Name == "scratch" || s.Name == "context" {
			c.linter.Run(&linter.RuleReservedStageName, s.Location, linter.RuleReservedStageName.Format(s.Name))
		}
		if seen[s.Name] {
			c.linter.Run(&linter.RuleDuplicateStageName, s.Location, linter.RuleDuplicateStageName.Format(s.Name))
		}
		seen[s.Name] = true
	}
}

// casing reports instructions in lower case if most are in upper case, and vice versa.
func (c *checks) casing(stages []instructions.Stage) {
	type use struct {
		name     string
		location []parser.Range
	}
	var uses []use
	lower, upper := 0, 0
	for _, s := range stages {
		uses = append(uses, use{s.OrigCmd, s.Location})
		for _, command := range s.Commands {
			uses = append(uses, use{command.Name(), command.Location()})
		}
	}
	for _, u := range uses {
		switch u.name {
		case strings.ToLower(u.name):
			lower++
		case strings.ToUpper(u.name):
			upper++
		}
	}
	for _, u := range uses {
		want, kind := strings.ToUpper(u.name), "uppercase"
		if lower > upper {
			want, kind = strings.ToLower(u.name), "lowercase"
		}
		if u.name != want {
			c.linter.Run(&linter.RuleConsistentInstructionCasing, u.location, linter.RuleConsistentInstructionCasing.Format(u.name, kind))
		}
	}
}

// CheckVariables warns about names that an instruction expands and nothing sets.
func CheckVariables(l *linter.Linter, location []parser.Range, unmatched map[string]struct{}, declared []instructions.KeyValuePairOptional, known []string) {
	for _, name := range slices.Sorted(maps.Keys(unmatched)) {
		if slices.ContainsFunc(declared, func(arg instructions.KeyValuePairOptional) bool { return arg.Key == name }) {
			continue
		}
		l.Run(&linter.RuleUndefinedVar, location, linter.RuleUndefinedVar.Format(name, nearest(name, known)))
	}
}

// checkArgs warns about names that a FROM expands and that no ARG before it declares.
func checkArgs(l *linter.Linter, location []parser.Range, unmatched map[string]struct{}, known []string) {
	for _, name := range slices.Sorted(maps.Keys(unmatched)) {
		if !slices.Contains(known, name) {
			l.Run(&linter.RuleUndefinedArgInFrom, location, linter.RuleUndefinedArgInFrom.Format(name, nearest(name, known)))
		}
	}
}

// secretNames matches names of secrets, except for those that publicNames matches.
var (
	secretNames = regexp.MustCompile(`(?i)(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)`)
	publicNames = regexp.MustCompile(`(?i)(?:_|^)(?:public|file|version)(?:_|$)`)
)

// CheckSecretName warns about a secret in ARG or ENV, where every user of the image can
// read it.
func CheckSecretName(l *linter.Linter, location []parser.Range, instruction, name string) {
	if secretNames.MatchString(name) && !publicNames.MatchString(name) {
		l.Run(&linter.RuleSecretsUsedInArgOrEnv, location, linter.RuleSecretsUsedInArgOrEnv.Format(instruction, name))
	}
}

// defaultBases warns about a FROM whose base is valid only with build arguments.
func (c *checks) defaultBases(d *File, lex *shell.Lex, defaults *Env) {
	for _, s := range d.Parsed {
		base, err := d.Expand(lex, s.BaseName, defaults)
		if err != nil {
			return
		}
		if _, err := images.ParseReference(base.Result); err != nil {
			c.linter.Run(&linter.RuleInvalidDefaultArgInFrom, s.Location, linter.RuleInvalidDefaultArgInFrom.Format(s.BaseName))
		}
	}
}

// CheckOnce warns about an instruction that a later one of its kind overrides, at the
// location of the earlier one.
func CheckOnce(l *linter.Linter, c instructions.Command, before *[]parser.Range) {
	if *before != nil {
		l.Run(&linter.RuleMultipleInstructionsDisallowed, *before, linter.RuleMultipleInstructionsDisallowed.Format(c.Name()))
	}
	*before = c.Location()
}

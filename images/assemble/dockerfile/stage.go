package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Scratch is the name of the empty base.
const Scratch = "scratch"

// A Stage is one FROM with its instructions, or an image that a COPY --from names.
type Stage struct {
	instructions.Stage
	// Index is the stage's position in the Dockerfile; -1 for an image of COPY --from.
	Index int
	// Base is the stage that this stage is FROM, or nil.
	Base *Stage
	// Context is the named context that replaces the stage or its base.
	Context *Context
	// Replaced is set if the context replaces the stage, not its base.
	Replaced     bool
	Instructions []Instruction
	// wanted is the platform of FROM --platform, or nil.
	wanted *v1.Platform
}

// An Instruction is an instruction of a stage, with the stage that it copies from.
type Instruction struct {
	instructions.Command
	From *Stage
	// Mounts are the stages that a RUN mounts.
	Mounts []*Stage
	// Trigger is the text of the ONBUILD that the instruction comes from.
	Trigger string
}

// Title returns the name of s for messages.
func (s *Stage) Title() string {
	switch {
	case s.Name != "":
		return strconv.Quote(s.Name)
	case s.Index >= 0:
		return fmt.Sprintf("%d (FROM %s)", s.Index, s.BaseName)
	}
	return s.BaseName
}

// readFrom expands the FROM of s.
func (g *Graph) readFrom(s *Stage, lex *shell.Lex, known []string) error {
	lint := g.Lint.For(s.Comments)
	base, err := g.Expand(lex, s.BaseName, g.Global)
	if err != nil {
		return err
	}
	checkArgs(lint, s.Location, base.Unmatched, known)
	if base.Result == "" {
		return fmt.Errorf("FROM %s: the name of the base is empty%s", s.BaseName, unsetNames(base.Unmatched, known))
	}
	s.BaseName = base.Result
	if s.Platform != "" {
		platform, err := g.Expand(lex, s.Platform, g.Global)
		if err != nil {
			return err
		}
		checkArgs(lint, s.Location, platform.Unmatched, known)
		if platform.Result == "" {
			return fmt.Errorf("FROM --platform=%s: the platform is empty%s", s.Platform, unsetNames(platform.Unmatched, known))
		}
		p, err := parsePlatform(platform.Result, g.Options.BuildPlatform)
		if err != nil {
			return fmt.Errorf("FROM --platform=%s: %w%s", s.Platform, err, unsetNames(platform.Unmatched, known))
		}
		checkPlatform(lint, s, platform, p, g.Global)
		s.wanted = &p
	}
	if s.Name != "" {
		if s.Context, err = g.ContextFor(s.Name, s.PlatformOr(g.Options.Platform)); err != nil {
			return err
		}
		if s.Context != nil {
			s.Replaced = true
			return nil
		}
	}
	for _, earlier := range slices.Backward(g.stages) {
		if earlier.Name != "" && earlier.Name == s.BaseName {
			s.Base = earlier
			return nil
		}
	}
	if s.BaseName != Scratch {
		s.Context, err = g.ContextFor(s.BaseName, s.PlatformOr(g.Options.Platform))
	}
	return err
}

func unsetNames(unmatched map[string]struct{}, known []string) string {
	for name := range unmatched {
		if near := nearest(name, known); near != "" {
			return fmt.Sprintf("; %s is not set (did you mean %s?)", name, near)
		}
	}
	return ""
}

func (s *Stage) PlatformOr(p v1.Platform) v1.Platform {
	if s.wanted != nil {
		return *s.wanted
	}
	return p
}

// link finds the stage, or creates the image, that c copies from.
func (g *Graph) link(c instructions.Command) (Instruction, error) {
	if run, ok := c.(*instructions.RunCommand); ok {
		linked := Instruction{Command: c}
		for _, mount := range instructions.GetMounts(run) {
			if s := g.stageNamed(mount.From); s != nil {
				linked.Mounts = append(linked.Mounts, s)
			}
		}
		return linked, nil
	}
	copying, ok := c.(*instructions.CopyCommand)
	if !ok || copying.From == "" {
		return Instruction{Command: c}, nil
	}
	expanded, err := shell.NewLex(g.Escape).ProcessWordWithMatches(copying.From, NewEnv())
	if err != nil {
		return Instruction{}, err
	}
	if expanded.Result != copying.From {
		return Instruction{}, fmt.Errorf("COPY --from=%s: variables are not expanded here; give the image a name by FROM ${…} AS name, and copy from that", copying.From)
	}
	if index, err := strconv.Atoi(copying.From); err == nil {
		if index < 0 || index >= len(g.stages) {
			return Instruction{}, fmt.Errorf("COPY --from=%d: the stage does not exist; stages are numbered from 0 to %d", index, len(g.stages)-1)
		}
		return Instruction{Command: c, From: g.stages[index]}, nil
	}
	if s := g.stageNamed(copying.From); s != nil {
		return Instruction{Command: c, From: s}, nil
	}
	from := g.images[copying.From]
	if from == nil {
		from = &Stage{Stage: instructions.Stage{BaseName: copying.From, Location: c.Location()}, Index: -1}
		if copying.From != Scratch {
			if from.Context, err = g.ContextFor(copying.From, g.Options.Platform); err != nil {
				return Instruction{}, err
			}
		}
		g.images[copying.From] = from
	}
	return Instruction{Command: c, From: from}, nil
}

// dependencies returns the stages that s depends on, in order.
func (s *Stage) dependencies() []*Stage {
	var all []*Stage
	if s.Base != nil {
		all = append(all, s.Base)
	}
	for _, c := range s.Instructions {
		if c.From != nil {
			all = append(all, c.From)
		}
		all = append(all, c.Mounts...)
	}
	return all
}

func (g *Graph) ParseTrigger(s *Stage, text string) (Instruction, error) {
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return Instruction{}, err
	}
	if len(parsed.AST.Children) != 1 {
		return Instruction{}, errors.New("want one instruction")
	}
	n := parsed.AST.Children[0]
	// Errors in the trigger are reported at the FROM that brought it in.
	n.StartLine, n.EndLine = s.Location[0].Start.Line, s.Location[len(s.Location)-1].End.Line
	c, err := instructions.ParseCommand(n)
	if err != nil {
		return Instruction{}, err
	}
	linked, err := g.link(c)
	linked.Trigger = text
	return linked, err
}

// checkPlatform warns about a redundant or constant --platform.
func checkPlatform(l *linter.Linter, s *Stage, word shell.ProcessWordResult, p v1.Platform, global *Env) {
	if _, ok := word.Matched["TARGETPLATFORM"]; ok && len(word.Matched) == 1 && len(word.Unmatched) == 0 {
		if target, _ := global.Get("TARGETPLATFORM"); word.Result == target {
			l.Run(&linter.RuleRedundantTargetPlatform, s.Location, linter.RuleRedundantTargetPlatform.Format(s.Platform))
		}
	}
	if len(word.Matched)+len(word.Unmatched) == 0 && !strings.Contains(s.Name, p.OS) && !strings.Contains(s.Name, p.Architecture) {
		l.Run(&linter.RuleFromPlatformFlagConstDisallowed, s.Location, linter.RuleFromPlatformFlagConstDisallowed.Format(word.Result))
	}
}

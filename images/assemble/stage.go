package assemble

import (
	"context"
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
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/buildfile"
)

const scratchName = "scratch"

// A stage is one FROM and what follows it; or an image that a COPY --from names.
type stage struct {
	instructions.Stage
	// index is its place in the Dockerfile; -1 for an image of COPY --from.
	index int
	// base is the stage that it is FROM, or nil.
	base *stage
	// platform is what FROM --platform says, or nil.
	platform *v1.Platform
	// context is the named context that replaces the stage or its base.
	context *namedContext
	// replaced says that the context replaces the stage, not its base.
	replaced bool
	commands []command

	resolved  bool
	triggered bool
	state
}

// A command is an instruction of a stage, and the stage that it copies from.
type command struct {
	instructions.Command
	from *stage
	// mounts are the stages that a RUN mounts.
	mounts []*stage
	// trigger is the text of the ONBUILD that the command comes from.
	trigger string
}

// title is how messages call s.
func (s *stage) title() string {
	switch {
	case s.Name != "":
		return strconv.Quote(s.Name)
	case s.index >= 0:
		return fmt.Sprintf("%d (FROM %s)", s.index, s.BaseName)
	}
	return s.BaseName
}

// readArgs expands the arguments before the first FROM.
func (asm *assembly) readArgs() error {
	d := asm.file
	lex := shell.NewLex(d.escape)
	last := d.stages[len(d.stages)-1].Name
	if asm.build.Target != "" {
		last = asm.build.Target
	}
	known := platformArgs(asm.Assembler.build, asm.build.Platform, last, asm.args)
	if defaults, err := d.globalArgs(known, lex, nil); err == nil {
		d.lint.defaultBases(d, lex, defaults)
	}
	d.expansion = buildfile.Expansion{} // the defaults were expanded for a check alone
	var err error
	if asm.global, err = d.globalArgs(known, lex, asm.args); err != nil {
		return err
	}
	return nil
}

// readStages expands what FROM says, links stages to the ones that they are FROM
// and that they copy from, and refuses circles.
func (asm *assembly) readStages() error {
	d := asm.file
	lex := shell.NewLex(d.escape)
	var declared []string
	for _, command := range d.args {
		for _, arg := range command.Args {
			declared = append(declared, arg.Key)
		}
	}
	for i := range d.stages {
		s := &stage{Stage: d.stages[i], index: i}
		if err := asm.readFrom(s, lex, append(declared, asm.global.Keys()...)); err != nil {
			return d.at(s.Location, err)
		}
		asm.stages = append(asm.stages, s)
	}
	asm.images = map[string]*stage{}
	for _, s := range asm.stages {
		if s.replaced {
			continue
		}
		for _, c := range s.Commands {
			linked, err := asm.link(c)
			if err != nil {
				return d.at(c.Location(), err)
			}
			s.commands = append(s.commands, linked)
		}
	}
	return asm.refuseCircles()
}

// readFrom expands the FROM of s.
func (asm *assembly) readFrom(s *stage, lex *shell.Lex, known []string) error {
	lint := asm.file.lint.in(s.Comments)
	base, err := asm.file.expand(lex, s.BaseName, asm.global)
	if err != nil {
		return err
	}
	unknownArgs(lint, s.Location, base.Unmatched, known)
	if base.Result == "" {
		return fmt.Errorf("FROM %s: the name of the base is empty%s", s.BaseName, unsetNames(base.Unmatched, known))
	}
	s.BaseName = base.Result
	if s.Platform != "" {
		platform, err := asm.file.expand(lex, s.Platform, asm.global)
		if err != nil {
			return err
		}
		unknownArgs(lint, s.Location, platform.Unmatched, known)
		if platform.Result == "" {
			return fmt.Errorf("FROM --platform=%s: the platform is empty%s", s.Platform, unsetNames(platform.Unmatched, known))
		}
		p, err := parsePlatform(platform.Result, asm.Assembler.build)
		if err != nil {
			return fmt.Errorf("FROM --platform=%s: %w%s", s.Platform, err, unsetNames(platform.Unmatched, known))
		}
		fromPlatform(lint, s, platform, p, asm.global)
		s.platform = &p
	}
	if s.Name != "" {
		if s.context, err = asm.contextFor(s.Name, s.platformOr(asm.build.Platform)); err != nil {
			return err
		}
		if s.context != nil {
			s.replaced = true
			return nil
		}
	}
	for _, earlier := range slices.Backward(asm.stages) {
		if earlier.Name != "" && earlier.Name == s.BaseName {
			s.base = earlier
			return nil
		}
	}
	if s.BaseName != scratchName {
		s.context, err = asm.contextFor(s.BaseName, s.platformOr(asm.build.Platform))
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

func (s *stage) platformOr(p v1.Platform) v1.Platform {
	if s.platform != nil {
		return *s.platform
	}
	return p
}

// link finds the stage, or makes the image, that c copies from.
func (asm *assembly) link(c instructions.Command) (command, error) {
	if run, ok := c.(*instructions.RunCommand); ok {
		linked := command{Command: c}
		for _, mount := range instructions.GetMounts(run) {
			if s := asm.stageNamed(mount.From); s != nil {
				linked.mounts = append(linked.mounts, s)
			}
		}
		return linked, nil
	}
	copying, ok := c.(*instructions.CopyCommand)
	if !ok || copying.From == "" {
		return command{Command: c}, nil
	}
	expanded, err := shell.NewLex(asm.file.escape).ProcessWordWithMatches(copying.From, newEnv())
	if err != nil {
		return command{}, err
	}
	if expanded.Result != copying.From {
		return command{}, fmt.Errorf("COPY --from=%s: variables are not expanded here; give the image a name by FROM ${…} AS name, and copy from that", copying.From)
	}
	if index, err := strconv.Atoi(copying.From); err == nil {
		if index < 0 || index >= len(asm.stages) {
			return command{}, fmt.Errorf("COPY --from=%d: there is no such stage; they are numbered from 0 to %d", index, len(asm.stages)-1)
		}
		return command{Command: c, from: asm.stages[index]}, nil
	}
	if s := asm.stageNamed(copying.From); s != nil {
		return command{Command: c, from: s}, nil
	}
	from := asm.images[copying.From]
	if from == nil {
		from = &stage{Stage: instructions.Stage{BaseName: copying.From, Location: c.Location()}, index: -1}
		if copying.From != scratchName {
			if from.context, err = asm.contextFor(copying.From, asm.build.Platform); err != nil {
				return command{}, err
			}
		}
		asm.images[copying.From] = from
	}
	return command{Command: c, from: from}, nil
}

// stageNamed returns the last stage of that name, in any case, or nil.
func (asm *assembly) stageNamed(name string) *stage {
	for _, s := range slices.Backward(asm.stages) {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

func (asm *assembly) stageNames() []string {
	var names []string
	for _, s := range asm.stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// target returns the stage that is to be built: the one named, else the last. A
// number names no target, as in BuildKit.
func (asm *assembly) target() (*stage, error) {
	name := asm.build.Target
	if name == "" {
		return asm.stages[len(asm.stages)-1], nil
	}
	if s := asm.stageNamed(name); s != nil {
		return s, nil
	}
	names := asm.stageNames()
	have := "it names no stage"
	if len(names) > 0 {
		have = "it has " + strings.Join(names, ", ")
	}
	return nil, asm.file.at(nil, fmt.Errorf("target stage %q is not there%s; %s", name, suggest(name, names), have))
}

// dependencies returns the stages that s is made of, in order.
func (s *stage) dependencies() []*stage {
	var all []*stage
	if s.base != nil {
		all = append(all, s.base)
	}
	for _, c := range s.commands {
		if c.from != nil {
			all = append(all, c.from)
		}
		all = append(all, c.mounts...)
	}
	return all
}

// refuseCircles finds a stage that is made of itself.
func (asm *assembly) refuseCircles() error {
	done := map[*stage]bool{}
	var path []*stage
	var visit func(s *stage) error
	visit = func(s *stage) error {
		if i := slices.Index(path, s); i >= 0 {
			var titles []string
			for _, p := range append(path[i:], s) {
				titles = append(titles, p.title())
			}
			return asm.file.at(s.Location, fmt.Errorf("stages depend on one another in a circle: %s", strings.Join(titles, " needs ")))
		}
		if done[s] {
			return nil
		}
		done[s] = true
		path = append(path, s)
		for _, dep := range s.dependencies() {
			if err := visit(dep); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		return nil
	}
	for _, s := range asm.stages {
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}

// needed returns the stages that target is made of, images first and then in the
// Dockerfile's order. The configs of their bases have been read, and the ONBUILD
// triggers of those have become commands.
func (asm *assembly) needed(ctx context.Context, target *stage) ([]*stage, error) {
	for {
		all := asm.reachable(target)
		if err := asm.resolveAll(ctx, all); err != nil {
			return nil, err
		}
		more := false
		for _, s := range all {
			added, err := asm.trigger(s)
			if err != nil {
				return nil, asm.file.at(s.Location, err)
			}
			more = more || added
		}
		if !more {
			return all, nil
		}
		if err := asm.refuseCircles(); err != nil {
			return nil, err
		}
	}
}

// reachable returns the stages that target is known to be made of, images first and
// then in the Dockerfile's order.
func (asm *assembly) reachable(target *stage) []*stage {
	reach := map[*stage]bool{}
	var visit func(s *stage)
	visit = func(s *stage) {
		if !reach[s] {
			reach[s] = true
			for _, dep := range s.dependencies() {
				visit(dep)
			}
		}
	}
	visit(target)
	var all []*stage
	for _, s := range asm.images {
		if reach[s] {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *stage) int { return strings.Compare(a.BaseName, b.BaseName) })
	for _, s := range asm.stages {
		if reach[s] {
			all = append(all, s)
		}
	}
	return all
}

// resolveAll reads the configs of the bases of all stages, several at a time,
// and reports all that cannot be.
func (asm *assembly) resolveAll(ctx context.Context, all []*stage) error {
	all = slices.DeleteFunc(slices.Clone(all), func(s *stage) bool { return s.base != nil || s.resolved })
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(8) // registries throttle
	for i, s := range all {
		s.resolved = true
		group.Go(func() error {
			errs[i] = asm.file.at(s.Location, asm.resolveBase(ctx, s))
			return nil
		})
	}
	group.Wait()
	for _, s := range all {
		asm.checkPlatform(s) // in the Dockerfile's order
	}
	return errors.Join(errs...)
}

// trigger puts the ONBUILD triggers of the base of s before its commands. It
// says whether they copy from stages that were not known to be needed.
func (asm *assembly) trigger(s *stage) (more bool, err error) {
	if s.triggered || s.index < 0 {
		return false, nil
	}
	s.triggered = true
	var triggers []string
	if s.base != nil {
		for _, c := range s.base.commands {
			if onbuild, ok := c.Command.(*instructions.OnbuildCommand); ok {
				triggers = append(triggers, onbuild.Expression)
			}
		}
	} else {
		triggers = s.image.Config.OnBuild
		s.image.Config.OnBuild = nil
	}
	var commands []command
	for _, text := range triggers {
		c, err := asm.parseTrigger(s, text)
		if err != nil {
			return false, fmt.Errorf("ONBUILD %s, of the base %s: %w", text, s.BaseName, plain(err))
		}
		more = more || c.from != nil
		commands = append(commands, c)
	}
	s.commands = append(commands, s.commands...)
	return more, nil
}

func (asm *assembly) parseTrigger(s *stage, text string) (command, error) {
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return command{}, err
	}
	if len(parsed.AST.Children) != 1 {
		return command{}, errors.New("want one instruction")
	}
	n := parsed.AST.Children[0]
	// What goes wrong is placed at the FROM that brought the trigger.
	n.StartLine, n.EndLine = s.Location[0].Start.Line, s.Location[len(s.Location)-1].End.Line
	c, err := instructions.ParseCommand(n)
	if err != nil {
		return command{}, err
	}
	linked, err := asm.link(c)
	linked.trigger = text
	return linked, err
}

// refuseProcesses reports, all at once, the instructions of needed stages that
// would have to run something.
func refuseProcesses(asm *assembly, needed []*stage) error {
	var errs []error
	for _, s := range needed {
		for _, c := range s.commands {
			what := ""
			switch c := c.Command.(type) {
			case *instructions.RunCommand:
				what = "RUN starts a process"
				if err := checkRun(c); err != nil {
					errs = append(errs, asm.file.at(c.Location(), err))
				}
			case *instructions.AddCommand:
				for _, source := range c.SourcePaths {
					if isGit(source) {
						what = "ADD of a git repository runs git"
					}
				}
			}
			if what == "" {
				continue
			}
			if c.trigger != "" {
				what = fmt.Sprintf("ONBUILD %s, of the base %s: %s", c.trigger, s.BaseName, what)
			}
			errs = append(errs, asm.file.at(c.Location(), fmt.Errorf(
				"%s, which the embedded builder does not do, and the target needs stage %s; %s", what, s.title(), otherBuilders)))
		}
	}
	return errors.Join(errs...)
}

// checkRun judges the flags of a RUN, which is refused all the same: the mistake
// would come up with another builder. Flags with variables are not judged.
func checkRun(c *instructions.RunCommand) error {
	if strings.Contains(c.String(), "$") {
		return nil
	}
	return plain(c.Expand(func(word string) (string, error) { return word, nil }))
}

// fromPlatform warns of a FROM --platform that says nothing new, or always the
// same.
func fromPlatform(l *linter.Linter, s *stage, word shell.ProcessWordResult, p v1.Platform, global *env) {
	if _, ok := word.Matched["TARGETPLATFORM"]; ok && len(word.Matched) == 1 && len(word.Unmatched) == 0 {
		if target, _ := global.Get("TARGETPLATFORM"); word.Result == target {
			l.Run(&linter.RuleRedundantTargetPlatform, s.Location, linter.RuleRedundantTargetPlatform.Format(s.Platform))
		}
	}
	if len(word.Matched)+len(word.Unmatched) == 0 && !strings.Contains(s.Name, p.OS) && !strings.Contains(s.Name, p.Architecture) {
		l.Run(&linter.RuleFromPlatformFlagConstDisallowed, s.Location, linter.RuleFromPlatformFlagConstDisallowed.Format(word.Result))
	}
}

package assemble

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/slipway-build/slipway/images/fstree"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// evaluate runs the instructions of s. The stages that s needs must have been
// evaluated.
func (asm *assembly) evaluate(ctx context.Context, s *stage) error {
	if err := asm.begin(s); err != nil {
		return asm.graph.At(s.Location, err)
	}
	if s.Replaced || s.Index < 0 {
		return nil
	}
	if err := asm.beginStage(s); err != nil {
		return asm.graph.At(s.Location, err)
	}
	for _, c := range s.Instructions {
		if err := asm.dispatch(ctx, s, c); err != nil {
			err = dockerfile.Plain(err)
			if c.Trigger != "" {
				err = fmt.Errorf("ONBUILD %s, of the base %s: %w", c.Trigger, s.BaseName, err)
			}
			placed := asm.graph.At(c.Location(), err)
			var files *filesError
			if ctx.Err() != nil || !errors.As(err, &files) {
				return errors.Join(asm.failed, placed)
			}
			asm.failed = placed
		}
	}
	return nil
}

// A filesError is an error in the files that an instruction uses, not in its text. The
// instructions after it are still checked, as in BuildKit, which reads files only after
// all checks.
type filesError struct{ error }

func (e *filesError) Unwrap() error { return e.error }

// unlessFailed calls run, which changes files, unless an earlier instruction failed.
func (asm *assembly) unlessFailed(run func() error) error {
	if asm.failed != nil {
		return nil
	}
	if err := run(); err != nil {
		return &filesError{err}
	}
	return nil
}

// begin sets the state of s to that of its base.
func (asm *assembly) begin(s *stage) error {
	if s.Base != nil {
		base := asm.stage(s.Base)
		if err := asm.asBase(base); err != nil {
			return err
		}
		s.inherit(&base.state)
		return nil
	}
	s.env, s.dir = dockerfile.NewEnv(), "/"
	if s.Context != nil && !s.Replaced && s.Index >= 0 {
		return asm.asBase(s)
	}
	return nil
}

// beginStage sets the variables and the working folder from the base's config.
func (asm *assembly) beginStage(s *stage) error {
	config := &s.image.Config
	if !slices.ContainsFunc(config.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }) && s.state.platform.OS != "windows" {
		config.Env = append(config.Env, "PATH="+defaultPath)
	}
	for _, variable := range config.Env {
		key, value, _ := strings.Cut(variable, "=")
		s.env.Set(key, value)
	}
	if config.WorkingDir != "" {
		return s.setDir(config.WorkingDir)
	}
	return nil
}

// setDir sets the working folder, both in the config and for relative destinations.
func (s *stage) setDir(dir string) error {
	config, slashed, err := dockerfile.WorkingDir(s.image.Config.WorkingDir, dir, s.state.platform.OS)
	if err != nil {
		return err
	}
	s.image.Config.WorkingDir, s.dir = config, slashed
	return nil
}

// dispatch runs one instruction.
func (asm *assembly) dispatch(ctx context.Context, s *stage, c dockerfile.Instruction) error {
	lint := asm.graph.Lint.For(c.Comments())
	lex := shell.NewLex(asm.graph.Escape)
	expand := func(lex *shell.Lex) instructions.SingleWordExpander {
		return func(word string) (string, error) {
			result, err := asm.graph.Expand(lex, word, s.env)
			dockerfile.CheckVariables(lint, c.Location(), result.Unmatched, s.declared, s.env.Keys())
			return result.Result, err
		}
	}
	// ARG is not expanded here: a build argument may replace its default, and then an
	// error in the default does not matter.
	if _, isArg := c.Command.(*instructions.ArgCommand); !isArg {
		if e, ok := c.Command.(instructions.SupportsSingleWordExpansion); ok {
			if err := e.Expand(expand(lex)); err != nil {
				return err
			}
		}
	}
	if e, ok := c.Command.(instructions.SupportsSingleWordExpansionRaw); ok {
		raw := shell.NewLex('\\')
		raw.SkipProcessQuotes = true
		if err := e.ExpandRaw(expand(raw)); err != nil {
			return err
		}
	}
	from := c.From
	switch c := c.Command.(type) {
	case *instructions.ArgCommand:
		return s.arg(c, asm, expand(lex), lint)
	case *instructions.EnvCommand:
		s.setEnv(c, lint)
	case *instructions.LabelCommand:
		s.label(c, lint)
	case *instructions.MaintainerCommand:
		s.image.Author = c.Maintainer
		s.record("MAINTAINER "+c.Maintainer, false)
	case *instructions.WorkdirCommand:
		return asm.workdir(ctx, s, c, lint)
	case *instructions.UserCommand:
		s.image.Config.User = c.User
		s.record("USER "+c.User, false)
	case *instructions.ExposeCommand:
		return s.expose(c, asm.graph.File, lex, lint)
	case *instructions.VolumeCommand:
		return s.volume(c)
	case *instructions.CmdCommand:
		s.command(c, lint)
	case *instructions.EntrypointCommand:
		s.entryPoint(c, lint)
	case *instructions.ShellCommand:
		s.image.Config.Shell = c.Shell
		s.record(fmt.Sprintf("SHELL %v", c.Shell), false)
	case *instructions.StopSignalCommand:
		if !dockerfile.IsSignal(c.Signal) {
			return fmt.Errorf("STOPSIGNAL %s: want a signal's number or a name such as SIGTERM", c.Signal)
		}
		s.image.Config.StopSignal = c.Signal
		s.record("STOPSIGNAL "+c.Signal, false)
	case *instructions.HealthCheckCommand:
		s.health(c, lint)
	case *instructions.OnbuildCommand:
		s.image.Config.OnBuild = append(s.image.Config.OnBuild, c.Expression)
	case *instructions.CopyCommand:
		return asm.copyCommand(ctx, s, c, from, lint)
	case *instructions.AddCommand:
		return asm.addCommand(ctx, s, c, lint)
	default:
		return fmt.Errorf("%s: %s", c.Name(), dockerfile.OtherBuilders)
	}
	return nil
}

func (s *stage) arg(c *instructions.ArgCommand, asm *assembly, expand func(string) (string, error), lint *linter.Linter) error {
	said := "ARG"
	for _, arg := range c.Args {
		dockerfile.CheckSecretName(lint, c.Location(), "ARG", arg.Key)
		value, err := dockerfile.ArgValue(arg, asm.graph.Global, asm.graph.Options.Args, expand)
		if err != nil {
			return err
		}
		arg.Value = value
		said += " " + arg.Key
		if value != nil {
			s.env.Set(arg.Key, *value)
			said += "=" + *value
		}
		s.declared = append(s.declared, arg)
	}
	s.record(said, false)
	return nil
}

func (s *stage) setEnv(c *instructions.EnvCommand, lint *linter.Linter) {
	said := "ENV"
	for _, e := range c.Env {
		legacyFormat(lint, c, e)
		dockerfile.CheckSecretName(lint, c.Location(), "ENV", e.Key)
		s.env.Set(e.Key, e.Value)
		s.image.Config.Env = dockerfile.SetVariable(s.image.Config.Env, e.Key, e.Value)
		said += " " + e.String()
	}
	s.record(said, false)
}

func (s *stage) label(c *instructions.LabelCommand, lint *linter.Linter) {
	said := "LABEL"
	if s.image.Config.Labels == nil {
		s.image.Config.Labels = map[string]string{}
	}
	for _, l := range c.Labels {
		legacyFormat(lint, c, l)
		s.image.Config.Labels[l.Key] = l.Value
		said += " " + l.String()
	}
	s.record(said, false)
}

func legacyFormat(l *linter.Linter, c instructions.Command, pair instructions.KeyValuePair) {
	if pair.NoDelim {
		l.Run(&linter.RuleLegacyKeyValueFormat, c.Location(), linter.RuleLegacyKeyValueFormat.Format(c.Name()))
	}
}

func (s *stage) volume(c *instructions.VolumeCommand) error {
	if s.image.Config.Volumes == nil {
		s.image.Config.Volumes = map[string]struct{}{}
	}
	for _, v := range c.Volumes {
		if v == "" {
			return errors.New("VOLUME: a volume's path is empty")
		}
		s.image.Config.Volumes[v] = struct{}{}
	}
	s.record(fmt.Sprintf("VOLUME %v", c.Volumes), false)
	return nil
}

// withShell returns the config's command line for an instruction in shell form.
func (s *stage) withShell(args []string) []string {
	shell := slices.Clone(s.image.Config.Shell)
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
		if s.image.OS == "windows" {
			shell = []string{"cmd", "/S", "/C"}
		}
	}
	return append(shell, strings.Join(args, " "))
}

// commandLine returns the config's command line for a CMD or ENTRYPOINT.
func (s *stage) commandLine(c instructions.Command, line instructions.ShellDependantCmdLine, lint *linter.Linter) []string {
	if !line.PrependShell {
		return line.CmdLine
	}
	if len(s.image.Config.Shell) == 0 {
		lint.Run(&linter.RuleJSONArgsRecommended, c.Location(), linter.RuleJSONArgsRecommended.Format(c.Name()))
	}
	return s.withShell(line.CmdLine)
}

func (s *stage) command(c *instructions.CmdCommand, lint *linter.Linter) {
	dockerfile.CheckOnce(lint, c, &s.cmd)
	args := s.commandLine(c, c.ShellDependantCmdLine, lint)
	s.image.Config.Cmd = args
	//lint:ignore SA1019 BuildKit sets it, and so do we
	s.image.Config.ArgsEscaped = true
	s.record(fmt.Sprintf("CMD %q", args), false)
}

func (s *stage) entryPoint(c *instructions.EntrypointCommand, lint *linter.Linter) {
	dockerfile.CheckOnce(lint, c, &s.entrypoint)
	args := s.commandLine(c, c.ShellDependantCmdLine, lint)
	s.image.Config.Entrypoint = args
	if s.cmd == nil {
		// A CMD inherited from the base belongs to the base's entry point.
		s.image.Config.Cmd = nil
	}
	s.record(fmt.Sprintf("ENTRYPOINT %q", args), false)
}

func (s *stage) health(c *instructions.HealthCheckCommand, lint *linter.Linter) {
	dockerfile.CheckOnce(lint, c, &s.healthcheck)
	s.image.Config.Healthcheck = &dockerspec.HealthcheckConfig{
		Test: c.Health.Test, Interval: c.Health.Interval, Timeout: c.Health.Timeout,
		StartPeriod: c.Health.StartPeriod, StartInterval: c.Health.StartInterval, Retries: c.Health.Retries,
	}
	s.record(fmt.Sprintf("HEALTHCHECK %+v", *s.image.Config.Healthcheck), false)
}

func (asm *assembly) workdir(ctx context.Context, s *stage, c *instructions.WorkdirCommand, lint *linter.Linter) error {
	if !s.workdirSet && !dockerfile.IsAbsolutePath(c.Path, s.state.platform.OS) {
		lint.Run(&linter.RuleWorkdirRelativePath, c.Location(), linter.RuleWorkdirRelativePath.Format(c.Path))
	}
	s.workdirSet = true
	if c.Path == "" {
		c.Path = s.dir // its variables are empty: BuildKit keeps the current folder
	}
	if err := s.setDir(c.Path); err != nil {
		return fmt.Errorf("WORKDIR %s: %w", c.Path, err)
	}
	said := "WORKDIR " + dockerfile.Slashes(s.image.Config.WorkingDir, s.state.platform.OS)
	if said == "WORKDIR /" {
		s.record(said, false)
		return nil
	}
	return asm.unlessFailed(func() error { return asm.makeWorkdir(ctx, s, c.Path, said) })
}

// makeWorkdir creates the folder of a WORKDIR, owned by USER.
func (asm *assembly) makeWorkdir(ctx context.Context, s *stage, dir, said string) error {
	t, err := asm.fs(ctx, s)
	if err != nil {
		return err
	}
	var as *fstree.Owner
	if user := s.image.Config.User; user != "" {
		// If USER is unknown, BuildKit creates the folder as root, and fails only while
		// the image is still empty.
		as, err = asm.owner(ctx, s, t.Root, user)
		var unknown *unknownNameError
		if err != nil && (!errors.As(err, &unknown) || s.origin == nil && len(s.steps) == 0) {
			return fmt.Errorf("WORKDIR %s of USER %s: %w", dir, user, err)
		}
	}
	if _, err := t.MakeFolders(s.dir, fstree.InstructionFolders(0o755, as)); err != nil {
		return fmt.Errorf("WORKDIR %s: %w", dir, err)
	}
	return s.commit(said, false)
}
